"""What a server does by itself, again and again: it watches, has cases looked into when they are due, closes them."""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog

from watchkeeper.assembly.cases import WATCHED_HOURS
from watchkeeper.diagnosis.again import OPEN_STATES, occasion
from watchkeeper.domain import CaseFile, Change, IncidentId
from watchkeeper.errors import WatchkeeperError
from watchkeeper.redaction import redact

if TYPE_CHECKING:
    from watchkeeper.records.store import Records

JOIN_SECONDS = 10.0
LISTED = 1000
LONGEST = 300

_log = structlog.get_logger()


@dataclass(frozen=True)
class Chore:
    """Something to be done again and again; it is never done twice at once."""

    name: str
    every_seconds: float
    tick: Callable[[datetime], object]


class Chores:
    """Does chores, each in a thread of its own, from `with` on; at its end the one that began last is ended first."""

    def __init__(self, chores: Sequence[Chore], clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._chores, self._clock = chores, clock
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for chore in self._chores:
            thread = threading.Thread(target=self._do, args=(chore,), name=f"chore-{chore.name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        for thread in reversed(self._threads):
            thread.join(JOIN_SECONDS)

    def _do(self, chore: Chore) -> None:
        failure: str | None = None
        while not self._is_over.is_set():
            failure = self._once(chore, failure)
            self._is_over.wait(chore.every_seconds)

    def _once(self, chore: Chore, failure: str | None) -> str | None:
        """Do it; what went wrong, which is said when it is new."""
        try:
            chore.tick(self._clock())
        except Exception as error:  # noqa: BLE001  whatever it is, the next time must come
            said = _sentence(error)
            if said != failure:
                _log.warning("a chore could not be done", chore=chore.name, says=said)
            return said
        if failure is not None:
            _log.info("a chore is done again", chore=chore.name)
        return None


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return redact(text if isinstance(error, WatchkeeperError) else f"{type(error).__name__}: {text}")[:LONGEST]


@dataclass(frozen=True)
class Looks:
    """Has incidents looked into that nobody has begun with, and those that are due again (`diagnosis.again`)."""

    candidates: Callable[[datetime], Iterable[CaseFile]]
    changes: Callable[[CaseFile, datetime], Collection[Change]]
    """What was changed around an incident, as it is known now."""
    under_way: Callable[[], Collection[IncidentId]]
    """Incidents that are being looked into: whatever is new about them is seen in that."""
    start: Callable[[IncidentId, str], object]
    """Have an incident looked into; the same occasion twice is once."""

    def tick(self, now: datetime) -> None:
        """Start what is due."""
        busy = set(self.under_way())
        for case in self.candidates(now):
            incident = case.incident
            if incident.id in busy or incident.is_recorded:
                continue
            why = occasion(case, now, self.changes(case, now))
            if why is not None:
                self.start(incident.id, numbered(why, case))


def numbered(why: str, case: CaseFile) -> str:
    """An occasion under a name that it has once: a new signal is one of several."""
    return f"{why} {len(case.incident.signals)}" if why == "new signal" else why


def due_cases(records: "Records", now: datetime) -> list[CaseFile]:
    """The open cases that may be due: the young ones, and whatever was opened and not begun with."""
    listed = [
        *records.cases(limit=LISTED, since=now - timedelta(hours=WATCHED_HOURS)),
        *records.cases(limit=LISTED, state="open"),
        *records.cases(limit=LISTED, state="reopened"),
    ]
    wanted = dict.fromkeys(each.incident_id for each in listed if each.state in OPEN_STATES)
    return [records.case(incident_id) for incident_id in wanted]


@dataclass(frozen=True)
class Closing:
    """Closes incidents that have been over for long enough."""

    over_since: Callable[[datetime], Iterable[IncidentId]]
    """Those that are resolved and have not changed since that moment."""
    close: Callable[[IncidentId], object]
    after: timedelta

    def tick(self, now: datetime) -> None:
        """Close what is due."""
        for incident_id in self.over_since(now - self.after):
            self.close(incident_id)


def resolved_since(records: "Records", before: datetime) -> list[IncidentId]:
    """The incidents that are resolved and were not touched since that moment."""
    return [each.incident_id for each in records.cases(limit=LISTED, state="resolved") if each.updated_at <= before]


@dataclass(frozen=True)
class Forgetting:
    """Drops what is older than it is kept."""

    forget: Callable[[datetime], object]
    """Drop what is from before that moment."""
    keep: timedelta = field(default=timedelta(days=90))

    def tick(self, now: datetime) -> None:
        """Drop what is due."""
        self.forget(now - self.keep)
