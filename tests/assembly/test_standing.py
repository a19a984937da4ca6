"""What a server does by itself: cases that are due, incidents that are over, chores that fail and go on."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

from structlog.testing import capture_logs

from kept_cases import NOON, at, case, diagnosis
from watchkeeper.assembly.standing import Chore, Chores, Closing, Forgetting, Looks, due_cases, resolved_since
from watchkeeper.domain import CaseFile, Signal
from watchkeeper.errors import SourceUnavailable
from watchkeeper.records.store import Records


def in_state(number: int, state: str, *diagnoses: object) -> CaseFile:
    made = case(number, *diagnoses)  # type: ignore[arg-type]
    incident = made.incident.model_copy(update={"state": state})
    return made.model_copy(update={"incident": incident, "diagnoses": diagnoses})


def started(cases: list[CaseFile], now: datetime, busy: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    Looks(lambda _: cases, lambda *_: (), lambda: busy, lambda *what: found.append(what)).tick(now)
    return found


def test_an_incident_that_nobody_has_looked_into_is() -> None:
    assert started([in_state(1, "open")], at(1)) == [("INC-2026-0001", "signal")]


def test_an_incident_that_is_being_looked_into_is_left_alone() -> None:
    assert started([in_state(1, "open")], at(1), busy=("INC-2026-0001",)) == []


def test_a_case_is_looked_at_again_when_it_is_due_and_each_new_signal_is_one_of_its_own() -> None:
    young = in_state(1, "diagnosed", diagnosis(1))
    first = young.incident.signals[0]
    assert started([young], first.at + timedelta(minutes=2, seconds=1)) == [("INC-2026-0001", "after 2 minutes")]
    signals = (first, Signal(kind="alert", at=at(1.5), fingerprint="other"))
    joined = young.model_copy(update={"incident": young.incident.model_copy(update={"signals": signals})})
    assert started([joined], at(1.6)) == [("INC-2026-0001", "new signal 2")]


def test_open_and_reopened_incidents_are_due_however_old_they_are(tmp_path: Path) -> None:
    with Records.open(tmp_path / "records.sqlite") as records:
        for number, state in enumerate(("open", "reopened", "diagnosed", "resolved"), start=1):
            records.save(in_state(number, state, diagnosis(1)))
        old = due_cases(records, NOON + timedelta(days=1))
        young = due_cases(records, NOON + timedelta(minutes=5))
    assert {each.incident.state for each in old} == {"open", "reopened"}
    assert {each.incident.state for each in young} == {"open", "reopened", "diagnosed"}


def test_an_incident_is_closed_when_it_has_been_over_for_long_enough(tmp_path: Path) -> None:
    closed: list[str] = []
    with Records.open(tmp_path / "records.sqlite", clock=lambda: NOON) as records:
        records.save(in_state(1, "resolved"))
        records.save(in_state(2, "diagnosed", diagnosis(1)))
        closing = Closing(lambda before: resolved_since(records, before), closed.append, timedelta(minutes=10))
        closing.tick(NOON + timedelta(minutes=9))
        assert closed == []
        closing.tick(NOON + timedelta(minutes=10))
    assert closed == ["INC-2026-0001"]


def test_what_is_older_than_it_is_kept_is_forgotten() -> None:
    forgotten: list[datetime] = []
    Forgetting(forgotten.append, timedelta(days=90)).tick(NOON)
    assert forgotten == [NOON - timedelta(days=90)]


def test_a_chore_that_fails_is_told_once_and_done_again() -> None:
    ends = iter([SourceUnavailable("no answer"), SourceUnavailable("no answer"), None, None])
    is_done = threading.Event()

    def tick(_: datetime) -> None:
        end = next(ends, None)
        if end is not None:
            raise end
        if next(ends, 0) == 0:
            is_done.set()

    with capture_logs() as said, Chores([Chore("watch", 0.001, tick)], lambda: NOON):
        assert is_done.wait(30)
    assert [(each["event"], each.get("says")) for each in said] == [
        ("a chore could not be done", "no answer"),
        ("a chore is done again", None),
    ]
