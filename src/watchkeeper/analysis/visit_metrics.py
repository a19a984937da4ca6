"""What metrics add to visits: sustained use of CPU, and delays that a mesh measured where there are no traces."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.analysis.links import Links
from watchkeeper.analysis.resources import usages
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats, Grid, floats
from watchkeeper.analysis.visit_durations import ordered

STEP_SECONDS = 30.0
"""The step for which buckets are asked."""
PAST = timedelta(hours=1)
"""How much before the onset is the past of a resource."""
SURE = 10.0
"""Robust standard deviations from which a rise is as sure as can be."""
_DURATION = re.compile(r"\b(client|server)\b.*\bduration\b")
_TO_MS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}


@dataclass(frozen=True)
class Busy:
    """A component that uses more CPU, and keeps doing so."""

    component: str
    metric: str
    unit: str
    before: float
    now: float
    before_of: int
    now_of: int
    score: float


def grid_of(buckets: pa.Table) -> Grid | None:
    """The grid of a `MetricBucketQuery` answer that was asked for steps of `STEP_SECONDS`; None if it is empty."""
    if buckets.num_rows == 0:
        return None
    low, high = (edge.as_py().timestamp() for edge in (pc.min(buckets["time"]), pc.max(buckets["time"])))
    start = np.floor(low / STEP_SECONDS) * STEP_SECONDS
    return Grid(datetime.fromtimestamp(start, UTC), STEP_SECONDS, int((high - start) // STEP_SECONDS) + 1)


def busy(buckets: pa.Table, onset: datetime, until: datetime) -> list[Busy]:
    """Components by how surely, and how far, their use of CPU rose after the onset.

    What counts is the second-largest sample since, so that one busy moment is none; a single sample counts half. It
    is compared with the past hour by robust spread, and weighed by the share of the limit that it gained.
    """
    grid = grid_of(buckets)
    if grid is None:
        return []
    onset_step, end = grid.index_of(onset), grid.index_of(until)
    begin = max(0, grid.index_of(onset - PAST))
    past = slice(begin, max(begin, onset_step - 1))
    found = [
        _busy(service, usage.metric, usage.unit, usage.values[past], usage.values[onset_step:end])
        for (service, kind), usage in sorted(usages(buckets, grid).items())
        if kind == "cpu"
    ]
    return [one for one in found if one is not None]


def _busy(service: str, metric: str, unit: str, past: Floats, present: Floats) -> Busy | None:
    past, present = past[np.isfinite(past)], np.sort(present[np.isfinite(present)])
    if past.size < 2 or present.size == 0:
        return None
    whole = 100.0 if unit == "%" else 1.0
    before, spread = location_scale(past, floor=0.02 * whole)
    now = float(present[-2] if present.size > 1 else present[-1])
    gain = max(0.0, now - before)
    sure = min(SURE, gain / max(spread, 0.1 * before))
    score = sure**2 * min(1.0, gain / whole) * (1.0 if present.size > 1 else 0.5)
    return Busy(service, metric, unit, before, now, past.size, present.size, score)


def mesh_links(buckets: pa.Table) -> Links:
    """Gaps between what callers and callees report of the same calls, from gauges of durations with `peer.service`."""
    known: dict[tuple[str, str, str], dict[int, tuple[float, float]]] = {}
    steps = pc.cast(buckets["time"], pa.int64()).to_numpy() // int(STEP_SECONDS * 1e6)
    means = floats(buckets["mean"])
    names = buckets["name"].to_pylist()
    chosen = [row for row, name in enumerate(names) if _DURATION.search(name)]
    for row in chosen:
        service, unit, attributes = (buckets[c][row].as_py() for c in ("service_name", "unit", "attributes"))
        peer = dict(attributes or ()).get("peer.service")
        side = _DURATION.search(names[row])
        if not peer or side is None or unit not in _TO_MS:
            continue
        is_client = side[1] == "client"
        edge = (service, peer) if is_client else (peer, service)
        measure = names[row].replace(side[1], "", 1)
        pair = known.setdefault((*edge, measure), {}).setdefault(int(steps[row]), (np.nan, np.nan))
        value = float(means[row]) * _TO_MS[unit]
        known[(*edge, measure)][int(steps[row])] = (value, pair[1]) if is_client else (pair[0], value)
    return _gaps(known)


def _gaps(known: dict[tuple[str, str, str], dict[int, tuple[float, float]]]) -> Links:
    keys = sorted(known)
    rows = [
        (client - server, step, number, client)
        for number, key in enumerate(keys)
        for step, (client, server) in sorted(known[key].items())
        if np.isfinite(client - server)
    ]
    columns = [np.array(c) for c in zip(*rows, strict=True)] if rows else [np.zeros(0)] * 4
    gap, step, stratum, client = columns
    start = step.astype(np.int64) * int(STEP_SECONDS * 1e6)
    gaps = ordered(gap.astype(float), start, stratum.astype(np.int64), step.astype(np.int64), client.astype(float))
    return Links(gaps, *(np.array([key[i] for key in keys], dtype=object) for i in range(3)))
