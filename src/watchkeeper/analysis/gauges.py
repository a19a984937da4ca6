"""Who changed most, told from gauges on a fine grid alone: no requests to count, no calls, no spans.

Every service's latency, errors, workload, processor, memory, disk and connections are compared before and after one
common onset, which is inferred: an alert is minutes late or early. A change counts by how far it goes beyond the
series' own scatter *and* beyond what it did at other, uneventful times (placebo onsets), and by how much it is beside
what other services have of the same (idle ones double with ease). After robust scaling of metrics as in BARO (Pham et
al., FSE 2024), with an onset of its own and with several metrics of a service taken together.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from watchkeeper.analysis.robust import TO_SIGMA, location_scale
from watchkeeper.analysis.series import Floats, Grid, floats, groups

Role = Literal["latency", "errors", "requests", "cpu", "memory", "disk", "pool"]

_PATTERNS: tuple[tuple[Role, str], ...] = (
    ("errors", r"(^|[._-])(errors?|fail(ed|ures?|ing)?|faults?)([._-]|$)"),
    ("cpu", r"cpu"),
    ("memory", r"(^|[._-])(mem(ory)?|rss|heap)([._-]|$)"),
    ("disk", r"disk|blkio|(^|[._-])(fs|iops)([._-]|$)"),
    ("pool", r"socket|connections?([._-]|$)|(^|[._-])pool([._-]|$)"),
    ("latency", r"latency|duration|response[._-]?time"),
    ("requests", r"request|workload|throughput|(^|[._-])(load|rps|qps)([._-]|$)"),
)
_ROLES = tuple((role, re.compile(pattern, re.I)) for role, pattern in _PATTERNS)
SEARCH_BEFORE_SECONDS, SEARCH_AFTER_SECONDS = 600.0, 300.0
"""How long before and after the alert the onset is looked for."""
LEAST_BEFORE, LEAST_AFTER = 12, 6
"""Known values that a level needs on either side."""
JUMP_BEFORE, JUMP_AFTER = 24, 12
"""Steps before and after a moment whose levels are compared, to find the moment at which most changed."""
AFTER_SECONDS = 300.0
"""How much after an onset is compared: what comes later may be something else."""
PLACEBOS = 8
"""Uneventful moments, spread over what was before, at which every series is compared as well."""
CLEAR = 6.0
"""Spreads at which a change is half as clear as it can be."""
TAMED = 20.0
"""Spreads beyond which a change says no more about the onset."""
LEAST_SHARE = 0.02
"""The share of a level that is no change, however little it scatters."""
RESOURCES: frozenset[Role] = frozenset({"cpu", "memory", "disk", "pool"})

ROWS = pa.schema(
    [
        pa.field("component", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("unit", pa.string()),
        # Medians before the onset and after it.
        pa.field("level_before", pa.float64(), nullable=False),
        pa.field("level", pa.float64(), nullable=False),
        # By how many spreads it changed, negative where it fell; from 0 to 1 how clear and how large that is.
        pa.field("spreads", pa.float64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        # The common onset, give or take.
        pa.field("began", pa.timestamp("us", tz="UTC"), nullable=False),
        # Of the component: its metrics' weights together, and their part of all components'.
        pa.field("score", pa.float64(), nullable=False),
        pa.field("share", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Gauge:
    """One metric of one service on the grid, shape (n,), NaN where it was not reported."""

    service: str
    metric: str
    role: Role
    unit: str
    values: Floats


@dataclass(frozen=True)
class Change:
    """What one gauge did at an onset."""

    gauge: Gauge
    before: float
    after: float
    spreads: float
    weight: float = 0.0


@dataclass(frozen=True)
class Changed:
    """All that changed at the common onset."""

    began: datetime
    scores: dict[str, float]
    """By service, the largest first."""
    rows: pa.Table
    """`ROWS`: every change of weight, the most blamed service's first, its heaviest first."""


def role_of_gauge(metric: str) -> Role | None:
    """What a gauge measures by its name; None where that is not known."""
    return next((role for role, pattern in _ROLES if pattern.search(metric)), None)


def gauges_of(buckets: pa.Table, grid: Grid) -> list[Gauge]:
    """The gauges that are recognised in a `MetricBucketQuery` answer, instances of one service averaged."""
    if buckets.num_rows == 0:
        return []
    means, found = floats(buckets["mean"]), list[Gauge]()
    for (service, metric, unit, kind), steps, rows in groups(buckets, ["service_name", "name", "unit", "kind"], grid):
        role = role_of_gauge(metric)
        if role is None or kind != "gauge":
            continue
        known = np.isfinite(means[rows])
        total, count = np.zeros(grid.size), np.zeros(grid.size)
        np.add.at(total, steps[known], means[rows][known])
        np.add.at(count, steps[known], 1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(Gauge(service, metric, role, unit, total / count))
    return found


def changed(gauges: list[Gauge], grid: Grid, at: float) -> Changed | None:
    """Who changed how much at the one onset around step `at` at which most changed; None where too little is known."""
    moments = _moments(grid, at)
    if not moments or not gauges:
        return None
    best = moments[int(np.argmax(_unrest(gauges, moments)))]
    changes = [change for gauge in gauges if (change := _change(gauge, best, grid)) is not None]
    weighed = _weighed(changes)
    scores = _scores(weighed)
    if not any(scores.values()):
        return None
    return Changed(grid.time_of(best), scores, _rows(weighed, scores, grid.time_of(best)))


def _moments(grid: Grid, at: float) -> list[int]:
    """Steps that may be the onset: around the alert, with enough on both sides."""
    first = max(LEAST_BEFORE, int(at - SEARCH_BEFORE_SECONDS / grid.step_seconds))
    last = min(grid.size - LEAST_AFTER, int(at + SEARCH_AFTER_SECONDS / grid.step_seconds))
    return list(range(first, last + 1))


def _unrest(gauges: list[Gauge], moments: list[int]) -> Floats:
    """How much all gauges together changed at each of those steps, no single one for more than its part, shape (m,).

    The jump at the step itself is compared, over windows of one length, so that late onsets have no advantage.
    """
    jumps = [_jumps(gauge.values, np.array(moments)) for gauge in gauges]
    together: Floats = np.sum([np.minimum(TAMED, jump) ** 2 for jump in jumps], axis=0)
    return together


def _jumps(values: Floats, moments: NDArray[np.int64]) -> Floats:
    """How far the level right after each step is from that right before it, in spreads of what was before."""
    known = np.flatnonzero(np.isfinite(values))
    if known.size < LEAST_BEFORE + LEAST_AFTER:
        return np.zeros(moments.size)
    filled = np.interp(np.arange(values.size), known, values[known])
    padded = np.pad(filled, (JUMP_BEFORE, JUMP_AFTER), "reflect" if filled.size > JUMP_BEFORE else "edge")
    before = sliding_window_view(padded, JUMP_BEFORE)[moments]
    after = np.median(sliding_window_view(padded, JUMP_AFTER)[moments + JUMP_BEFORE], axis=1)
    centre = np.median(before, axis=1)
    spread = TO_SIGMA * np.median(np.abs(before - centre[:, None]), axis=1)
    noise = np.hypot(spread, LEAST_SHARE * np.maximum(np.abs(centre), np.abs(after)))
    return np.divide(np.abs(after - centre), noise, out=np.zeros(moments.size), where=noise > 0)


def _change(gauge: Gauge, moment: int, grid: Grid) -> Change | None:
    """How a gauge's level changed, beyond its scatter and beyond what it did at uneventful moments."""
    length = max(LEAST_AFTER, int(AFTER_SECONDS / grid.step_seconds))
    before, after = gauge.values[:moment], gauge.values[moment : moment + length]
    if np.isfinite(before).sum() < LEAST_BEFORE or np.isfinite(after).sum() < LEAST_AFTER // 2:
        return None
    centre, spread = location_scale(before)
    level, _ = location_scale(after)
    placebo = _placebo(before, min(length, max(LEAST_AFTER, moment // 4)))
    noise = float(np.sqrt(spread**2 + placebo**2 + (LEAST_SHARE * max(abs(centre), abs(level))) ** 2))
    return Change(gauge, centre, level, (level - centre) / noise) if noise > 0 else None


def _placebo(before: Floats, length: int) -> float:
    """The largest shift of level that the series showed at moments before, against what was before them."""
    cuts = np.unique(np.linspace(LEAST_BEFORE, before.size - length, PLACEBOS).astype(np.int64))
    shifts = [
        abs(location_scale(before[cut : cut + length])[0] - location_scale(before[:cut])[0])
        for cut in cuts
        if cut >= LEAST_BEFORE
    ]
    known = [shift for shift in shifts if np.isfinite(shift)]
    return max(known, default=0.0)


def _weighed(changes: list[Change]) -> list[Change]:
    """The same with their weights: how clear a change is, times how large beside what others have of the same.

    A processor that is busier because there are more requests to serve did not change; nor counts a resource that is
    used less. Of workload a fall or a rise counts half: it follows from trouble anywhere.
    """
    typical = {
        role: float(np.median([abs(c.before) for c in changes if c.gauge.role == role]))
        for role in {c.gauge.role for c in changes}
    }
    load = {c.gauge.service: c for c in changes if c.gauge.role == "requests"}
    return [
        Change(c.gauge, c.before, c.after, c.spreads, _weight(c, typical[c.gauge.role], load.get(c.gauge.service)))
        for c in changes
    ]


def _weight(change: Change, typical: float, load: Change | None) -> float:
    role, expected = change.gauge.role, change.before
    if role in RESOURCES and load is not None and load.before > 0:
        expected *= max(1.0, load.after / load.before)
    gained = change.after - expected
    if role != "requests" and gained <= 0:
        return 0.0
    part = abs(gained) / abs(change.after - change.before) if change.after != change.before else 0.0
    spreads = abs(change.spreads) * min(1.0, part)
    clear = spreads**2 / (spreads**2 + CLEAR**2)
    beside = abs(gained) + (abs(change.before) if role == "latency" else max(abs(change.before), typical))
    large = abs(gained) / beside if beside > 0 else 0.0
    return clear * large * (0.5 if role == "requests" else 1.0)


def _scores(changes: list[Change]) -> dict[str, float]:
    """By service: of each role the heaviest change, added up over roles; the largest first, of equals by name."""
    heaviest: dict[str, dict[Role, float]] = {}
    for change in changes:
        of = heaviest.setdefault(change.gauge.service, {})
        of[change.gauge.role] = max(of.get(change.gauge.role, 0.0), change.weight)
    totals = {name: sum(of.values()) for name, of in heaviest.items()}
    return dict(sorted(totals.items(), key=lambda pair: (-pair[1], pair[0])))


def _rows(changes: list[Change], scores: Mapping[str, float], began: datetime) -> pa.Table:
    total = sum(scores.values())

    def told() -> Iterator[dict[str, object]]:
        for name, score in scores.items():
            own = [c for c in changes if c.gauge.service == name and c.weight > 0]
            for change in sorted(own, key=lambda c: (-c.weight, c.gauge.metric)):
                yield {
                    "component": name, "metric": change.gauge.metric, "role": change.gauge.role,
                    "unit": change.gauge.unit or None, "level_before": change.before, "level": change.after,
                    "spreads": change.spreads, "weight": change.weight, "began": began, "score": score,
                    "share": score / total,
                }  # fmt: skip

    return pa.Table.from_pylist(list(told()), schema=ROWS)
