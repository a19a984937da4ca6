"""Where a drill is recorded: never over another recording."""

from pathlib import Path

import pytest

from watchkeeper.cli.drill import _claimed
from watchkeeper.errors import ConfigError


def test_a_folder_that_holds_a_recording_is_not_recorded_over(tmp_path: Path) -> None:
    told = pytest.raises(ConfigError, match="kept holds a recording, or one is under way")
    with _claimed(tmp_path / "kept"), told, _claimed(tmp_path / "kept"):
        pass


def test_a_drill_that_kept_nothing_leaves_its_folder_for_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        with _claimed(tmp_path):
            assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_what_was_kept_stays(tmp_path: Path) -> None:
    with _claimed(tmp_path):
        (tmp_path / "telemetry" / "spans.parquet").touch()
    assert (tmp_path / "telemetry" / "spans.parquet").exists()
    with pytest.raises(ConfigError), _claimed(tmp_path):
        pass
