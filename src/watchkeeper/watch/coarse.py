"""Services that only metrics tell of, minute by minute or in five minutes' rows: failures, slowness, lost traffic."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from watchkeeper.analysis.budget import chance_of
from watchkeeper.analysis.busy import LEAST
from watchkeeper.analysis.golden import LEAST_STEP_SECONDS, golden_names, golden_series, period_seconds
from watchkeeper.analysis.season import Season, season_of
from watchkeeper.analysis.series import Floats, Grid, Red
from watchkeeper.analysis.symptoms import Sensitivity, Stretch, Symptom, request_symptoms, traffic_symptom
from watchkeeper.domain import Signal, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.telemetry.sources import MetricBucketQuery, MetricQuery, Metrics
from watchkeeper.watch.objectives import Promise, broken_promises, main_entries
from watchkeeper.watch.splicing import Splice, spliced
from watchkeeper.watch.wording import signal_of

EVERY_SECONDS = 60.0
LATE_STEPS = 2
HISTORY_STEPS = 3 * 2016
"""Three weeks of five minutes' rows: what a season of the week is told from."""
PAST_SECONDS = 86_400.0
"""What recent steps are compared with, seasons taken off."""
NAMING_SECONDS = 3600.0
"""How much of the past tells which metrics there are, and how far apart their points lie."""
POINTS = 20_000
RECENT_STEPS = 3
PAST_STEPS = 12
LEAST_HISTORY_STEPS = 288
LEAST_REQUESTS = 90
"""Requests in the recent steps without which durations of a handful are all that there is."""
Edge = tuple[str, str]


@dataclass(frozen=True)
class Seasons:
    """Of one service; None where there is none to be told."""

    requests: Season | None = None
    duration: Season | None = None


class CoarseWatch:
    """Looks once a minute at what metrics say of requests, and asks for new steps only."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        alarms_a_week: float,
        promises: Sequence[Promise] = (),
        topology: Iterable[Edge] = (),
        history_steps: int = HISTORY_STEPS,
    ) -> None:
        self._metrics, self._alarms, self._promises = metrics, alarms_a_week, tuple(promises)
        self._topology, self._size = frozenset(topology), history_steps
        self._seasons: Mapping[str, Seasons] = {}
        self._names: tuple[str, ...] = ()
        self._grid: Grid | None = None
        self._named_at: datetime | None = None
        self._said: tuple[tuple[datetime, frozenset[str]], list[Signal]] | None = None
        self._reds: Mapping[str, Red] = {}

    def look(self, end: datetime, known: Iterable[str] = ()) -> list[Signal]:
        """What is wrong at that moment with services beside those `known` from elsewhere; nothing where it is down."""
        try:
            grid = self._extend(end)
        except SourceUnavailable:
            # A history that takes too long to ask for is asked for in part.
            self._size = max(self._size // 2, LEAST_HISTORY_STEPS)
            return []
        beside = set(known)
        services = {name: red for name, red in self._reds.items() if name not in beside}
        if grid is None or not services:
            return []
        if self._said is not None and self._said[0] == (grid.start, frozenset(services)):
            return self._said[1]
        promised = broken_promises(
            self._promised(services), {(name, ""): red for name, red in services.items()}, grid.step_seconds, end
        )
        entries = self._entries(services) if self._topology else None
        symptoms = coarse_symptoms(services, grid, self._alarms, self._seasons, entries)
        seen = {(signal.service, signal.measure) for signal in promised}
        found = [*promised, *(signal_of(s, end) for s in symptoms if (s.service, s.measure) not in seen)]
        self._said = (grid.start, frozenset(services)), found
        return found

    def _promised(self, services: Mapping[str, Red]) -> list[Promise]:
        """What was declared and, of services that nobody calls where calls are known, what is inferred."""
        declared = [promise for promise in self._promises if promise.route is None]
        described = {promise.service for promise in self._promises}
        inferred = sorted(self._entries(services) - described)
        return [*declared, *(Promise(name, is_inferred=True) for name in inferred)]

    def _entries(self, services: Mapping[str, Red]) -> set[str]:
        """Services that nobody calls, where calls are known, and that carry a good part of what enters."""
        callers, called = ({edge[side] for edge in self._topology} for side in (0, 1))
        return main_entries({name: services[name] for name in (callers - called) & services.keys()})

    def _extend(self, end: datetime) -> Grid | None:
        if self._named_at is None or (end - self._named_at).total_seconds() >= NAMING_SECONDS or not self._names:
            self._name(end)
        if not self._names or self._grid is None:
            return None
        step, old = self._grid.step_seconds, self._grid
        size = self._size
        last = datetime.fromtimestamp(end.timestamp() // step * step, UTC)
        grid = Grid(last - timedelta(seconds=size * step), step, size)
        gone = round(old.position_of(grid.start)) if old.size == size else size
        if gone == 0 and self._reds:
            return grid
        fresh = min(size, gone + LATE_STEPS) if gone > 0 and self._reds else size
        asked = Grid(grid.time_of(size - fresh), step, fresh)
        # One step more: what a counter gained is told from its level before.
        wider = Grid(asked.time_of(-1), step, fresh + 1)
        query = MetricBucketQuery(
            window=Window(start=wider.start, end=grid.time_of(size)), names=self._names, step_seconds=step
        )
        new = golden_series(self._metrics.metric_buckets(query).rows, wider)
        self._reds = spliced(self._reds if fresh < size else {}, new, Splice(gone, size, fresh))
        if fresh == size or not self._seasons:
            self._seasons = seasons_of(self._reds, grid)
        self._grid = grid
        return grid

    def _name(self, end: datetime) -> None:
        """Which metrics there are, and the length of a step: the points' own period, no finer than a minute."""
        window = Window.before(end, NAMING_SECONDS)
        listed = self._metrics.metric_buckets(MetricBucketQuery(window=window, step_seconds=NAMING_SECONDS)).rows
        names = golden_names(listed) if listed.num_rows else ()
        if not names:
            return
        points = self._metrics.points(MetricQuery(window=window, names=names, limit=POINTS)).rows
        period = period_seconds(points) or LEAST_STEP_SECONDS
        step = max(1.0, round(period * np.ceil(LEAST_STEP_SECONDS / period - 1e-3)))
        if names != self._names or self._grid is None or self._grid.step_seconds != step:
            self._grid, self._reds = Grid(end, step, 0), {}
        self._names, self._named_at, self._seasons = names, end, {}


def seasons_of(services: Mapping[str, Red], grid: Grid) -> dict[str, Seasons]:
    """What is usual at each time of the hour, day and week, of the logarithms of requests and of durations."""
    with np.errstate(divide="ignore"):
        return {
            name: Seasons(season_of(_known(np.log(red.requests)), grid), season_of(_known(np.log(red.mean_ms)), grid))
            for name, red in services.items()
        }


def coarse_symptoms(
    services: Mapping[str, Red],
    grid: Grid,
    alarms_a_week: float,
    seasons: Mapping[str, Seasons] | None = None,
    entries: Collection[str] | None = None,
) -> list[Symptom]:
    """What is wrong at the end of coarse series, the weightiest first: against their last day, seasons taken off.

    Traffic is watched where it enters; where nobody knows who calls whom, that is who carries a good part of it all.
    """
    how = Sensitivity(
        recent_seconds=RECENT_STEPS * grid.step_seconds,
        guard_seconds=0.0,
        past_seconds=PAST_STEPS * grid.step_seconds,
        chance=chance_of(alarms_a_week, 4 * len(services), RECENT_STEPS * grid.step_seconds),
        requests=LEAST_REQUESTS,
        # What always failed is found by what was promised of it: many a component answers so on purpose.
        broken_share=float("inf"),
    )
    at = Stretch.at_end(grid, how)
    if at is None:
        return []
    first = max(0, at.recent.start - round(PAST_SECONDS / grid.step_seconds))
    at = replace(at, past=slice(first, at.past.stop))
    known = seasons or {}
    usual: dict[tuple[str, ...], Red] = {
        (name,): _without_season(red, grid, known.get(name, Seasons()))
        for name, red in services.items()
        if np.count_nonzero(red.requests[at.past]) >= PAST_STEPS
    }
    shared = _slower(usual.values(), at)
    found = request_symptoms(usual, at, how, {key[0]: shared for key in usual})
    enters = main_entries(services) if entries is None else set(entries)
    fallen = (traffic_symptom(key, red, at, how) for key, red in usual.items() if key[0] in enters)
    return found or [symptom for symptom in fallen if symptom is not None]


def _known(logs: Floats) -> Floats:
    return np.where(np.isfinite(logs), logs, np.nan)


def _without_season(red: Red, grid: Grid, seasons: Seasons) -> Red:
    """Requests, failures and durations as they would be at the usual hour."""
    requests, duration = (
        np.ones(grid.size) if season is None else np.exp(season.at(grid))
        for season in (seasons.requests, seasons.duration)
    )
    return Red(red.requests / requests, red.errors / requests, red.mean_ms / duration, red.p95_ms / duration)


def _slower(reds: Iterable[Red], at: Stretch) -> float:
    """By how much half of all services are slower at least; 1 where too few can be compared."""
    ratios = [red.mean_over(at.recent) / red.mean_over(at.past) for red in reds]
    known = [ratio for ratio in ratios if np.isfinite(ratio)]
    return max(1.0, float(np.median(known))) if len(known) >= LEAST else 1.0
