from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from watchkeeper.lab.truth import Truth

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_truth() -> Truth:
    return Truth(
        kind="slow-dependency",
        service="payment",
        dependency="bank",
        size=1.0,
        seed=7,
        minutes=6.0,
        innocent_changes=("checkout-1.4.0-x",),
        begins=NOON,
        fault_onset=NOON + timedelta(minutes=3),
        symptom_onset=NOON + timedelta(minutes=3, seconds=2.5),
        ends=NOON + timedelta(minutes=6),
    )


def test_a_truth_is_read_as_it_was_written(tmp_path: Path) -> None:
    a_truth().to_yaml(tmp_path / "truth.yaml")
    assert Truth.from_yaml(tmp_path / "truth.yaml") == a_truth()


def test_a_truth_takes_no_time_without_a_zone() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Truth.model_validate(a_truth().model_dump() | {"begins": datetime(2026, 3, 1, 12)})  # noqa: DTZ001
