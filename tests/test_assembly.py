import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from watchkeeper import assembly, settings
from watchkeeper.domain import (
    CaseFile,
    Claim,
    Cost,
    Diagnosis,
    Evidence,
    Hypothesis,
    Incident,
    ReleaseVerdict,
    Rows,
    Signal,
    Window,
)
from watchkeeper.errors import ConfigError, SourceUnavailable, StoreIncompatible, StoreUnavailable
from watchkeeper.server.access_gates import gate_for, new_token
from watchkeeper.server.running import running_server
from watchkeeper.tables import table_of
from watchkeeper.telemetry.sources import ChangeQuery, ExtentQuery, Sources
from watchkeeper.telemetry.writing import Batch

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = Window(start=NOON, end=NOON + timedelta(hours=1))
DEPLOY = table_of("changes", [{"id": "d-1", "kind": "deploy", "service_name": "checkout", "time": NOON}])


@pytest.fixture
def chosen() -> settings.Settings:
    """Settings whose server is nowhere: port 9 takes no connections."""
    return settings.load(flags={"server.port": 9})


def fill(chosen: settings.Settings, path: Path | None = None) -> None:
    with assembly.live_store(chosen, path) as store:
        store.submit(Batch({"changes": DEPLOY}, None)).result(10)


def ids(sources: Sources) -> list[str]:
    return [str(row) for row in sources.changes(ChangeQuery(window=HOUR)).rows["id"].to_pylist()]


def test_with_nothing_named_the_stores_file_is_asked(chosen: settings.Settings) -> None:
    fill(chosen)
    with assembly.open_sources(chosen) as sources:
        assert (ids(sources), assembly.is_server(sources)) == (["d-1"], False)


def test_with_nothing_named_a_running_server_goes_before_the_file(chosen: settings.Settings) -> None:
    token = new_token()
    chosen.token_path.write_text(token)
    with assembly.live_store(chosen) as store:
        store.submit(Batch({"changes": DEPLOY}, None)).result(10)
        with running_server(store, gate=gate_for(token)) as url:
            port = int(url.rpartition(":")[2])
            running = settings.load(flags={"server.port": port})
            with assembly.open_sources(running) as sources:
                assert (ids(sources), assembly.is_server(sources)) == (["d-1"], True)


def test_a_store_file_can_be_named(chosen: settings.Settings, tmp_path: Path) -> None:
    fill(chosen, tmp_path / "other.duckdb")
    with assembly.open_sources(chosen, tmp_path / "other.duckdb") as sources:
        assert ids(sources) == ["d-1"]


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("gone.duckdb", ConfigError, r"gone\.duckdb is not there"),
        ("notes.txt", ConfigError, "is neither, expected a folder"),
        (".", StoreIncompatible, "holds no recording"),
    ],
)
def test_a_recording_that_is_none_is_told(
    chosen: settings.Settings, tmp_path: Path, name: str, error: type[Exception], sentence: str
) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(error, match=sentence), assembly.open_sources(chosen, tmp_path / name):
        pass


def test_a_server_that_does_not_answer_is_told(chosen: settings.Settings) -> None:
    nowhere = assembly.open_sources(chosen, url="http://127.0.0.1:9")
    with pytest.raises(SourceUnavailable, match="no watchkeeper answers"), nowhere:
        pass


def test_with_neither_server_nor_file_it_is_said_what_to_do(chosen: settings.Settings) -> None:
    with pytest.raises(ConfigError, match=r"there is no telemetry.*start `watchkeeper serve`"):
        assembly.open_sources(chosen).__enter__()


def test_a_store_without_telemetry_has_no_latest_moment(chosen: settings.Settings) -> None:
    with assembly.live_store(chosen):
        pass
    with assembly.open_sources(chosen) as sources, pytest.raises(SourceUnavailable, match="no telemetry at all"):
        assembly.latest(sources)


def test_the_youngest_moment_of_a_source_is_known(chosen: settings.Settings) -> None:
    fill(chosen)
    with assembly.open_sources(chosen) as sources:
        assert sources.extent(ExtentQuery()).rows.num_rows == 1
        assert assembly.latest(sources) == NOON


def test_settings_reach_the_store_and_the_pipeline() -> None:
    flags = {"server.port": 9, "store.retention_days": 2, "diagnosis.lookback_minutes": 5, "store.path": "a/b.duckdb"}
    chosen = settings.load(flags=flags)
    with assembly.live_store(chosen) as store:
        assert store.limits.keep == timedelta(days=2)
        assert store.path == chosen.home / "a" / "b.duckdb"
    assert assembly.scan_of(chosen).lookback_seconds == 300


def case_with(secret: str) -> CaseFile:
    evidence = Evidence(
        id="e1",
        question=f"Who wrote {secret}?",
        source="logs",
        query=f"SELECT '{secret}'",
        window=HOUR,
        status="found",
        rows=Rows(columns=("body", "n"), values=((f"mail of {secret}", 7),), total=1),
    )
    cause = Hypothesis(
        component="checkout",
        kind="errors",
        probability=0.5,
        claims=(Claim(text=f"new line: {secret}", evidence="e1"),),
        onset=NOON,
    )
    diagnosis = Diagnosis(
        at=NOON,
        status="diagnosed",
        headline=f"checkout fails for {secret}",
        hypotheses=(cause,),
        release=ReleaseVerdict(status="undetermined", reason="none"),
        cost=Cost(seconds=1),
    )
    incident = Incident(id="INC-2026-0001", signals=(Signal(kind="question", at=NOON, text=secret),), window=HOUR)
    return CaseFile(incident=incident, evidence=(evidence,), diagnoses=(diagnosis,))


def test_what_must_not_leave_is_not_in_the_case_but_its_queries_can_be_asked_again(chosen: settings.Settings) -> None:
    case = case_with("ann@example.com")
    clean = assembly.redacted(chosen, case)
    assert clean.model_dump_json().count("ann@example.com") == 1
    assert clean.evidence[0].query == case.evidence[0].query
    assert clean.evidence[0].rows.values == (("mail of [redacted:email]", 7),)
    assert clean.diagnoses[0].hypotheses[0].claims[0] == Claim(text="new line: [redacted:email]", evidence="e1")


def test_redaction_can_be_switched_off() -> None:
    case = case_with("ann@example.com")
    assert assembly.redacted(settings.load(flags={"redaction.enabled": False}), case) == case


def test_a_saved_case_is_read_back_as_it_was(chosen: settings.Settings) -> None:
    case = case_with("nobody")
    path = assembly.save_case(chosen, case)
    assert path == chosen.home / "cases" / "INC-2026-0001" / "case.json"
    assert CaseFile.model_validate_json(path.read_text()) == case
    assert sorted(p.name for p in path.parent.iterdir()) == ["case.json", "evidence.md"]


def test_a_store_that_another_process_has_is_told(chosen: settings.Settings) -> None:

    chosen.store_path.parent.mkdir(exist_ok=True)
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(chosen.store_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(StoreUnavailable, match="in use by another watchkeeper"), assembly.open_sources(chosen):
            pass
