"""How many incidents the standing watch opens where nothing is wrong, and how many that is a week."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from watchkeeper.analysis.budget import poisson_interval
from watchkeeper.assembly.topology import close
from watchkeeper.domain import Signal, Window
from watchkeeper.evaluation.quiet_recordings import QuietRecording, quiet_in
from watchkeeper.telemetry.sources import CallQuery, ExtentQuery, Sources
from watchkeeper.watch.detection import watch_over

OVER_AFTER_SECONDS = 300.0
COOL_DOWN_SECONDS = 900.0
"""As shipped: when what was noticed is over, and for how long the same opens no other incident."""
WEEK_HOURS = 168.0
WEEKS = 4
SERVICES = 50
RESAMPLES = 2000
SEED = 20

Say = Callable[[str], None]
Near = Mapping[str, frozenset[str]]


@dataclass
class OpenedIncident:
    """An incident that the watch would have opened."""

    began: datetime
    first: Signal
    last: datetime
    services: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class QuietRun:
    """What the watch did over one recording."""

    name: str
    hours: float
    services: int
    incidents: tuple[OpenedIncident, ...]


@dataclass(frozen=True)
class Rate:
    """Incidents a week, with its 95 % interval."""

    value: float
    low: float
    high: float


def watch_quiet(recording: QuietRecording) -> QuietRun:
    """Replay the standing watch over one recording; alarms close on the call graph are one incident, as in `intake`."""
    sources = recording.open()
    near = _near(sources, recording)
    opened: list[OpenedIncident] = []
    looks = watch_over(
        sources,
        recording.begins,
        recording.ends,
        every_seconds=recording.every_seconds,
        topology=recording.topology,
    )
    for at, signals in looks:
        for signal in signals:
            _place(signal, at, opened, near, recording.every_seconds)
    services = {name for name in sources.extent(ExtentQuery()).rows["service_name"].to_pylist() if name}
    return QuietRun(recording.name, recording.hours, len(services), tuple(opened))


def _place(signal: Signal, at: datetime, opened: list[OpenedIncident], near: Near, every_seconds: float) -> None:
    name = signal.service or ""
    quiet = timedelta(seconds=max(OVER_AFTER_SECONDS + COOL_DOWN_SECONDS, 2 * every_seconds))
    for incident in reversed(opened):
        if at - incident.last <= quiet and (name in incident.services or near.get(name, set()) & incident.services):
            incident.last = at
            incident.services.add(name)
            return
    opened.append(OpenedIncident(at, signal, at, {name}))


def _near(sources: Sources, recording: QuietRecording) -> Near:
    window = Window(start=recording.begins, end=recording.ends)
    query = CallQuery(window=window, step_seconds=window.duration.total_seconds())
    rows = sources.calls(query).rows
    seen = zip(rows["service_name"].to_pylist(), rows["callee"].to_pylist(), strict=True)
    return close([*seen, *recording.topology])


def rate_of(runs: Sequence[QuietRun]) -> Rate:
    """Incidents a week over all runs: the count over the hours, with the exact interval of a Poisson count."""
    hours, count = sum(run.hours for run in runs), sum(len(run.incidents) for run in runs)
    low, high = poisson_interval(count)
    scale = WEEK_HOURS / hours
    return Rate(count * scale, low * scale, high * scale)


def bootstrapped(runs: Sequence[QuietRun], seed: int = SEED) -> Rate:
    """Incidents a week on `SERVICES` services: four weeks drawn from the runs' hours, again and again.

    Blocks are whole runs cut into hours at most, so that what comes in bunches stays together; a block's incidents
    count by `SERVICES` over its own services. Where no run had any, this says 0 and nothing more: then the exact
    interval of `rate_of` is what is known.
    """
    blocks = np.array([block for run in runs for block in _blocks(run)], dtype=np.float64)
    hours, weight = blocks[:, 0], blocks[:, 1]
    rng = np.random.default_rng(seed)
    draws = int(np.ceil(WEEKS * WEEK_HOURS / hours.mean()))
    totals = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        drawn = rng.integers(0, hours.size, draws)
        totals[number] = weight[drawn].sum() / hours[drawn].sum() * WEEK_HOURS
    low, high = np.quantile(totals, [0.025, 0.975])
    return Rate(float(weight.sum() / hours.sum() * WEEK_HOURS), float(low), float(high))


def _blocks(run: QuietRun) -> Iterable[tuple[float, float]]:
    """(hours, incidents scaled to `SERVICES`) of each hour of a run; its incidents lie in the hour they began in."""
    count = max(1, round(run.hours))
    share = SERVICES / max(1, run.services)
    begins = min((incident.began for incident in run.incidents), default=None)
    weights = np.zeros(count)
    for incident in run.incidents:
        assert begins is not None
        place = int((incident.began - begins).total_seconds() // 3600)
        weights[min(count - 1, place)] += share
    return [(run.hours / count, float(weight)) for weight in weights]


def quiet_runs(data: Path, say: Say = lambda _: None) -> list[QuietRun]:
    """Replay every quiet recording under a folder; raises DatasetRejected where there is none."""
    runs = []
    for recording in quiet_in(data):
        run = watch_quiet(recording)
        say(f"{run.name}: {len(run.incidents)} in {run.hours:.2f} h")
        for incident in run.incidents:
            say(f"  {incident.began:%Y-%m-%d %H:%M:%S} {incident.first.text}")
        runs.append(run)
    return runs
