"""`watchkeeper serve` in a process that dies in the steps that a test names: the real thing, with real steps."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import own_process
from watchkeeper.assembly import on_duty, working
from watchkeeper.assembly.steps import IncidentSteps
from watchkeeper.domain import CaseFile, IncidentId

DEATHS = "deaths"
"""The file in the home that has the points at which a process died: at each one dies, once."""


def dying(*points: str) -> Callable[[tuple[str, ...], Mapping[str, str], Path], BaseProcess]:
    """Starts the program; it dies at the first of these points (such as `gather:middle`) at which none died yet."""

    def started(words: tuple[str, ...], environment: Mapping[str, str], output: Path) -> BaseProcess:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(own_process.SLOW)
        process = context.Process(target=_typed, args=(points, words, dict(environment), output))
        process.start()
        return process

    return started


def deaths(home: Path) -> list[str]:
    """The points at which a process of this home died."""
    path = home / DEATHS
    return path.read_text().split() if path.exists() else []


def _typed(points: tuple[str, ...], words: tuple[str, ...], environment: dict[str, str], output: Path) -> None:
    # The one place where a test's process is made of something else than the program: whoever carries out the steps.
    steps: Any = partial(KillingSteps, points, Path(environment["WATCHKEEPER_HOME"]))
    on_duty.IncidentSteps = working.IncidentSteps = steps  # type: ignore[misc]
    own_process._typed(words, environment, output)


class KillingSteps(IncidentSteps):
    """Real steps, before, in and after which the process may die."""

    def __init__(
        self, points: tuple[str, ...], home: Path, settings: Any, sources: Any, records: Any, say: Any, **more: Any
    ) -> None:
        self._points, self._home, self._step = points, home, ""
        plan_and_put = more.pop("plan_and_put")

        def put(incident_id: IncidentId) -> int:
            done: int = plan_and_put(incident_id)
            # It lies in the outbox, and nobody knows that yet.
            self._die("middle")
            return done

        def saving() -> Any:
            return _Saving(records(), partial(self._die, "middle"))

        super().__init__(settings, sources, saving, say, plan_and_put=put, **more)

    def begin(self, incident_id: IncidentId, occasion: str) -> int:
        return self._killing("begin", lambda: super(KillingSteps, self).begin(incident_id, occasion))

    def gather(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        return self._killing("gather", lambda: super(KillingSteps, self).gather(incident_id, occasion, before))

    def diagnose(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        return self._killing("diagnose", lambda: super(KillingSteps, self).diagnose(incident_id, occasion, before))

    def route(self, incident_id: IncidentId) -> str:
        return self._killing("route", lambda: super(KillingSteps, self).route(incident_id))

    def draft(self, incident_id: IncidentId) -> str:
        return self._killing("draft", lambda: super(KillingSteps, self).draft(incident_id))

    def deliver(self, incident_id: IncidentId) -> str:
        return self._killing("deliver", lambda: super(KillingSteps, self).deliver(incident_id))

    def _killing(self, step: str, do: Callable[[], Any]) -> Any:
        self._step = step
        self._die("before")
        done = do()
        self._die("after")
        return done

    def _die(self, where: str) -> None:
        point = f"{self._step}:{where}"
        if point not in self._points or point in deaths(self._home):
            return
        with (self._home / DEATHS).open("a") as out:
            out.write(f"{point}\n")
        os.kill(os.getpid(), signal.SIGKILL)


class _Saving:
    """Records in which a process may die just after it has kept a case, and before its step is over."""

    def __init__(self, records: Any, after: Callable[[], None]) -> None:
        self._records, self._after = records, after

    def save(self, case: CaseFile) -> CaseFile:
        kept: CaseFile = self._records.save(case)
        self._after()
        return kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)
