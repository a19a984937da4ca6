"""Since when: the onset of every service's trouble, and of the incident as a whole."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from watchkeeper.analysis.onset import Onset, onset_of_growth, onset_of_level, onset_of_share
from watchkeeper.analysis.resources import ResourceKind
from watchkeeper.analysis.series import Floats, Grid, Red, added
from watchkeeper.analysis.symptoms import Symptom
from watchkeeper.domain import Window
from watchkeeper.evidence.vitals import Vitals

CLEAR = 8.0
"""Log-likelihood ratio that makes a change of level an onset."""
CONFIRMED = 3.0
"""The same where a symptom was established already."""
GUARD_SECONDS = 10.0
BEFORE_STEPS = 12
"""Steps of calm before an episode that an onset is estimated from."""
CALM_QUANTILE = 0.15
LATENCY_GAP_STEPS, ERROR_GAP_STEPS = 3, 9
"""Pauses within one episode; failures come in bursts where a process is started anew again and again."""


@dataclass(frozen=True)
class Began:
    """When something began, ± half a 90 % interval in seconds."""

    at: datetime
    uncertainty_seconds: float

    @property
    def earliest(self) -> datetime:
        """The moment before which it hardly began."""
        return self.at - timedelta(seconds=self.uncertainty_seconds)

    @property
    def latest(self) -> datetime:
        """The moment by which it had nearly surely begun."""
        return self.at + timedelta(seconds=self.uncertainty_seconds)


@dataclass(frozen=True)
class Timing:
    """The incident's onset, each service's own, and the stretches to compare."""

    onset: Began
    services: dict[str, Began]
    usual: Window
    incident: Window


def timing_of(vitals: Vitals, symptoms: list[Symptom]) -> Timing:
    """When it began: the earliest clear onset among the services that show symptoms."""
    grid = vitals.grid
    found = {s: began for s in sorted({s.service for s in symptoms}) if (began := _service_onset(vitals, s, symptoms))}
    first = min(found.values(), key=lambda o: o.step + o.uncertainty, default=None)
    if first is None:
        step = max(4.0, grid.size - 60 / grid.step_seconds)
        first = Onset(step, 30 / grid.step_seconds, 0.0, 0.0, 0.0)
    others = {s: o for s in vitals.services if s not in found and (o := _red_onset(vitals.services[s], None))}
    services = {s: _began(grid, o) for s, o in {**others, **found}.items()}
    split = min(max(first.step, 4.0), grid.size - 2.0)
    guard = (GUARD_SECONDS + first.uncertainty * grid.step_seconds) / grid.step_seconds
    return Timing(
        onset=_began(grid, first),
        services=services,
        usual=_usual(vitals, split - guard),
        incident=Window(start=grid.time_of(split), end=grid.time_of(grid.size)),
    )


def _usual(vitals: Vitals, end: float) -> Window:
    """From the first step in which anything reported to `end`, at least three steps."""
    reported = [int(np.flatnonzero(rows)[0]) for rows in vitals.presence.values() if rows.any()]
    first = min([*reported, max(0, int(end) - 3)])
    return Window(start=vitals.grid.time_of(first), end=vitals.grid.time_of(max(first + 3.0, end)))


def _service_onset(vitals: Vitals, service: str, symptoms: Iterable[Symptom]) -> Onset | None:
    measures = {s.measure for s in symptoms if s.service == service}
    if "silence" in measures:
        last = int(np.flatnonzero(vitals.presence[service]).max())
        return Onset(last + 1.0, 1.0, 1.0, 0.0, CLEAR)
    views = [red for red in (vitals.services.get(service), _as_called(vitals, service)) if red is not None]
    found = _clearest(_red_onset(red, measures) for red in views)
    if found is None:
        operations = [s.operation for s in symptoms if s.service == service and s.operation]
        found = _clearest(_red_onset(vitals.operations[service, name], measures) for name in operations)
    if found is None:
        kinds: list[ResourceKind] = [k for k in ("cpu", "memory", "pool") if k in measures]
        found = _clearest(_resource_onset(kind, vitals.resources[service, kind].values) for kind in kinds)
    return found


def _resource_onset(kind: ResourceKind, values: Floats) -> Onset | None:
    """Memory climbs from its onset on, the others jump."""
    return onset_of_growth(values) if kind == "memory" else onset_of_level(values)


def _as_called(vitals: Vitals, service: str) -> Red | None:
    """Requests to a service as its callers saw them: what a dead one cannot report itself."""
    calls = [red for (_, callee, _), red in vitals.calls.items() if callee == service]
    return added(calls) if calls else None


def _red_onset(red: Red, measures: Set[str] | None) -> Onset | None:
    """The clearest onset among errors and latency, only those with symptoms where these are given."""
    candidates: list[Onset | None] = []
    with np.errstate(invalid="ignore", divide="ignore"):
        share, slowness = red.errors / red.requests, np.log(red.mean_ms)
    if measures is None or "error ratio" in measures:
        since = episode_start(share, ERROR_GAP_STEPS)
        candidates.append(_later(onset_of_share(red.errors[since:], red.requests[since:]), since))
    if measures is None or measures & {"mean latency", "p95 latency"}:
        since = episode_start(slowness, LATENCY_GAP_STEPS)
        candidates.append(_later(onset_of_level(slowness[since:]), since))
    rises = (o for o in candidates if o is not None and o.after > o.before)
    return _clearest(rises, CLEAR if measures is None else CONFIRMED)


def episode_start(values: Floats, gap: int) -> int:
    """Where to look for the onset of what goes on at the end: some steps before the present episode began.

    The episode is the longest stretch up to the end in which values keep reaching half-way from their calm level to
    their latest one, with pauses of at most `gap` steps; an earlier trouble that was over is not part of it. The calm
    level is a low quantile: the trouble may take up most of what is looked at.
    """
    known = np.flatnonzero(np.isfinite(values))
    if known.size < 3 * BEFORE_STEPS:
        return 0
    usual, latest = np.quantile(values[known], CALM_QUANTILE), np.median(_calmed(values[known][-6:]))
    above = known[_calmed(values[known]) > (usual + latest) / 2]
    if above.size == 0:
        return 0
    breaks = np.flatnonzero(np.diff(above) > gap)
    begin = int(above[breaks[-1] + 1]) if breaks.size else int(above[0])
    return max(0, begin - BEFORE_STEPS)


def _calmed(values: Floats) -> Floats:
    """Running median of three."""
    padded = np.r_[values[:1], values, values[-1:]]
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0), dtype=np.float64)


def _later(onset: Onset | None, steps: int) -> Onset | None:
    return onset and replace(onset, step=onset.step + steps)


def _clearest(onsets: Iterable[Onset | None], least: float = CONFIRMED) -> Onset | None:
    clear = [o for o in onsets if o is not None and o.evidence >= least]
    return max(clear, key=lambda o: o.evidence, default=None)


def _began(grid: Grid, onset: Onset) -> Began:
    return Began(grid.time_of(onset.step), onset.uncertainty * grid.step_seconds)
