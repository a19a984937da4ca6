"""Steps that do nothing but say that they were carried out, and conductors of them."""

import threading
from collections.abc import Callable
from pathlib import Path

from watchkeeper.domain import IncidentId
from watchkeeper.records.store import Records
from watchkeeper.records.workers import Workers
from watchkeeper.workflows.conductor import Conductor

ALL = ("begin", "gather", "diagnose", "route", "draft", "deliver")
FIRST, SECOND = "INC-2026-0001", "INC-2026-0002"

Do = Callable[[IncidentId], object]


class MadeSteps:
    """Notes each step; what a test wants to happen in one is given by its name."""

    def __init__(self, **happening: Do) -> None:
        self.done: list[tuple[str, str]] = []
        self.occasions: list[str] = []
        self.at_once: list[int] = []
        self._happening = happening
        self._running: dict[str, int] = {}
        self._lock = threading.Lock()

    def begin(self, incident_id: IncidentId, occasion: str) -> int:
        self.occasions.append(occasion)
        self._carry_out("begin", incident_id)
        return 0

    def gather(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        return self._carry_out("gather", incident_id)

    def diagnose(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        return self._carry_out("diagnose", incident_id)

    def route(self, incident_id: IncidentId) -> str:
        return self._carry_out("route", incident_id)

    def draft(self, incident_id: IncidentId) -> str:
        return self._carry_out("draft", incident_id)

    def deliver(self, incident_id: IncidentId) -> str:
        return self._carry_out("deliver", incident_id)

    def of(self, incident_id: str) -> tuple[str, ...]:
        """The steps of one incident, in their order."""
        return tuple(step for step, of in self.done if of == incident_id)

    def _carry_out(self, step: str, incident_id: str) -> str:
        with self._lock:
            self._running[incident_id] = self._running.get(incident_id, 0) + 1
            self.at_once.append(self._running[incident_id])
        try:
            if step in self._happening:
                self._happening[step](incident_id)
        finally:
            with self._lock:
                self._running[incident_id] -= 1
        self.done.append((step, incident_id))
        return "well"


def conductor_of(
    where: str | Path,
    steps: MadeSteps,
    records: Records,
    pauses: tuple[float, ...] = (0.01,) * 3,
    at_once: int = 2,
    put_off_seconds: float = 3600.0,
) -> Conductor:
    return Conductor(
        where,
        steps,
        lambda: Workers(records),
        "one",
        at_once=at_once,
        dead_after_seconds=0.4,
        pauses=pauses,
        poll_seconds=0.02,
        put_off_seconds=put_off_seconds,
    )


def finish(conductor: Conductor) -> None:
    """Wait until nothing is left to do."""
    while conductor.pending():
        conductor.idle(0.01)
