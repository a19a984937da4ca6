"""`eval run drills`: the recordings of the repository, watched and diagnosed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation import running
from watchkeeper.evaluation.problems import of_recordings, truths_of
from watchkeeper.evaluation.scorecard import Scorecard
from watchkeeper.evaluation.suites import open_suite


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return running.run(open_suite("drills"), at=datetime(2026, 5, 4, tzinfo=UTC))


@pytest.mark.timeout(600)
def test_every_culprit_is_named_and_what_is_quiet_is_left_alone(card: Scorecard) -> None:
    assert {r.case: (r.truth, r.status, r.ranked[:1]) for r in card.results if not r.is_hit} == {}
    assert (card.top1, card.failed, card.none) == (1.0, 0, 3)


def test_every_release_is_judged_rightly(card: Scorecard) -> None:
    assert {r.case: r.is_release_right for r in card.results if not r.is_release_right} == {}
    assert card.release_right == 1.0


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="recordings are part of the repository"):
        of_recordings([tmp_path / "gone"])


def test_an_empty_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run" / "telemetry").mkdir(parents=True)
    (problem,) = of_recordings([tmp_path / "run"])
    with pytest.raises(DatasetRejected, match="holds no recording"):
        problem.pose(frozenset())


def test_a_truth_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "truth.yaml").write_text("kind: gremlins\n")
    with pytest.raises(DatasetRejected, match=r"truth\.yaml: expected the truth"):
        truths_of([tmp_path])
