"""A step that asks a model twice, killed in between: what was replied is not asked for again."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from made_investigations import DONE, OWN_TIME, POOL, Tried, dossier_of, findings, interrupted
from watchkeeper.agents.client import Terms
from watchkeeper.agents.journal import Journal
from watchkeeper.agents.scripted import ScriptedModel
from watchkeeper.domain import Diagnosis

SECRET = "AKIAIOSFODNN7EXAMPLE"
TURNS = ["", OWN_TIME, DONE, "I cannot write JSON.", findings()]
"""An empty reply is asked for again, and so is one that does not fit: each pair is one step."""


def tried(turns: list[Any], checkpoints: Path) -> Tried:
    return Tried(turns, checkpoints=checkpoints, terms=Terms(structured="parse"))


def comparable(found: Diagnosis) -> Diagnosis:
    return found.model_copy(update={"cost": found.cost.model_copy(update={"seconds": 0.0})})


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_step_that_was_killed_between_two_calls_repeats_none(at: int, tmp_path: Path) -> None:
    whole = tried(TURNS, checkpoints=tmp_path / "whole.sqlite").run()
    file = tmp_path / "investigations.sqlite"
    with pytest.raises(KeyboardInterrupt):
        tried(interrupted(TURNS, at), checkpoints=file).run()
    rest = tried(TURNS[at:], checkpoints=file)
    found = rest.run()
    assert len(rest.model.received) == len(TURNS) - at
    assert comparable(found) == comparable(whole)
    assert found.cost.calls == len(TURNS)


def test_replies_are_kept_without_secrets_and_until_the_next_checkpoint_only(tmp_path: Path) -> None:
    file = tmp_path / "investigations.sqlite"
    turns = [OWN_TIME, DONE, f"no JSON, but {SECRET}"]
    with pytest.raises(KeyboardInterrupt):
        tried(interrupted(turns, len(turns)), checkpoints=file).run()
    connection = sqlite3.connect(file)
    kept = connection.execute("SELECT reply FROM replies").fetchall()
    connection.close()
    assert len(kept) == 1
    assert "no JSON, but [redacted" in kept[0][0]
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_replies_that_cannot_be_read_begin_the_investigation_anew(tmp_path: Path) -> None:
    file = tmp_path / "investigations.sqlite"
    with pytest.raises(KeyboardInterrupt):
        tried(interrupted(TURNS, 4), checkpoints=file).run()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE replies SET reply = 'garbage'")
    connection.close()
    again = tried(TURNS, checkpoints=file)
    assert any("begins anew" in note for note in again.run().notes)
    assert len(again.model.received) == len(TURNS)


def test_the_same_request_is_answered_from_before_the_crash_once_and_then_asked() -> None:
    kept: list[tuple[str, AIMessage]] = []
    question = [HumanMessage("Why?")]

    def listening(turns: list[str], before: list[tuple[str, AIMessage]]) -> tuple[ScriptedModel, object]:
        model = ScriptedModel(turns=turns)
        journal = Journal(lambda request, reply: kept.append((request, reply)), before)
        return model, journal.listening(lambda _: model)("scripted")

    _, first = listening(["one"], [])
    assert first.invoke(question, timeout=5).text == "one"  # type: ignore[attr-defined]
    model, again = listening(["two"], [*kept])
    said = ["".join(str(p.text) for p in again.stream(question, timeout=3)) for _ in range(2)]  # type: ignore[attr-defined]
    assert said == ["one", "two"]
    assert len(model.received) == 1


def test_dossiers_of_other_investigations_share_no_replies(tmp_path: Path) -> None:
    file = tmp_path / "investigations.sqlite"
    with pytest.raises(KeyboardInterrupt):
        tried(interrupted(TURNS, 1), checkpoints=file).run()
    dossier, _ = dossier_of(POOL)
    incident = dossier.case.incident.model_copy(update={"id": "INC-2026-0002"})
    other = tried(TURNS, checkpoints=file)
    other.dossier = dossier.model_copy(update={"case": dossier.case.model_copy(update={"incident": incident})})
    other.run()
    assert len(other.model.received) == len(TURNS)
