"""Intervals where a case was run more than once."""

import pytest

from made_runs import SETTING
from watchkeeper.casebook.figures import wilson
from watchkeeper.datasets.cases import Answer
from watchkeeper.evaluation.marking import mark
from watchkeeper.evaluation.repeats import mean_of, share_of
from watchkeeper.evaluation.scorecard import Result, Scorecard
from watchkeeper.evaluation.scores import Attempt, is_same


def drawn(*hits: str) -> Scorecard:
    """A case a word, a drawing a letter: `rrw` is right twice and then wrong."""
    attempts = [
        Attempt(f"case {case}", "answered", ("a",) if letter == "r" else ("b",), 0.6, draw=draw, candidates=("a", "b"))
        for case, letters in enumerate(hits)
        for draw, letter in enumerate(letters)
    ]
    return mark(SETTING, attempts, {a.case: Answer("a", kind="k", system="s") for a in attempts}, is_same)


def is_hit(result: Result) -> bool:
    return result.is_hit


def test_one_run_a_case_has_wilsons_interval() -> None:
    share, interval = share_of(drawn("r", "r", "w").results, is_hit)
    assert (share, interval) == (0.6667, tuple(round(end, 4) for end in wilson(2, 3)))


def test_more_runs_of_the_same_cases_make_nothing_surer() -> None:
    once, often = drawn("r", "r", "w"), drawn("r" * 20, "r" * 20, "w" * 20)
    assert share_of(often.results, is_hit)[0] == share_of(once.results, is_hit)[0]
    low, high = share_of(often.results, is_hit)[1]
    assert high - low > 0.5


def test_where_all_runs_agree_the_cases_still_are_few() -> None:
    share, (low, high) = share_of(drawn("rr", "rr").results, is_hit)
    assert (share, high) == (1.0, 1.0)
    assert low == pytest.approx(wilson(2, 2)[0], abs=1e-4)


def test_a_mean_is_over_runs_and_its_interval_over_cases() -> None:
    mean, (low, high) = mean_of(["x", "x", "y", "y"], [1.0, 0.0, 0.5, 0.5])
    assert (mean, low, high) == (0.5, 0.5, 0.5)


def test_cases_are_counted_once_and_how_they_ended_in_runs() -> None:
    card = drawn("rw", "rr")
    assert (card.cases, card.answered, card.top1, len(card.results)) == (2, 4, 0.75, 4)
    assert (card.by_kind["k"].cases, card.by_kind["k"].top1) == (2, 0.75)
    assert card.baselines["random"].top1 == 0.5
