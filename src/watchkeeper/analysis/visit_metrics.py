"""What metrics add to visits: sustained use of CPU, and delays that a mesh measured where there are no traces."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.analysis.links import Links
from watchkeeper.analysis.resources import Usage, usages
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats, Grid, floats
from watchkeeper.analysis.visit_durations import ordered
from watchkeeper.analysis.visits import Event, Visits

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


@dataclass(frozen=True)
class Processors:
    """How busy each component's processor is, on a grid of `STEP_SECONDS`."""

    grid: Grid
    usages: dict[str, Usage]


def read_processors(buckets: pa.Table) -> Processors | None:
    """The use of CPU by component; None where there are no buckets."""
    grid = grid_of(buckets)
    if grid is None:
        return None
    found = sorted(usages(buckets, grid).items())
    return Processors(grid, {service: usage for (service, kind), usage in found if kind == "cpu"})


def busy(processors: Processors | None, onset: datetime, until: datetime) -> list[Busy]:
    """Components by how surely, and how far, their use of CPU rose after the onset.

    What counts is the second-largest sample since, so that one busy moment is none; a single sample counts half. It
    is compared with the past hour by robust spread, and weighed by the share of the limit that it gained.
    """
    if processors is None:
        return []
    grid = processors.grid
    onset_step, end = grid.index_of(onset), grid.index_of(until)
    begin = max(0, grid.index_of(onset - PAST))
    past = slice(begin, max(begin, onset_step - 1))
    found = [
        _busy(service, usage.metric, usage.unit, usage.values[past], usage.values[onset_step:end])
        for service, usage in processors.usages.items()
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


@dataclass(frozen=True)
class Mesh:
    """What a mesh tells of calls without traces."""

    links: Links
    """Gaps between what callers and callees measured of the same calls."""
    visits: Visits
    """For each step and caller, to whom calls were measured: not one visit, but all of that time."""


def read_mesh(buckets: pa.Table) -> Mesh:
    """Gauges of durations of `client` and `server` with the attribute `peer.service`, such as meshes export."""
    known: dict[tuple[str, str, str], dict[int, list[float]]] = {}
    steps = pc.cast(buckets["time"], pa.int64()).to_numpy() // int(STEP_SECONDS * 1e6)
    means = floats(buckets["mean"])
    columns = (buckets[c].to_pylist() for c in ("name", "service_name", "unit", "attributes"))
    for row, (name, service, unit, attributes) in enumerate(zip(*columns, strict=True)):
        side = _DURATION.search(name)
        peer = dict(attributes or ()).get("peer.service") if side else None
        if side is None or not peer or unit not in _TO_MS or not np.isfinite(means[row]):
            continue
        is_client = side[1] == "client"
        key = ((service, peer) if is_client else (peer, service)) + (name.replace(side[1], "", 1),)
        both = known.setdefault(key, {}).setdefault(int(steps[row]), [np.nan, np.nan])
        both[0 if is_client else 1] = float(means[row]) * _TO_MS[unit]
    return Mesh(_gaps(known), _calls(known))


def _gaps(known: dict[tuple[str, str, str], dict[int, list[float]]]) -> Links:
    keys = sorted(known)
    rows = [
        (client - server, step, number, client)
        for number, key in enumerate(keys)
        for step, (client, server) in sorted(known[key].items())
        if np.isfinite(client - server)
    ]
    gap, step, stratum, client = (np.array([row[i] for row in rows], dtype=np.float64) for i in range(4))
    start = (step * STEP_SECONDS * 1e6).astype(np.int64)
    gaps = ordered(gap, start, stratum.astype(np.int64), step.astype(np.int64), client)
    return Links(gaps, *(np.array([key[i] for key in keys], dtype=object) for i in range(3)))


def _calls(known: dict[tuple[str, str, str], dict[int, list[float]]]) -> Visits:
    made = {
        (caller, step, callee)
        for (caller, callee, _), values in known.items()
        for step, (client, _) in values.items()
        if np.isfinite(client)
    }
    span = {caller: [step for c, step, _ in made if c == caller] for caller in {c for c, _, _ in made}}
    visits = [(c, step) for c in sorted(span) for step in sorted(set(span[c]))]
    number = {visit: i for i, visit in enumerate(visits)}
    codes: dict[Event, int] = {}
    begins = [codes.setdefault(Event(c, "", "begin", ""), len(codes)) for c, _ in visits]
    rows = sorted((number[c, step], callee) for c, step, callee in made)
    events = [codes.setdefault(Event(visits[i][0], "", "call", f"→ {callee}"), len(codes)) for i, callee in rows]
    owner = np.array([*range(len(visits)), *(i for i, _ in rows)], dtype=np.int64)
    order = np.argsort(owner, kind="stable")
    return Visits(
        start_us=np.array([step * STEP_SECONDS * 1e6 for _, step in visits], dtype=np.int64),
        begin=np.array(begins, dtype=np.int64),
        context=np.full(len(visits), -1, dtype=np.int64),
        visit=owner[order],
        event=np.array([*begins, *events], dtype=np.int64)[order],
        events=list(codes),
        is_excused=np.zeros(len(visits), dtype=bool),
    )
