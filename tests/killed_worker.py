"""A worker in a process of its own that dies where a test wants it to, in the middle of real work."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from made_shop import Shop, at
from own_process import SLOW
from watchkeeper import settings
from watchkeeper.assembly.steps import IncidentSteps
from watchkeeper.domain import CaseFile, Incident, IncidentId, Signal, Window
from watchkeeper.records.store import Records
from watchkeeper.records.workers import Workers
from watchkeeper.telemetry.store import Store
from watchkeeper.workflows.conductor import Conductor

STEPS = ("begin", "gather", "diagnose", "route", "draft", "deliver")
POINTS = tuple(f"{step}:{where}" for step in STEPS for where in ("before", "middle", "after"))
NOW = at(300)


def opened_case(number: int) -> CaseFile:
    """An incident that somebody's alert opened: nobody has looked into it yet."""
    signal = Signal(kind="alert", at=at(280), service="gateway", text="slow", fingerprint=f"f{number}")
    incident = Incident(
        id=f"INC-2026-{number:04d}",
        signals=(signal,),
        window=Window(start=at(280) - timedelta(minutes=4), end=at(280)),
        service="gateway",
    )
    return CaseFile(incident=incident)


@dataclass
class Work:
    """What one process is to do: the home that it shares with others, and where it is to die."""

    home: Path
    records: str
    workflows: str
    name: str = "one"
    deaths: tuple[str, ...] = ()
    """Each point kills one process, once."""
    incidents: tuple[int, ...] = (1,)
    dead_after_seconds: float = 2.0
    is_asked: bool = False
    """Whether it says on the wire that it is about to die, and waits for a word."""

    def note(self, file: str, line: str) -> None:
        with (self.home / file).open("a") as out:
            out.write(f"{line}\n")

    def noted(self, file: str) -> list[str]:
        path = self.home / file
        return path.read_text().splitlines() if path.exists() else []


class KillingSteps:
    """Real steps, before, in and after which the process may die."""

    def __init__(self, work: Work, records: Records, wire: Connection) -> None:
        self._work, self._wire = work, wire
        self._step = ""
        os.environ["WATCHKEEPER_HOME"] = str(work.home)
        self._steps = IncidentSteps(
            settings.load(),
            _Telemetry(),  # type: ignore[arg-type]
            lambda: _Saving(records, self._middle),  # type: ignore[arg-type, return-value]
            lambda _: None,
            plan_and_put=self._put,
            clock=lambda: NOW,
        )

    def begin(self, incident_id: IncidentId, occasion: str) -> int:
        return int(self._killing("begin", incident_id, lambda: self._steps.begin(incident_id, occasion)))

    def gather(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        return str(self._killing("gather", incident_id, lambda: self._steps.gather(incident_id, occasion, before)))

    def diagnose(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        return str(self._killing("diagnose", incident_id, lambda: self._steps.diagnose(incident_id, occasion, before)))

    def route(self, incident_id: IncidentId) -> str:
        return str(self._killing("route", incident_id, lambda: self._steps.route(incident_id)))

    def draft(self, incident_id: IncidentId) -> str:
        return str(self._killing("draft", incident_id, lambda: self._steps.draft(incident_id)))

    def deliver(self, incident_id: IncidentId) -> str:
        return str(self._killing("deliver", incident_id, lambda: self._steps.deliver(incident_id)))

    def _killing(self, step: str, incident_id: str, do: Callable[[], str | int]) -> str | int:
        self._step = step
        self._die(f"{step}:before")
        done = do()
        self._work.note("carried out", f"{incident_id} {step}")
        self._die(f"{step}:after")
        return done

    def _middle(self) -> None:
        self._die(f"{self._step}:middle")

    def _put(self, incident_id: IncidentId) -> int:
        self._middle()
        # As the outbox does it: the same thing is put there once.
        if incident_id in self._work.noted("delivered"):
            return 0
        self._work.note("delivered", incident_id)
        return 1

    def _die(self, point: str) -> None:
        if point not in self._work.deaths or point in self._work.noted("deaths"):
            return
        if self._work.is_asked:
            self._wire.send(point)
            self._wire.recv()
        self._work.note("deaths", point)
        os.kill(os.getpid(), signal.SIGKILL)


class _Telemetry:
    """A shop's telemetry, made when it is asked for."""

    @cached_property
    def _store(self) -> Store:
        return Shop(slow={"checkout": 150}).store()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class _Saving:
    """Records whose writer may die."""

    def __init__(self, records: Records, before: Callable[[], None]) -> None:
        self._records, self._before = records, before

    def save(self, case: CaseFile) -> CaseFile:
        self._before()
        return self._records.save(case)

    def case(self, incident_id: IncidentId) -> CaseFile:
        return self._records.case(incident_id)


def work_to_its_end(work: Work, wire: Connection, output: Path) -> None:
    """Have the incidents looked into, and end when nothing is left to do."""
    _write_to(output)
    with Records.open(work.records) as records, _conductor(work, records, wire) as conductor:
        conductor.launch()
        for number in work.incidents:
            incident_id = f"INC-2026-{number:04d}"
            if not any(each.incident_id == incident_id for each in records.cases()):
                records.save(opened_case(number))
            conductor.start(incident_id, "signal")
        wire.send("ready")
        while conductor.pending():
            conductor.idle(0.05)
    wire.send("done")


def _conductor(work: Work, records: Records, wire: Connection) -> Conductor:
    return Conductor(
        work.workflows,
        KillingSteps(work, records, wire),
        lambda: Workers(records),
        work.name,
        at_once=1,
        dead_after_seconds=work.dead_after_seconds,
        pauses=(0.05,) * 100,
        poll_seconds=0.05,
    )


def _write_to(output: Path) -> None:
    file = output.open("a")
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file.fileno(), stream.fileno())


def begun(work: Work, output: Path, target: Callable[..., None] = work_to_its_end) -> tuple[BaseProcess, Connection]:
    """The process at work, and the wire to it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(SLOW)
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(work, theirs, output))
    process.start()
    theirs.close()
    return process, ours


def essence(records: Records, incident_id: str) -> object:
    """All of a case but how long things took."""
    body = json.loads(records.case(incident_id).model_dump_json())
    for each in body["diagnoses"]:
        each["cost"]["seconds"] = 0
    return body
