"""What stated probabilities are worth, on cases that can be counted by hand."""

from collections.abc import Sequence

import pytest

from made_runs import SETTING
from watchkeeper.datasets.cases import Answer
from watchkeeper.evaluation.calibration import base_rates, brier_over_all, risk_at, risk_coverage, sure
from watchkeeper.evaluation.marking import mark
from watchkeeper.evaluation.scorecard import Calibration, Result, Scorecard
from watchkeeper.evaluation.scores import Attempt, is_same

Told = tuple[str, Sequence[str], Sequence[float], str | None]
"""Status, ranking, probabilities, truth."""


def card(*told: Told, systems: Sequence[str] = ()) -> Scorecard:
    attempts, answers = [], {}
    for number, (status, ranked, probabilities, truth) in enumerate(told):
        first = probabilities[0] if probabilities else None
        made = Attempt(f"{number}", status, tuple(ranked), first, candidates=("a", "b", "c"))  # type: ignore[arg-type]
        attempts.append(Attempt(**vars(made) | {"probabilities": tuple(probabilities)}))
        answers[f"{number}"] = Answer(truth, kind="k", system=systems[number] if systems else "s")
    return mark(SETTING, attempts, answers, is_same)


def figures(*told: Told, systems: Sequence[str] = ()) -> Calibration:
    found = card(*told, systems=systems).calibration
    assert found is not None
    return found


def results(*told: Told) -> Sequence[Result]:
    return card(*told).results


def test_the_error_is_over_all_that_may_be_true() -> None:
    assert brier_over_all((0.7, 0.2), 1) == pytest.approx(0.3**2 + 0.2**2 + 0.1**2)
    assert brier_over_all((0.7, 0.2), 2) == pytest.approx(0.7**2 + 0.8**2 + 0.1**2)


def test_a_truth_that_was_not_named_had_no_probability() -> None:
    assert brier_over_all((0.7, 0.2), None) == pytest.approx(0.7**2 + 0.2**2 + 0.1**2 + 1)


def test_what_is_left_over_is_on_none_of_them() -> None:
    assert brier_over_all((), None, is_none=True) == 0.0
    assert brier_over_all((0.7, 0.2), None, is_none=True) == pytest.approx(0.7**2 + 0.2**2 + 0.9**2)


def test_who_says_nothing_at_all_takes_everything_for_equally_likely() -> None:
    assert brier_over_all((), None, unknown=3) == pytest.approx(0.75**2 + 3 * 0.25**2)
    (held_back,) = results(("abstained", (), (), "a"))
    assert held_back.brier_ranked == brier_over_all((), None, unknown=3)
    (wrong,) = results(("none", (), (), "a"))
    assert wrong.brier_ranked == 2.0


def test_the_base_rate_knows_how_often_each_is_true_in_its_system() -> None:
    found = base_rates([("x", "a"), ("x", "a"), ("x", "b"), ("y", "b")])
    assert found["x", "a"] == pytest.approx((1 / 3) ** 2 + (1 / 3) ** 2)
    assert found["x", "b"] == pytest.approx((2 / 3) ** 2 + (2 / 3) ** 2)
    assert found["y", "b"] == pytest.approx(0)


def test_skill_is_what_is_better_than_the_base_rate() -> None:
    found = figures(("answered", "ab", (0.8, 0.2), "a"), ("answered", "ba", (0.8, 0.2), "b"))
    assert (found.brier_ranked, found.brier_base, found.brier_skill) == (0.08, 0.5, 0.84)


def test_where_the_base_rate_is_perfect_there_is_no_skill() -> None:
    assert figures(("answered", "a", (0.8,), "a")).brier_skill is None


def test_sure_answers_are_counted_apart() -> None:
    found = sure(
        results(
            ("answered", "a", (0.95,), "a"),
            ("answered", "b", (0.99,), "a"),
            ("answered", "a", (0.9,), "a"),
            ("abstained", "a", (0.99,), "a"),
        )
    )
    assert (found.answers, found.sure, found.right, found.share_right) == (3, 2, 1, 0.5)
    assert (found.of_right, found.share_of_right) == (2, 0.5)
    assert found.interval is not None
    assert found.interval[0] < 0.5 < found.interval[1]


def test_where_nobody_is_sure_there_is_no_share() -> None:
    found = sure(results(("answered", "b", (0.5,), "a")))
    assert (found.sure, found.share_right, found.interval, found.share_of_right) == (0, None, None, None)


def test_risk_is_of_the_surest_and_what_is_equally_sure_is_answered_together() -> None:
    curve = risk_coverage(
        results(
            ("answered", "a", (0.9,), "a"),
            ("answered", "b", (0.5,), "a"),
            ("answered", "a", (0.5,), "a"),
            ("abstained", (), (), "a"),
        )
    )
    assert curve == ((0.25, 0.0), (0.75, 0.3333), (1.0, 0.5))
    assert [risk_at(curve, covered) for covered in (0.25, 0.5, 1.0)] == [0.0, 0.3333, 0.5]


def test_reliability_is_in_fifths_with_their_counts_and_intervals() -> None:
    found = figures(("answered", "a", (0.9,), "a"), ("answered", "b", (0.85,), "a"), ("abstained", "a", (0.1,), "a"))
    told = [(b.low, b.confirmed.part, b.confirmed.whole) for b in found.bins if b.confirmed.whole]
    assert told == [(0.0, 1, 1), (0.8, 1, 2)]
    last = found.bins[-1]
    assert (last.mean_probability, last.confirmed.value) == (pytest.approx(0.875), 0.5)
    assert last.confirmed.low is not None


def test_each_system_and_each_kind_has_its_own() -> None:
    found = card(("answered", "a", (0.95,), "a"), ("answered", "b", (0.95,), "a"), systems=("one", "two"))
    shares = {name: group.calibration.sure.right for name, group in found.by_system.items() if group.calibration}
    assert shares == {"one": 1, "two": 0}
    assert found.by_kind["k"].calibration == found.calibration
