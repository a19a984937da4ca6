import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from made_investigations import POOL, dossier_of
from watchkeeper.agents.checkpoints import opened, thread_of
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.redaction import redact

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECRET = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture(scope="module")
def dossier() -> Dossier:
    return dossier_of(POOL)[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "investigations.sqlite"


def test_a_thread_is_the_incident_and_the_number_of_its_diagnosis(dossier: Dossier):
    assert thread_of(dossier) == "INC-2026-0001/1"


def test_the_file_is_for_its_owner_only(path: Path):
    with opened(path, redact):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_begun_is_unfinished_until_it_is_finished(path: Path, dossier: Dossier):
    with opened(path, redact) as kept:
        thread = kept.begin(dossier, NOW)
        again = kept.unfinished(dossier.case.incident.id)
        assert again is not None
        assert again.model_dump_json() == dossier.model_dump_json()
        kept.finish(thread)
        assert kept.unfinished(dossier.case.incident.id) is None
        assert kept.unfinished("INC-2026-0002") is None


def test_old_investigations_are_forgotten(path: Path, dossier: Dossier):
    with opened(path, redact) as kept:
        kept.begin(dossier, NOW)
        assert kept.forget(NOW) == 0
        assert kept.forget(NOW + timedelta(seconds=1)) == 1
        assert kept.unfinished(dossier.case.incident.id) is None


def test_a_dossier_is_kept_without_secrets_and_its_queries_can_still_be_read(path: Path, dossier: Dossier):
    first, *others = dossier.case.evidence
    assert first.asked is not None
    query = first.asked.query[:-1] + f', "contains": "token={SECRET}"}}'
    asked = first.asked.model_copy(update={"query": query})
    entry = first.model_copy(update={"asked": asked, "query": f"SELECT '{SECRET}'"})
    planted = dossier.model_copy(update={"case": dossier.case.model_copy(update={"evidence": (entry, *others)})})
    with opened(path, redact) as kept:
        kept.begin(planted, NOW)
        again = kept.unfinished(planted.case.incident.id)
    assert again is not None
    read = again.case.evidence[0]
    assert read.asked is not None
    assert '"contains": "token=[redacted:secret]"' in read.asked.query
    assert SECRET.encode() not in b"".join(p.read_bytes() for p in path.parent.iterdir())


def test_a_file_that_is_no_database_is_said(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"not a database at all, " * 100)
    with pytest.raises(RecordsUnavailable, match="cannot be used"), opened(path, redact):
        pass


def test_a_file_that_another_process_holds_is_said(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("watchkeeper.agents.checkpoints.WAITING_SECONDS", 0.01)
    with opened(path, redact):
        pass
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RecordsUnavailable, match="locked"), opened(path, redact):
        pass
    other.close()
