"""What services use up: CPU, memory, connections, queues, read from metrics by OpenTelemetry's names and units."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy import stats

from watchkeeper.analysis.series import Floats, Grid, floats, groups

ResourceKind = Literal["cpu", "memory", "pool", "queue"]

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
