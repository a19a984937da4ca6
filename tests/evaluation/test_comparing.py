"""Two runs, case by case."""

from dataclasses import replace

import pytest

from made_runs import SETTING, run_of
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation.comparing import compare


def test_the_cases_that_flipped_are_named() -> None:
    found = compare(run_of("rrwh"), run_of("rwrr"))
    assert (found.cases, found.hits_before, found.hits_after) == (4, 2, 3)
    assert [(f.after.case, f.is_won) for f in found.flips] == [("case 1", False), ("case 2", True), ("case 3", True)]
    assert (found.won, found.lost, found.p) == (2, 1, 1.0)


def test_many_flips_one_way_are_more_than_noise() -> None:
    assert compare(run_of("wwwwww"), run_of("rrrrrr")).p == pytest.approx(2 / 64)


def test_only_cases_that_both_have_are_paired() -> None:
    found = compare(run_of("rrr"), run_of("ww", first=2))
    assert (found.cases, found.only_before, found.only_after) == (1, ("case 0", "case 1"), ("case 3",))


def test_runs_of_different_suites_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="petshop"):
        compare(run_of("r"), run_of("r", setting=replace(SETTING, suite="petshop")))


def test_runs_without_a_case_in_common_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="no case in common"):
        compare(run_of("r"), run_of("r", first=5))


def test_runs_that_do_not_agree_on_the_truth_cannot_be_compared() -> None:
    card = run_of("rr")
    other = card.model_copy(update={"results": (card.results[0].model_copy(update={"truth": "web"}), card.results[1])})
    with pytest.raises(ConfigError, match="do not agree on the truth of case 0"):
        compare(card, other)
