"""Figures of each period alone, no traces: excess put in at one node flows up the declared calls, and is measured.

A node is a service with `http.server.request.duration` as delta histogram in seconds, failures with `error.type`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.injection.forest import Ints, codes, times_ns
from watchkeeper.injection.maps import value_of
from watchkeeper.injection.plan import Fault, Flow, InjectedKind, Strength
from watchkeeper.tables import METRICS

METRIC, ERROR_TYPE, FAILED = "http.server.request.duration", "error.type", "_OTHER"
PERIODS_BEFORE, PERIODS_AFTER = 48, 4
"""How many periods a case has before its fault, and with it."""
BUSY = 20.0
"""Requests a period from which on a node can be judged."""
OWN_RATIO, FELT_RATIO, NOISES = 0.5, 0.2, 4.0
"""The excess matters where it adds a half to what is usual at the node and a fifth at the caller that alarms, both at
least four times what a period usually differs by;"""
LEAST_SECONDS = 0.005
"""a delay only where it is as long as this at both, however quick the node usually is;"""
OWN_SHARE, FELT_SHARE = 0.05, 0.02
"""failures where they are this share of the node's, and of that caller's requests, and as much beyond the noise."""
CALM_SHARE, CALM_RATIO = 0.02, 3.0
"""A node that fails so much more, or is so much slower, by itself is not quiet."""
RATIOS, SHARES = (0.15, 15.0), (0.01, 0.9)
LONGEST_SECONDS = 30.0
NS = 1_000_000_000

Floats = NDArray[np.float64]
Edge = tuple[str, str]
Random = np.random.Generator


@dataclass(frozen=True)
class Periods:
    """Requests, seconds and failures of each node in each period, shape (nodes, periods), from one table."""

    table: pa.Table
    nodes: tuple[str, ...]
    starts: Ints
    """Unix nanoseconds."""
    requests: Floats
    seconds: Floats
    failures: Floats
    edges: frozenset[Edge]
    """Caller and callee, as declared."""

    @classmethod
    def of(cls, metrics: pa.Table, edges: frozenset[Edge]) -> "Periods":
        """The nodes of a table of metrics; other metrics in it are left out."""
        table = metrics.filter(pc.and_(pc.equal(metrics["name"], METRIC), pc.equal(metrics["kind"], "histogram")))
        table = table.combine_chunks()
        node, nodes = codes(table["service_name"])
        starts, at = np.unique(times_ns(table["time"]), return_inverse=True)
        has_failed = pc.is_valid(value_of(table["attributes"], ERROR_TYPE)).to_numpy(zero_copy_only=False)
        shape = len(nodes), starts.size
        count, value = table["count"].to_numpy().astype(float), table["value"].to_numpy()
        requests, seconds, failures = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        np.add.at(requests, (node, at), count)
        np.add.at(seconds, (node, at), value)
        np.add.at(failures, (node[has_failed], at[has_failed]), count[has_failed])
        return cls(table, nodes, starts, requests, seconds, failures, edges)

    @property
    def period_ns(self) -> int:
        """How long a period is, by the commonest step."""
        return int(np.median(np.diff(self.starts))) if self.starts.size > 1 else 300 * NS

    def at(self, period: int) -> datetime:
        """When a period begins, the one after the last included."""
        last = int(self.starts[-1])
        ns = int(self.starts[period]) if period < self.starts.size else last + self.period_ns
        return datetime.fromtimestamp(ns / NS, UTC)

    def index(self, moment: datetime) -> int:
        """The first period that begins at the moment or later."""
        return int(np.searchsorted(self.starts, round(moment.timestamp() * 1e6) * 1000))


@dataclass(frozen=True)
class Plan:
    """A fault among periods, with all that its alarm needs."""

    fault: Fault
    alarmed: str
    """The caller that alarms."""
    alarm_at: datetime
    until: datetime
    """What may be read ends here."""
    topology: frozenset[Edge]
    """The calls that are declared: some may be lost."""
    excess: Floats
    """What is put in, seconds or failures by node and period, shape (nodes, periods)."""


def plan(periods: Periods, seed: int, system: str = "") -> Plan:
    """A fault at a busy node that a caller can feel; raises ValueError where there is none, or too few periods."""
    random = np.random.default_rng([seed, 5])
    if periods.starts.size < PERIODS_BEFORE + PERIODS_AFTER + 1:
        raise ValueError(f"{periods.starts.size} periods are too few, expected {PERIODS_BEFORE + PERIODS_AFTER + 1}")
    busy = [n for i, n in enumerate(periods.nodes) if np.median(periods.requests[i]) >= BUSY]
    if not busy:
        raise ValueError(f"no node has {BUSY:g} requests a period")
    component = busy[int(random.integers(len(busy)))]
    kind: InjectedKind = "latency" if random.random() < 0.6 else "errors"
    onset = int(random.integers(PERIODS_BEFORE, periods.starts.size - PERIODS_AFTER))
    flow = _flow(random)
    size, own = _own_excess(periods, component, kind, onset, random)
    excess = np.zeros_like(periods.requests)
    excess += _flowing(periods, component, own, kind, flow, random)
    for other in _elsewhere(periods, busy, component, flow, random):
        mine = _disturbance(periods, other, own, kind, onset, flow, random)
        excess += _flowing(periods, other, mine, kind, flow, random)
    alarmed = _alarmed(periods, component, excess, onset, busy)
    if not _is_calm(periods, alarmed, onset) or not _is_calm(periods, component, onset):
        raise ValueError(f"{component} or {alarmed} is not quiet where the fault would be")
    strength = _strength(periods, component, alarmed, excess, kind, onset)
    read = int(random.integers(2, PERIODS_AFTER + 1))
    fault = Fault(
        seed=seed, system=system, component=component, kind=kind, onset=periods.at(onset),
        ends=periods.at(onset + PERIODS_AFTER), size=size, flow=flow, strength=strength,
    )  # fmt: skip
    lost = frozenset(e for e in sorted(periods.edges) if random.random() < flow.lost_edges)
    alarm = min(onset + 1 + flow.lag_periods, onset + read)
    return Plan(fault, alarmed, periods.at(alarm), periods.at(onset + read), periods.edges - lost, excess)


def put_in(periods: Periods, made: Plan) -> pa.Table:
    """The table of the case with the excess in it: the periods before the fault, and those of it that may be read."""
    first, last = periods.index(made.fault.onset) - PERIODS_BEFORE, periods.index(made.until)
    table, at = periods.table, times_ns(periods.table["time"])
    node, _ = codes(table["service_name"])
    period = np.searchsorted(periods.starts, at)
    has_failed = pc.is_valid(value_of(table["attributes"], ERROR_TYPE)).to_numpy(zero_copy_only=False)
    count, value = table["count"].to_numpy().astype(float), table["value"].to_numpy().copy()
    well = np.flatnonzero(~has_failed & (count > 0))
    added = made.excess[node[well], period[well]] * _parts(count[well], node[well], period[well])
    extra = METRICS.empty_table()
    if made.fault.kind == "latency":
        value[well] += added
    else:
        moved = np.minimum(np.rint(added), count[well])
        mean = value[well] / count[well]
        extra = _failed_rows(table.take(pa.array(well)), moved, mean)
        count[well] -= moved
        value[well] -= moved * mean
        known, extra = _met(table, np.flatnonzero(has_failed), extra)
        for row, (more, seconds) in known.items():
            count[row] += more
            value[row] += seconds
    table = table.set_column(METRICS.get_field_index("value"), METRICS.field("value"), pa.array(value))
    whole = pa.array(np.maximum(0, np.rint(count)).astype(np.int64))
    table = table.set_column(METRICS.get_field_index("count"), METRICS.field("count"), whole)
    table = pa.concat_tables([table.filter(pa.array((period >= first) & (period < last))), extra])
    begins = times_ns(table["time"])
    inside = (begins >= periods.starts[first]) & (begins <= periods.starts[last - 1])
    return table.filter(pa.array(inside)).sort_by([("time", "ascending"), ("service_name", "ascending")])


def _parts(count: Floats, node: Ints, period: Ints) -> Floats:
    """Of the requests of a node in a period, which part each row has: all together carry its excess once."""
    _, key = np.unique(np.stack([node, period]), axis=1, return_inverse=True)
    key = key.reshape(-1)
    return np.asarray(count / np.bincount(key, count)[key], dtype=np.float64)


def _met(table: pa.Table, failed: Ints, extra: pa.Table) -> tuple[dict[int, tuple[float, float]], pa.Table]:
    """By row what is added to failures of the same series and time that there were before, and what is left of it.

    A store keeps one point of a series at a time.
    """
    columns = ["service_name", "service_instance_id", "time", "attributes"]
    there = {str(row): int(at) for at, row in zip(failed, table.take(failed).select(columns).to_pylist(), strict=True)}
    keys = [str(row) for row in extra.select(columns).to_pylist()]
    amounts = zip(extra["count"].to_pylist(), extra["value"].to_pylist(), strict=True)
    known = {there[key]: amount for key, amount in zip(keys, amounts, strict=True) if key in there}
    return known, extra.filter(pa.array([key not in there for key in keys], pa.bool_()))


def _failed_rows(rows: pa.Table, moved: Floats, mean: Floats) -> pa.Table:
    """Rows of failures, for the requests that do not go well any more."""
    some = moved > 0
    rows = rows.filter(pa.array(some))
    place = METRICS.get_field_index
    told = [[*(items or []), (ERROR_TYPE, FAILED)] for items in rows["attributes"].to_pylist()]
    attributes = pa.array(told, METRICS.field("attributes").type)
    rows = rows.set_column(place("attributes"), METRICS.field("attributes"), attributes)
    rows = rows.set_column(place("value"), METRICS.field("value"), pa.array((moved * mean)[some]))
    return rows.set_column(place("count"), METRICS.field("count"), pa.array(moved[some].astype(np.int64)))


def _flow(random: Random) -> Flow:
    low = float(random.uniform(0.4, 0.9))
    return Flow(
        share=(low, float(random.uniform(low, 1.0))),
        noise=float(random.uniform(0.02, 0.3)),
        lag_periods=int(random.random() < 0.15),
        lost_edges=0.0 if random.random() < 0.6 else float(random.uniform(0.05, 0.3)),
        disturbances=int(random.choice([0, 1, 2], p=[0.5, 0.3, 0.2])),
        disturbance_size=float(random.uniform(0.05, 0.4)),
    )


def _own_excess(
    periods: Periods, component: str, kind: InjectedKind, onset: int, random: Random
) -> tuple[float, Floats]:
    """The size, and the excess at the node itself by period; the fault may begin in the middle of its first one."""
    row = periods.nodes.index(component)
    low, high = np.log(RATIOS if kind == "latency" else SHARES)
    size = float(np.exp(random.uniform(low, high)))
    if kind == "latency":
        mean = periods.seconds[row].sum() / max(1.0, periods.requests[row].sum())
        size = min(size * float(mean), LONGEST_SECONDS) or 1e-6
    excess = np.zeros(periods.starts.size)
    steps = slice(onset, onset + PERIODS_AFTER)
    excess[steps] = periods.requests[row, steps] * size
    excess[onset] *= float(random.uniform(0.3, 1.0))
    return size, excess


def _flowing(periods: Periods, source: str, own: Floats, kind: InjectedKind, flow: Flow, random: Random) -> Floats:
    """The excess of every node: what the source adds, and what its callers feel of it, theirs, and so on up."""
    index = {name: i for i, name in enumerate(periods.nodes)}
    excess = np.zeros_like(periods.requests)
    excess[index[source]] = own
    for callee in _upwards(periods.edges, source):
        callers = sorted(a for a, b in periods.edges if b == callee and a in index)
        above = [a for a in callers if a != callee and a != source]
        if callee not in index or not above:
            continue
        weights = np.array([periods.requests[index[a]].mean() + 1e-9 for a in above]) * random.gamma(
            4.0, 0.25, len(above)
        )
        for caller, weight in zip(above, weights / weights.sum(), strict=True):
            felt = excess[index[callee]] * weight * float(random.uniform(*flow.share))
            felt = felt * np.exp(random.normal(0, flow.noise, felt.size))
            late = flow.lag_periods if random.random() < 0.5 else 0
            excess[index[caller]] += np.r_[np.zeros(late), felt[: felt.size - late]] if late else felt
    limit = periods.requests if kind == "errors" else np.where(periods.requests > 0, np.inf, 0)
    return np.minimum(excess, limit)


def _upwards(edges: frozenset[Edge], source: str) -> Iterator[str]:
    """The source and all its callers, each before those that call it; calls that go round in a circle are cut."""
    callers: dict[str, list[str]] = {}
    for caller, callee in sorted(edges):
        callers.setdefault(callee, []).append(caller)
    done: list[str] = []
    seen = {source}
    stack = [(source, iter(callers.get(source, [])))]
    while stack:
        name, rest = stack[-1]
        nearest = next((c for c in rest if c not in seen), None)
        if nearest is None:
            done.append(name)
            stack.pop()
        else:
            seen.add(nearest)
            stack.append((nearest, iter(callers.get(nearest, []))))
    yield from reversed(done)


def _elsewhere(periods: Periods, busy: list[str], component: str, flow: Flow, random: Random) -> list[str]:
    """Nodes that have nothing to do with the fault: it neither reaches them nor comes from them."""
    related = {*_upwards(periods.edges, component), *_upwards(frozenset((b, a) for a, b in periods.edges), component)}
    free = [name for name in busy if name not in related]
    return [str(name) for name in random.permutation(free)[: flow.disturbances]]


def _disturbance(
    periods: Periods, node: str, own: Floats, kind: InjectedKind, onset: int, flow: Flow, random: Random
) -> Floats:
    """A smaller excess at another node, at a time of its own."""
    row = periods.nodes.index(node)
    begin = int(random.integers(onset - 6, onset + PERIODS_AFTER))
    excess = np.zeros(periods.starts.size)
    steps = slice(begin, begin + int(random.integers(1, PERIODS_AFTER)))
    excess[steps] = own[onset + 1] * flow.disturbance_size
    limit = periods.requests[row] if kind == "errors" else np.where(periods.requests[row] > 0, np.inf, 0)
    return np.minimum(excess, limit)


def _alarmed(periods: Periods, component: str, excess: Floats, onset: int, busy: list[str]) -> str:
    """The outermost node that feels it most: one that nobody calls, else the node itself."""
    called = {callee for _, callee in periods.edges}
    reached = [name for name in _upwards(periods.edges, component) if name in busy]
    outer = [name for name in reached if name not in called] or reached[-1:] or [component]
    late = slice(onset, onset + PERIODS_AFTER)
    return max(outer, key=lambda name: (float(excess[periods.nodes.index(name), late].sum()), name))


def _is_calm(periods: Periods, name: str, onset: int) -> bool:
    """Whether neither latency nor failures of the node stand out by themselves where the fault would be."""
    row, late = periods.nodes.index(name), slice(onset - 6, onset + PERIODS_AFTER)
    requests = np.maximum(1.0, periods.requests[row])
    shares, means = periods.failures[row] / requests, periods.seconds[row] / requests
    return bool(
        (shares[late] < np.median(shares) + CALM_SHARE).all() and (means[late] < CALM_RATIO * np.median(means)).all()
    )


def _strength(
    periods: Periods, component: str, alarmed: str, excess: Floats, kind: InjectedKind, onset: int
) -> Strength:
    """The average excess of a request while the fault lasts, beside what is usual, at the node and where it alarms."""
    late = slice(onset, onset + PERIODS_AFTER)
    found = []
    for name in (component, alarmed):
        row = periods.nodes.index(name)
        requests = np.maximum(1.0, periods.requests[row])
        figure = (periods.seconds if kind == "latency" else periods.failures)[row] / requests
        noise = 1.4826 * float(np.median(np.abs(figure - np.median(figure))))
        found.append((float(excess[row, late].sum() / requests[late].sum()), float(np.median(figure)), noise))
    (own, usual, noise), (felt, felt_usual, felt_noise) = found
    least = (OWN_SHARE, FELT_SHARE) if kind == "errors" else (OWN_RATIO * usual, FELT_RATIO * felt_usual)
    if kind == "latency":
        least = max(least[0], LEAST_SECONDS), max(least[1], LEAST_SECONDS)
    is_material = own >= max(least[0], NOISES * noise) and felt >= max(least[1], NOISES * felt_noise)
    per_minute = float(periods.requests[periods.nodes.index(component), late].mean()) * 60 * NS / periods.period_ns
    return Strength(excess=own, usual=usual, noise=noise, requests=per_minute, is_material=bool(is_material))


def window_before(made: Plan, periods: Periods) -> tuple[datetime, datetime]:
    """The quiet periods of the case, up to half an hour before its onset."""
    first = periods.index(made.fault.onset) - PERIODS_BEFORE
    return periods.at(first), made.fault.onset - timedelta(minutes=30)
