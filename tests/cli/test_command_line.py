"""The command line as people and scripts meet it: what it says, where, and with which exit code."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
import typer.core

from watchkeeper import assembly, settings
from watchkeeper.cli import main
from watchkeeper.cli.diagnose import moment
from watchkeeper.domain import CaseFile, Window
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of, write_recording
from watchkeeper.telemetry.sources import ExtentQuery

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTES = 12


def quiet_spans() -> list[dict[str, object]]:
    """Requests to one service that always takes about 20 ms and never fails."""
    return [
        {
            "time": NOON + timedelta(seconds=second),
            "duration_ns": 20_000_000 + 10_000 * (second % 7),
            "service_name": "checkout",
            "trace_id": f"{second:032x}",
            "span_id": f"{second:016x}",
            "name": "POST /orders",
            "kind": "server",
            "status_code": "unset",
        }
        for second in range(MINUTES * 60)
    ]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    folder = tmp_path / "recording"
    store = store_of({"spans": table_of("spans", quiet_spans())})
    write_recording(store, Window(start=NOON, end=NOON + timedelta(minutes=MINUTES)), folder)
    store.close()
    return folder


@contextmanager
def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> Iterator[pytest.ExceptionInfo[SystemExit]]:
    """`main` run with these words; it always ends by exiting."""
    monkeypatch.setattr(sys, "argv", ["watchkeeper", *words])
    with pytest.raises(SystemExit) as end:
        main()
    yield end


AT_THE_END = (NOON + timedelta(minutes=MINUTES)).isoformat()


def test_a_quiet_recording_is_diagnosed_as_nothing_wrong(
    recording: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with typed(monkeypatch, "diagnose", "--from", str(recording), "--service", "checkout", "--at", AT_THE_END) as end:
        pass
    shown = capsys.readouterr()
    assert (end.value.code, "nothing wrong was found" in shown.out) == (0, True)
    saved = home / "cases" / "INC-2026-0001" / "case.json"
    assert shown.out.rstrip().endswith(str(saved))
    assert CaseFile.model_validate_json(saved.read_text()).latest is not None
    assert shown.err != "", "progress is told on stderr"


def test_a_service_without_telemetry_is_inconclusive(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with typed(monkeypatch, "diagnose", "--from", str(recording), "--service", "ghost", "--at", AT_THE_END) as end:
        pass
    assert end.value.code == 3
    assert "inconclusive" in capsys.readouterr().out


def test_json_on_stdout_is_the_whole_case_and_nothing_else(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("diagnose", "--from", str(recording), "--service", "checkout", "--at", AT_THE_END, "--json")
    with typed(monkeypatch, *words):
        pass
    assert json.loads(capsys.readouterr().out)["incident"]["id"] == "INC-2026-0001"


def test_each_case_has_a_number_of_its_own(recording: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with typed(monkeypatch, "diagnose", "--from", str(recording), "--service", "checkout", "--at", AT_THE_END):
            pass
    assert {path.name for path in (home / "cases").iterdir()} == {"INC-2026-0001", "INC-2026-0002"}


def test_a_case_is_diagnosed_again_on_request(
    recording: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (("--service", "checkout", "--at", AT_THE_END), ("--case", "INC-2026-0001")):
        with typed(monkeypatch, "diagnose", "--from", str(recording), *words) as end:
            pass
        assert end.value.code == 0
    case = CaseFile.model_validate_json((home / "cases" / "INC-2026-0001" / "case.json").read_text())
    assert [each.occasion for each in case.diagnoses] == ["signal", "request"]
    capsys.readouterr()
    with typed(monkeypatch, "diagnose", "--case", "INC-2026-0001") as end:
        pass
    assert end.value.code == 2
    assert "was diagnosed from a recording: name it again" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_and_the_diagnosis_is_still_printed(
    recording: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "cases").write_text("a file where the folder should be")
    with typed(monkeypatch, "diagnose", "--from", str(recording), "--service", "checkout", "--at", AT_THE_END) as end:
        pass
    shown = capsys.readouterr()
    assert (end.value.code, "nothing wrong was found" in shown.out) == (0, True)
    assert "cannot be written" in shown.err


def test_routes_that_cannot_be_read_are_told_before_anything_is_asked(
    recording: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "routes.yaml").write_text("severity: 3")
    with typed(monkeypatch, "diagnose", "--from", str(recording), "--service", "checkout", "--at", AT_THE_END) as end:
        pass
    shown = capsys.readouterr()
    assert (end.value.code, shown.out) == (2, "")
    assert "routes.yaml" in shown.err
    assert "Looking at" not in shown.err


def test_records_that_cannot_be_read_are_told_and_the_diagnosis_is_still_printed(
    recording: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "records.sqlite").write_bytes(b"this is no database" * 100)
    with typed(monkeypatch, "diagnose", "--from", str(recording), "--service", "checkout", "--at", AT_THE_END) as end:
        pass
    shown = capsys.readouterr()
    assert (end.value.code, "nothing wrong was found" in shown.out) == (0, True)
    assert "records.sqlite" in shown.err
    assert "the case is kept in its folder only" in shown.err
    assert (home / "cases" / "INC-2026-0001" / "case.json").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("diagnose", "--case", "INC-2026-0042"), "there is no case INC-2026-0042"),
        (("diagnose", "--from", "gone", "--service", "a", "--at", "now"), "--from: gone is not there"),
        (("diagnose", "--store", "http://127.0.0.1:9", "--service", "a", "--at", "now"), "no watchkeeper answers at"),
        (("diagnose", "--store", "ftp://x", "--service", "a", "--at", "now"), "is no address of a server"),
        (("diagnose", "--service", "a", "--at", "now"), "there is no telemetry: nothing answers at"),
        (("--config", "gone.yaml", "doctor"), "gone.yaml: there is no such file"),
        (("serve", "--host", "0.0.0.0"), "can be reached from other machines"),
        (("serve", "--port", "70000"), "the flag: server.port: input should be less than or equal to 65535"),
        (("import", "gone"), "gone: there is no such file or folder"),
        (("drill", "run", "earthquake"), "there is no drill 'earthquake'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_on_stderr(
    words: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WATCHKEEPER_SERVER__PORT", "9")
    with typed(monkeypatch, *words) as end:
        pass
    shown = capsys.readouterr()
    assert (end.value.code, shown.out) == (2, "")
    assert sentence in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    "words",
    [
        ("diagnose", "--service", "a"),
        ("diagnose", "--service", "a", "--at", "yesterday"),
        ("diagnose", "--service", "a", "--at", "2026-03-01T12:00:00"),
        ("diagnose", "--from", "x", "--store", "http://y", "--service", "a", "--at", "now"),
        ("unheard-of",),
    ],
)
def test_arguments_that_make_no_sense_exit_with_2(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with typed(monkeypatch, *words) as end:
        pass
    assert end.value.code == 2


def test_a_time_needs_its_zone_and_becomes_utc() -> None:
    assert moment("2026-03-01T14:00:00+02:00") == moment("2026-03-01T12:00:00Z") == NOON
    assert moment("now").tzinfo is UTC
    with pytest.raises(typer.BadParameter, match="has no time zone: write 2026-03-01T12:00:00Z"):
        moment("2026-03-01T12:00:00")


def test_a_bug_is_one_sentence_and_its_details_are_logged(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from watchkeeper.cli.app import app

    @app.command("break")
    def broken() -> None:
        raise ZeroDivisionError("by zero")

    with typed(monkeypatch, "break") as end:
        pass
    app.registered_commands.pop()
    assert end.value.code == 1
    log = home / "watchkeeper.log"
    assert capsys.readouterr().err == f"watchkeeper: a bug: ZeroDivisionError: by zero; the details are in {log}\n"
    assert "Traceback" in log.read_text()


def test_doctor_says_what_to_do_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WATCHKEEPER_SERVER__PORT", "9")
    with typed(monkeypatch, "doctor") as end:
        pass
    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert "-> start `watchkeeper serve`" in shown


def test_doctor_fails_where_the_store_is_not_ours(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATCHKEEPER_SERVER__PORT", "9")
    (home / "telemetry.duckdb").write_text("something else entirely" * 1000)
    with typed(monkeypatch, "doctor") as end:
        pass
    assert end.value.code == 1
    assert "broken   store:" in capsys.readouterr().out


def test_what_was_imported_can_be_asked(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATCHKEEPER_SERVER__PORT", "9")
    with typed(monkeypatch, "import", str(recording)) as end:
        pass
    assert end.value.code == 0
    with assembly.open_sources(settings.load()) as sources:
        rows = sources.extent(ExtentQuery()).rows.to_pylist()
    assert [(row["service_name"], row["rows"]) for row in rows] == [("checkout", MINUTES * 60)]


def test_help_needs_nothing_that_is_slow_to_import() -> None:
    code = (
        "import sys; from watchkeeper.cli.app import app; "
        "print([m for m in ('duckdb', 'pyarrow', 'scipy', 'fastapi', 'pydantic', 'rich') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_command_has_one_line_of_help_that_fits() -> None:
    from watchkeeper.cli.app import app

    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    helps = {name: command.get_short_help_str(limit=68) for name, command in group.commands.items()}
    assert [name for name, text in helps.items() if not text or text.endswith("...")] == []
