"""What services use up: CPU, memory, connections, queues, read from metrics by OpenTelemetry's names and units."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy import stats

from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats, Grid, floats, groups

ResourceKind = Literal["cpu", "memory", "pool", "queue"]
LEAST_READINGS, LATEST = 3, 4
"""Readings without which nothing is usual, and how many at the end are the latest."""
CLEAR_SPREADS = 3.0
"""Spreads from which a rise is more than noise."""
PLAIN_TIMES = 4.0
"""A rise to so many times what is expected is as plain as can be."""

_KINDS: tuple[tuple[ResourceKind, re.Pattern[str]], ...] = (
    ("cpu", re.compile(r"cpu\.(utilization|usage)|cpu_(usage|utilization|percent)", re.I)),
    ("memory", re.compile(r"memory\.(usage|rss|utilization)|(memory|rss)_(bytes|usage)|resident_memory", re.I)),
    ("pool", re.compile(r"pending_requests|connections?[._](pending|waiting)|pool[._](waiting|pending)", re.I)),
    ("queue", re.compile(r"queue[._](length|size|depth)|backlog", re.I)),
)


@dataclass(frozen=True)
class Usage:
    """One resource of one service over time, shape (n,), NaN where it was not reported. The busiest instance counts."""

    metric: str
    unit: str
    values: Floats


def kind_of(metric: str) -> ResourceKind | None:
    """Which resource a metric's name speaks of, if any."""
    return next((kind for kind, pattern in _KINDS if pattern.search(metric)), None)


def usages(buckets: pa.Table, grid: Grid) -> dict[tuple[str, ResourceKind], Usage]:
    """Resources by service and kind from a `MetricBucketQuery` answer: gauges and up-down sums, not counters."""
    found: dict[tuple[str, ResourceKind], Usage] = {}
    columns = ["service_name", "name", "unit", "kind", "is_monotonic"]
    means = floats(buckets["mean"])
    means = np.where(np.isfinite(means), means, np.nan)
    for (service, metric, unit, shape, monotonic), steps, rows in groups(buckets, columns, grid):
        kind = kind_of(metric)
        if kind is None or shape not in ("gauge", "sum") or monotonic == "true":
            continue
        values = np.full(grid.size, np.nan)
        np.fmax.at(values, steps, means[rows])
        known = found.get((service, kind))
        if known is None or np.nanmax(values) > np.nanmax(known.values):
            found[service, kind] = Usage(metric, unit, values)
    return found


@dataclass(frozen=True)
class Growth:
    """A climb that goes on: what was gained, in the series' unit, over how many known values."""

    gained: float
    steps: int


def steady_growth(values: Floats, minimum_steps: int = 12) -> Growth | None:
    """What a series gained over its last uninterrupted climb; None where it is not climbing.

    Climbing: over the last `minimum_steps` and more known values nearly every later value exceeds every
    earlier one (Kendall's tau of at least .9), and the second half gained at least half as much as the first: what
    merely warms up slows down.
    """
    known = values[np.isfinite(values)]
    if known.size < minimum_steps:
        return None
    span = _climb(known, minimum_steps)
    if span is None:
        return None
    half = span.size // 2
    first, second = span[half] - span[0], span[-1] - span[half]
    if second <= 0 or second < 0.5 * first:
        return None
    return Growth(float(span[-1] - span[0]), span.size)


def _climb(known: Floats, minimum: int) -> Floats | None:
    """The longest tail that keeps climbing, at least `minimum` values."""
    best: Floats | None = None
    size = minimum
    while size <= known.size:
        tail = known[-size:]
        tau = stats.kendalltau(np.arange(size), tail).statistic
        if not np.isfinite(tau) or tau < 0.9:
            break
        best, size = tail, size * 2 if size * 2 <= known.size or size == known.size else known.size
    return best


def rise_share(before: Floats, now: Floats, load: float, noise: float, half: float) -> float:
    """How much busier something is than its load explains, from 0 (not at all) to 1 (as much busier as can be told).

    `load` is by what multiple there is more to do (less counts as 1), `noise` the least spread that readings are taken
    to have, `half` the rise that counts half: both in the unit of the series. A rise of less than four times counts
    less. The latest readings count as well as all: what was noticed may have begun later than it seems.
    """
    known, recent = before[np.isfinite(before)], now[np.isfinite(now)]
    if known.size < LEAST_READINGS or recent.size < 2:
        return 0.0
    usual, spread = location_scale(known, floor=noise)
    level = max(float(np.median(recent)), float(np.median(recent[-LATEST:])))
    expected = max(usual, noise) * max(1.0, load)
    rise = level - expected
    if rise <= CLEAR_SPREADS * spread:
        return 0.0
    return rise / (rise + half) * min(1.0, float(np.log(level / expected) / np.log(PLAIN_TIMES)))
