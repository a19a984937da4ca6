"""A suite from its first case to its scorecard."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from made_shop import Shop, at
from watchkeeper.datasets.cases import Answer, Trigger
from watchkeeper.domain import Signal
from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation import running, suites
from watchkeeper.evaluation.lost_calls import Lost
from watchkeeper.evaluation.problems import Posed, Problem, Without
from watchkeeper.evaluation.suites import Suite, open_suite

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def quiet(name: str, order: list[str]) -> Problem:
    """A case in which nobody noticed anything."""

    def pose(without: Without) -> Posed:
        order.append(name)
        return Posed(
            Trigger(Signal(kind="question", at=at(60)), at(60)), {}, Shop(seconds=60).store(), is_noticed=False
        )

    return Problem(name, pose, ("a", "b"))


def small(order: list[str], count: int = 3) -> Suite:
    def answers() -> dict[str, Answer]:
        order.append("truth")
        return {f"case {i}": Answer("a" if i else None) for i in range(count)}

    return Suite("small", "component", tuple(quiet(f"case {i}", order) for i in range(count)), answers)


def test_the_truth_is_read_when_all_answers_are_in() -> None:
    order: list[str] = []
    running.run(small(order), at=NOW)
    assert order == ["case 0", "case 1", "case 2", "truth"]


def test_a_quiet_case_is_none_and_a_fault_that_nobody_noticed_is_wrong() -> None:
    card = running.run(small([]), at=NOW)
    assert [(r.status, r.is_hit) for r in card.results] == [("none", True), ("none", False), ("none", False)]
    assert card.utility == pytest.approx(-1 / 3, abs=1e-4)


def test_only_the_first_cases_are_run_where_that_is_asked() -> None:
    card = running.run(small([]), at=NOW, limit=2)
    assert (card.cases, card.limit) == (2, 2)


def test_what_was_left_out_is_kept_with_the_result() -> None:
    card = running.run(small([]), at=NOW, without=frozenset({"topology", "logs"}))
    assert card.without == ("logs", "topology")


def test_progress_tells_what_was_answered_and_nothing_of_the_truth() -> None:
    said: list[str] = []
    running.run(small([], 1), at=NOW, say=said.append)
    assert said == ["1/1  case 0: none in 0.0 s"]


def test_an_empty_suite_is_an_error() -> None:
    with pytest.raises(DatasetRejected, match="no case to run"):
        running.run(replace(small([]), problems=()), at=NOW)


def test_a_baseline_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no baseline guesswork"):
        running.named(("guesswork",))


@pytest.mark.parametrize("name", [name for name in suites.known() if suites.metrics_of(name) is None])
def test_every_suites_file_can_be_read_and_its_baselines_exist(name: str, tmp_path: Path) -> None:
    if name in ("drills", "investigations"):
        running.named(open_suite(name).baselines)
        return
    with pytest.raises(DatasetRejected):
        open_suite(name, tmp_path)
    with pytest.raises(DatasetRejected, match="no such folder"):
        open_suite(name, tmp_path / "gone")


def test_a_suite_that_does_not_exist_is_named_with_one_that_does() -> None:
    with pytest.raises(ConfigError, match="did you mean `drills`"):
        open_suite("drill")


def test_a_suite_over_a_data_set_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--data"):
        open_suite("petshop")


def test_a_suite_of_drills_takes_a_folder_of_other_recordings(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected, match="holds no recorded drill"):
        open_suite("drills", tmp_path)
    for name in ("b-2", "a-1"):
        (tmp_path / "mine" / name / "telemetry").mkdir(parents=True)
    opened = open_suite("drills", tmp_path / "mine")
    assert ([p.name for p in opened.problems], opened.data) == (["a-1", "b-2"], "mine")
    assert open_suite("drills").data is None


def test_how_a_suite_was_made_harder_is_kept_with_the_result() -> None:
    suite = replace(small([]), alert_delay_seconds=60.0, until_seconds=120.0)
    card = running.run(suite, at=NOW, lost=Lost(20, seeds=2))
    assert (card.alert_delay_seconds, card.until_seconds) == (60.0, 120.0)
    assert (card.missing_edges_percent, card.seeds) == (20, 2)
    assert (card.cases, len(card.results), card.none) == (3, 6, 6)


def test_progress_tells_what_most_drawings_answered() -> None:
    said: list[str] = []
    running.run(small([], 1), at=NOW, say=said.append, lost=Lost(20, seeds=2))
    assert said == ["1/1  case 0: none in 2 of 2 draws in 0.0 s"]


@pytest.mark.parametrize(
    ("percent", "seeds", "says"), [(0, 1, "--missing-edges"), (101, 1, "percent"), (5, 0, "--seeds")]
)
def test_a_loss_that_makes_no_sense_is_refused(percent: float, seeds: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Lost(percent, seeds)


def test_a_suites_file_is_read_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd.yaml").write_text("kind: dataset\ndataset: petshop\nanswer: component\nbaseline: [max_z]\n")
    monkeypatch.setattr(suites, "FOLDER", tmp_path)
    with pytest.raises(ConfigError, match=r"odd\.yaml: .*baseline"):
        open_suite("odd", tmp_path)
