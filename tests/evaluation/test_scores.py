"""What counts as a hit, and every figure of the contract on cases that can be counted by hand."""

from collections.abc import Sequence

import pytest

from made_runs import BEGAN, SETTING
from watchkeeper.datasets.cases import Answer
from watchkeeper.errors import DatasetRejected
from watchkeeper.evaluation.marking import mark
from watchkeeper.evaluation.scorecard import Scorecard
from watchkeeper.evaluation.scores import Attempt, is_same, is_same_commit, judged, worth

ALL = ("a", "b", "c", "d")


def card(*pairs: tuple[Attempt, Answer]) -> Scorecard:
    attempts = [attempt for attempt, _ in pairs]
    return mark(SETTING, attempts, {a.case: answer for a, answer in pairs}, is_same)


def case(
    name: str, status: str, ranked: Sequence[str], truth: str | None, probability: float | None = None
) -> tuple[Attempt, Answer]:
    made = Attempt(name, status, tuple(ranked), probability, 1.0, candidates=ALL)  # type: ignore[arg-type]
    return made, Answer(truth, kind="k", system="s")


def mixed() -> Scorecard:
    return card(
        case("right", "answered", "abc", "a", 0.9),
        case("second", "answered", "ba", "a", 0.6),
        case("held back", "abstained", "a", "a", 0.4),
        case("quiet", "none", "", None),
        case("missed", "none", "", "a"),
        case("broken", "failed", "", "b"),
    )


def test_the_cases_are_counted_apart() -> None:
    found = mixed()
    assert (found.cases, found.answered, found.none, found.abstained, found.failed) == (6, 2, 2, 1, 1)
    assert found.coverage == pytest.approx(4 / 6, abs=1e-4)


def test_shares_are_of_all_cases() -> None:
    found = mixed()
    assert found.top1 == pytest.approx(2 / 6, abs=1e-4)
    assert found.top3 == found.top5 == pytest.approx(3 / 6, abs=1e-4)
    assert found.mrr == pytest.approx((1 + 1 / 2 + 1) / 6, abs=1e-4)


def test_a_ranking_counts_whatever_the_status_where_it_is_forced() -> None:
    found = mixed()
    assert found.forced_top1 == pytest.approx(3 / 6, abs=1e-4)
    assert found.forced_top3 == pytest.approx(4 / 6, abs=1e-4)


def test_accuracy_where_something_was_said_leaves_out_the_rest() -> None:
    assert mixed().selective_accuracy == 2 / 4
    assert card(case("x", "abstained", "a", "a")).selective_accuracy is None


def test_wrong_is_worse_than_silent() -> None:
    assert mixed().utility == pytest.approx((1 - 1 + 0 + 1 - 1 + 0) / 6, abs=1e-4)
    wrong = judged(*case("x", "answered", "b", "a"), is_same)
    assert worth(wrong, wrong=-3.0) == -3.0


def test_probabilities_are_judged_whatever_the_status() -> None:
    assert mixed().brier == pytest.approx((0.1**2 + 0.6**2 + 0.6**2) / 3, abs=1e-4)
    assert card(case("x", "none", "", None)).brier is None


@pytest.mark.parametrize("status", ["answered", "abstained", "failed"])
def test_nothing_to_blame_is_hit_by_none_only(status: str) -> None:
    result = judged(*case("x", status, "a", None), is_same)
    assert (result.truth, result.hit_rank, result.is_hit) == ("none", None, False)


def test_every_share_has_an_interval_around_it() -> None:
    found = mixed()
    for name in ("coverage", "top1", "top3", "top5", "mrr", "forced_top1", "forced_top3", "brier", "utility"):
        low, high = found.intervals[name]
        assert low <= getattr(found, name) <= high


def test_guessing_is_scored_by_expectation() -> None:
    guessing = mixed().baselines["random"]
    assert guessing.top1 == pytest.approx((5 * 1 / 4 + 0) / 6, abs=1e-4)
    assert guessing.top3 == pytest.approx(5 * 3 / 4 / 6, abs=1e-4)
    assert guessing.top5 == pytest.approx(5 / 6, abs=1e-4)
    assert guessing.intervals["top1"][0] <= guessing.top1 <= guessing.intervals["top1"][1]


def test_saying_none_always_is_a_baseline_where_that_can_be_right() -> None:
    assert mixed().baselines["always_none"].top1 == pytest.approx(1 / 6, abs=1e-4)
    assert "always_none" not in card(case("x", "answered", "a", "a")).baselines


def test_a_baseline_is_scored_on_the_same_cases_and_its_failures_are_counted() -> None:
    attempts = [
        Attempt("x", "answered", ("a",), baselines={"max_z": ("b", "a")}),
        Attempt("y", "answered", ("a",), baselines={"max_z": None}),
    ]
    answers = {"x": Answer("a", decoys=frozenset("b")), "y": Answer("a")}
    score = mark(SETTING, attempts, answers, is_same).baselines["max_z"]
    assert (score.top1, score.top3, score.failed, score.decoy_blamed) == (0.0, 0.5, 1, 1)


def test_a_decoy_is_blamed_by_an_answer_and_not_by_a_ranking_that_was_held_back() -> None:
    answers = {name: Answer("a", decoys=frozenset("d")) for name in "xy"}
    attempts = [Attempt("x", "answered", ("d",)), Attempt("y", "abstained", ("d",))]
    assert mark(SETTING, attempts, answers, is_same).decoy_blamed == 1


def test_groups_are_told_apart() -> None:
    attempts = [Attempt("x", "answered", ("a",)), Attempt("y", "answered", ("b",))]
    answers = {"x": Answer("a", kind="cpu", system="one"), "y": Answer("a", kind="net", system="one")}
    found = mark(SETTING, attempts, answers, is_same)
    assert {kind: group.top1 for kind, group in found.by_kind.items()} == {"cpu": 1.0, "net": 0.0}
    assert found.by_system["one"].cases == found.by_truth["a"].cases == 2


def test_commits_are_the_same_by_a_prefix_of_seven() -> None:
    whole = "559e94ce37a7b4b6"
    assert is_same_commit("559E94C", whole)
    assert is_same_commit(whole + "00", whole)
    assert not is_same_commit("559e94", whole)
    assert not is_same_commit("559e94d", whole)


def test_the_release_is_right_where_the_guilty_change_is_blamed_and_no_other() -> None:
    attempts = [Attempt("x", "answered", ("a",), blamed_change="r1"), Attempt("y", "none", blamed_change=None)]
    answers = {"x": Answer("a"), "y": Answer(None)}
    assert mark(SETTING, attempts, answers, is_same, {"x": "r1", "y": None}).release_right == 1.0
    assert mark(SETTING, attempts, answers, is_same, {"x": None, "y": None}).release_right == 0.5


def test_an_empty_run_is_no_score() -> None:
    with pytest.raises(DatasetRejected, match="no case"):
        mark(SETTING, [], {}, is_same)


def test_a_case_without_a_truth_is_no_score() -> None:
    with pytest.raises(DatasetRejected, match="does not tell the truth of the case x"):
        mark(SETTING, [Attempt("x", "none")], {}, is_same)


def test_what_is_written_has_every_field_of_the_contract() -> None:
    fields = set(mixed().model_dump())
    assert fields >= {
        *("suite", "engine", "version", "cases", "answered", "none", "abstained", "failed", "coverage"),
        *("top1", "top3", "top5", "mrr", "forced_top1", "forced_top3", "selective_accuracy", "decoy_blamed"),
        *("brier", "intervals", "seconds_per_case", "baselines", "results"),
    }
    result = mixed().model_dump()["results"][0]
    assert set(result) >= {"case", "truth", "ranked", "probability", "status", "hit_rank", "seconds"}
    assert BEGAN.tzinfo is not None
