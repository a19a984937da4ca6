"""`watchkeeper evaluate-me` as somebody types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from made_shop import Shop, at
from watchkeeper.cli.app import app
from watchkeeper.domain import Window
from watchkeeper.evaluation.scorecard import Scorecard
from watchkeeper.telemetry.recording import write_recording

SECONDS, CASES, WIDTH = 300, 1, 80


def recorded(folder: Path, seconds: int) -> Path:
    with Shop(seconds=seconds, onset=seconds).store() as store:
        write_recording(store, Window(start=at(-1), end=at(seconds + 1)), folder)
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WATCHKEEPER_HOME", str(tmp_path / "home"))
    return tmp_path


def test_it_says_what_to_expect_and_keeps_the_run(home: Path) -> None:
    folder, out = recorded(home / "calm", SECONDS), home / "run.json"
    told = CliRunner().invoke(app, ["evaluate-me", "--from", str(folder), "--cases", str(CASES), "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert "faults put into 5 minutes of telemetry" in told.stdout
    assert "bank is called by payment, and reports nothing" in told.stdout
    body = told.stdout.split("Run   ")[0]
    assert max(len(line) for line in body.splitlines()) <= WIDTH
    assert Scorecard.read(out).suite == "evaluate-me"


def test_too_little_telemetry_is_one_sentence(home: Path) -> None:
    from watchkeeper.errors import DatasetRejected

    told = CliRunner().invoke(app, ["evaluate-me", "--from", str(recorded(home / "short", 60))])
    assert isinstance(told.exception, DatasetRejected)
    assert "expected 150 s or more of quiet telemetry" in str(told.exception)


def test_a_recording_and_a_server_are_not_both_asked(home: Path) -> None:
    told = CliRunner().invoke(app, ["evaluate-me", "--from", "here", "--store", "http://127.0.0.1:1"])
    assert told.exit_code == 2
