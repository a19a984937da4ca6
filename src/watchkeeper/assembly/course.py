"""How requests went around an incident: a few full series of the services that it is about, for people to look at."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import structlog
from pydantic import AwareDatetime

from watchkeeper.analysis.series import Grid, Red, red_series
from watchkeeper.domain import CaseFile, KeptAlert, Noun, ServiceName, Window
from watchkeeper.errors import WatchkeeperError
from watchkeeper.records.summaries import OVER, Deed
from watchkeeper.telemetry.sources import RedQuery, Traces

Role = Literal["blamed", "affected", "entry"]
Figure = Literal["requests", "failed", "p95"]

LEAD, TRAIL, LONGEST = timedelta(minutes=10), timedelta(minutes=5), timedelta(hours=24)
"""How much is shown before the onset, and after the end; how much at most."""
MOST_POINTS, MOST_SERVICES = 240, 4
STEPS = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds of a step: the first of these that makes no more than so many points."""
LATE = timedelta(seconds=15)
"""What is younger may not have come in yet: it would look as if requests had stopped."""
KEPT_SECONDS, TIMEOUT_SECONDS, KEPT = 10.0, 5.0, 64

_log = structlog.get_logger()


class Series(Noun):
    """One service's figure over time."""

    service: ServiceName
    role: Role
    points: tuple[tuple[AwareDatetime, float], ...]
    """When each step begins, and the figure in it; steps in which it has none are left out."""


class Course(Noun):
    """One figure over time, of one or more services."""

    figure: Figure
    """Requests a second; the share of them that failed, from 0 to 1; the 95th percentile of durations in ms."""
    step_seconds: float
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Asked:
    """Whose requests are asked for, from when to when; without an end, until now."""

    services: tuple[tuple[str, Role], ...]
    start: datetime
    end: datetime | None


def asked_of(case: CaseFile, alerts: Iterable[KeptAlert] = (), deeds: Iterable[Deed] = ()) -> Asked | None:
    """What to ask about a case; None where it is not known whose requests, or where they lie in a recording."""
    services = tuple(_services(case).items())[:MOST_SERVICES]
    if not services or case.incident.is_recorded:
        return None
    since = case.latest.scope.since if case.latest else None
    onset = min(filter(None, (since, *(signal.at for signal in case.incident.signals))))
    end = None if case.incident.state not in OVER else _ended(case, alerts, deeds)
    return Asked(services, onset - LEAD, end)


def _services(case: CaseFile) -> dict[str, Role]:
    """By name, the blamed ones first; of the affected the worst, as the diagnosis has them."""
    found: dict[str, Role] = {}
    if (latest := case.latest) is not None:
        for hypothesis in latest.hypotheses[:1]:
            found.setdefault(hypothesis.component, "blamed")
        for row in latest.scope.measured:
            if row.is_entry:
                found.setdefault(row.service, "entry")
        for affected in latest.scope.affected:
            found.setdefault(affected.service, "affected")
    for name in (case.incident.service, *(signal.service for signal in case.incident.signals)):
        if name:
            found.setdefault(name, "affected")
    return found


def _ended(case: CaseFile, alerts: Iterable[KeptAlert], deeds: Iterable[Deed]) -> datetime:
    """A little after it was over, as far as anybody said so."""
    ends = [kept.alert.ends_at for kept in alerts if kept.alert.ends_at is not None]
    ends += [deed.at for deed in deeds if deed.deed == "resolved"]
    known = [*ends, *(signal.at for signal in case.incident.signals), *(each.at for each in case.diagnoses)]
    return max(ends or known) + TRAIL


class Courses:
    """Asks for courses and remembers the latest: the same is asked again after some seconds at the earliest."""

    def __init__(self, traces: Traces, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._traces, self._clock = traces, clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Asked, tuple[datetime, tuple[Course, ...]]] = OrderedDict()

    def of(self, asked: Asked) -> tuple[Course, ...]:
        """The courses in which there is anything to see; none where the source cannot be asked. Blocks."""
        with self._lock:
            now = self._clock()
            kept = self._kept.get(asked)
            if kept is None or now - kept[0] >= timedelta(seconds=KEPT_SECONDS):
                kept = self._kept[asked] = now, self._asked(asked, now)
                self._kept.move_to_end(asked)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return kept[1]

    def _asked(self, asked: Asked, now: datetime) -> tuple[Course, ...]:
        window = window_of(asked, now)
        if window is None:
            return ()
        step = step_of(window)
        query = RedQuery(
            window=window,
            services=tuple(name for name, _ in asked.services),
            step_seconds=step,
            timeout_seconds=TIMEOUT_SECONDS,
        )
        try:
            rows = self._traces.red(query).rows
        except WatchkeeperError as error:
            _log.warning("the course of an incident is not known", reason=str(error))
            return ()
        grid = Grid.over(window, step)
        found = {key[0]: red for key, red in red_series(rows, ["service_name"], grid).items()}
        return courses_of(found, asked.services, grid)


def window_of(asked: Asked, now: datetime) -> Window | None:
    """Whole steps from its start to its end, or to what has come in by now; None where that is no time at all.

    Of what has lasted for longer than can be shown, the beginning.
    """
    latest = min(now - LATE, asked.end or now)
    end = min(latest, asked.start + LONGEST)
    if end <= asked.start:
        return None
    step = step_of(Window(start=asked.start, end=end))
    start = _floor(asked.start, step)
    end = _floor(end, step)
    return Window(start=start, end=end) if end > start else None


def step_of(window: Window) -> float:
    """How long a step is, in seconds."""
    seconds = window.duration.total_seconds()
    return next((step for step in STEPS if seconds <= step * MOST_POINTS), STEPS[-1])


def _floor(time: datetime, step: float) -> datetime:
    return datetime.fromtimestamp(time.timestamp() // step * step, UTC)


def courses_of(found: dict[str, Red], services: Iterable[tuple[str, Role]], grid: Grid) -> tuple[Course, ...]:
    """The three figures, each of the services that have it, in their order."""
    shown = [(name, role, found[name]) for name, role in services if name in found]
    made: list[Course] = []
    if not shown:
        return ()
    # What comes after the last request of all of them may just not have been told.
    known = int(np.max(np.flatnonzero(np.any([red.requests > 0 for _, _, red in shown], axis=0)), initial=-1)) + 1
    for figure in ("requests", "failed", "p95"):
        series = [
            Series(service=name, role=role, points=_points(red, figure, grid, known)) for name, role, red in shown
        ]
        seen = tuple(each for each in series if len(each.points) > 1)
        if seen:
            made.append(Course(figure=figure, step_seconds=grid.step_seconds, series=seen))
    return tuple(made)


def _points(red: Red, figure: Figure, grid: Grid, known: int) -> tuple[tuple[datetime, float], ...]:
    times = [grid.time_of(place) for place in range(grid.size)]
    answered = red.requests > 0
    if figure == "requests":
        # Nothing is known of the time before its first request; after that, no request is a figure too.
        first = int(answered.argmax()) if answered.any() else known
        return tuple((times[at], float(red.requests[at]) / grid.step_seconds) for at in range(first, known))
    if figure == "failed":
        return tuple((times[at], float(red.errors[at] / red.requests[at])) for at in answered.nonzero()[0])
    return tuple((times[at], float(red.p95_ms[at])) for at in np.isfinite(red.p95_ms).nonzero()[0])
