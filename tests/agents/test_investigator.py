import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from made_investigations import (
    DONE,
    OVERVIEW,
    OWN_TIME,
    POOL,
    RESOURCES,
    TRACES,
    Tried,
    claim,
    dossier_of,
    findings,
    interrupted,
)
from watchkeeper import pipeline
from watchkeeper.domain import Diagnosis
from watchkeeper.errors import ModelUnavailable, RecordsUnavailable

TURNS = [OWN_TIME, [RESOURCES, TRACES], DONE, findings(claim(value=30.0)), findings()]
SPECIALISTS = [
    '{"next": "monitoring-specialist"}',
    OVERVIEW,
    "catalog first",
    '{"next": "report"}',
    findings(),
]
INCIDENT = "INC-2026-0001"
SECRET = "AKIAIOSFODNN7EXAMPLE"


def comparable(diagnosis: Diagnosis) -> str:
    """All of it but how long it took."""
    return diagnosis.model_copy(update={"cost": diagnosis.cost.model_copy(update={"seconds": 0.0})}).model_dump_json()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Diagnosis]:
    folder = tmp_path_factory.mktemp("whole")
    return {
        "single": Tried(TURNS, checkpoints=folder / "a.sqlite").run(),
        "specialists": Tried(SPECIALISTS, checkpoints=folder / "b.sqlite", graph="specialists").run(),
    }


@pytest.mark.parametrize(
    ("graph", "at"), [*(("single", n) for n in (0, 1, 3, 4)), *(("specialists", n) for n in (1, 2, 4))]
)
def test_a_killed_investigation_goes_on_without_repeating_a_call(
    graph: str, at: int, tmp_path: Path, uninterrupted: dict[str, Diagnosis]
):
    file, turns = tmp_path / "investigations.sqlite", TURNS if graph == "single" else SPECIALISTS
    with pytest.raises(KeyboardInterrupt):
        Tried(interrupted(turns, at), checkpoints=file, graph=graph).run()
    rest = Tried(turns[at:], checkpoints=file, graph=graph)
    rest.dossier = rest.investigator.unfinished(INCIDENT)
    assert rest.dossier is not None
    found = rest.run()
    assert len(rest.model.received) == len(turns) - at
    assert comparable(found) == comparable(uninterrupted[graph])
    assert rest.told("started")[0].is_resumed
    assert rest.investigator.unfinished(INCIDENT) is None


def test_the_pipeline_goes_on_with_what_was_unfinished(tmp_path: Path):
    file = tmp_path / "investigations.sqlite"
    with pytest.raises(KeyboardInterrupt):
        Tried(interrupted(TURNS, 3), checkpoints=file).run()
    rest = Tried(TURNS[3:], checkpoints=file)
    dossier = rest.investigator.unfinished(INCIDENT)
    assert dossier is not None
    case = pipeline.resume(dossier, dossier_of(POOL)[1], rest.investigator)
    assert len(case.diagnoses) == len(dossier.case.diagnoses) + 1
    assert len(case.evidence) > len(dossier.case.evidence)
    assert len(rest.model.received) == len(TURNS) - 3


def test_another_dossier_of_the_same_number_begins_anew(tmp_path: Path):
    file = tmp_path / "investigations.sqlite"
    with pytest.raises(KeyboardInterrupt):
        Tried(interrupted(TURNS, 2), checkpoints=file).run()
    dossier, _ = dossier_of(POOL)
    later = dossier.model_copy(update={"now": dossier.now + timedelta(seconds=1)})
    again = Tried(TURNS, checkpoints=file, dossier=later)
    again.run()
    assert len(again.model.received) == len(TURNS)
    assert not again.told("started")[0].is_resumed


def test_a_finished_investigation_is_not_resumed(tmp_path: Path):
    file = tmp_path / "investigations.sqlite"
    Tried(TURNS, checkpoints=file).run()
    again = Tried(TURNS, checkpoints=file)
    assert again.investigator.unfinished(INCIDENT) is None
    again.run()
    assert len(again.model.received) == len(TURNS)


def test_what_was_found_is_said_again_without_asking_until_the_case_has_it(tmp_path: Path):
    file = tmp_path / "investigations.sqlite"
    first = Tried(TURNS, checkpoints=file).run()
    again = Tried([], checkpoints=file)
    case = dossier_of(POOL)[0].case
    assert again.investigator.unfinished(INCIDENT) is None
    again.dossier = again.investigator.missing(case)
    assert again.run() == first
    assert again.model.received == []
    assert again.investigator.missing(case.model_copy(update={"diagnoses": (*case.diagnoses, first)})) is None


def test_a_checkpoint_holds_no_secret_that_was_planted(tmp_path: Path):
    dossier, _ = dossier_of(POOL)
    signal = dossier.signal.model_copy(update={"text": f"slow! password={SECRET} and {SECRET}"})
    incident = dossier.case.incident.model_copy(update={"signals": (signal,)})
    planted = dossier.model_copy(update={"case": dossier.case.model_copy(update={"incident": incident})})
    turns = [
        [("search_logs", {"contains": SECRET}), OWN_TIME],
        f"The key is {SECRET}",
        findings(sentences=[f"It was {SECRET}"]),
    ]
    file = tmp_path / "investigations.sqlite"
    tried = Tried(turns, checkpoints=file, dossier=planted)
    found = tried.run()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"inside_requests" in kept
    assert SECRET.encode() not in kept
    assert SECRET not in found.model_dump_json(include={"notes", "explanation", "headline"})
    assert SECRET not in "".join(str(messages) for messages in tried.model.received)
    assert SECRET not in str(tried.events)


def test_only_the_last_step_is_kept(tmp_path: Path):
    file = tmp_path / "investigations.sqlite"
    Tried(TURNS, checkpoints=file).run()
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
    connection.close()


def test_a_corrupt_file_is_said_and_the_investigation_goes_on_without(tmp_path: Path):
    file = tmp_path / "investigations.sqlite"
    file.write_bytes(b"no database" * 1000)
    tried = Tried(TURNS, checkpoints=file)
    found = tried.run()
    assert found.hypotheses[0].proposed_by == "both"
    assert any("is not kept on its way" in note for note in found.notes)
    assert tried.investigator.unfinished(INCIDENT) is None
    with pytest.raises(RecordsUnavailable):
        tried.investigator.forget(datetime.now(UTC))


def test_a_kept_step_that_cannot_be_read_begins_anew(tmp_path: Path):
    file = tmp_path / "investigations.sqlite"
    with pytest.raises(KeyboardInterrupt):
        Tried(interrupted(TURNS, 2), checkpoints=file).run()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE checkpoints SET checkpoint = x'c1c1c1'")
    connection.close()
    again = Tried(TURNS, checkpoints=file)
    found = again.run()
    assert len(again.model.received) == len(TURNS)
    assert any("begins anew" in note for note in found.notes)


def test_a_file_that_breaks_meanwhile_does_not_stop_the_investigation(tmp_path: Path):
    file = tmp_path / "investigations.sqlite"

    def breaking(_: object) -> object:
        with sqlite3.connect(file) as connection:
            connection.execute("DROP TABLE checkpoints")
        connection.close()
        return OWN_TIME

    found = Tried([breaking, *TURNS[1:]], checkpoints=file).run()
    assert found.hypotheses[0].proposed_by == "both"
    assert any("could not be kept to its end" in note for note in found.notes)


def test_what_is_older_than_the_retention_is_forgotten(tmp_path: Path):
    tried = Tried(TURNS, checkpoints=tmp_path / "investigations.sqlite")
    assert tried.investigator.forget(datetime.now(UTC)) == 0
    tried.run()
    assert tried.investigator.forget(datetime.now(UTC) + timedelta(days=1)) == 1


def test_a_model_that_cannot_be_opened_leaves_the_rules_diagnosis():
    def closed(_: object) -> object:
        raise ModelUnavailable("no endpoint is set")

    tried = Tried([], settings={"client_of": closed})
    found = tried.run()
    assert (found.hypotheses[0].proposed_by, found.cost.engine, found.cost.calls) == ("rules", "model", 0)
    assert any("no endpoint is set" in note and "rules' diagnosis" in note for note in found.notes)
    assert [event.kind for event in tried.events] == ["trouble", "finished"]
