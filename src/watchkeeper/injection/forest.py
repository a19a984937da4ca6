"""Spans as arrays: who is whose parent, which calls overlap, which requests belong to whom.

Times are nanoseconds after the first span. Row numbers are those of the table.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TOLERANCE_NS = 5_000_000
"""By how much a call may outlast the span that waits for it: clocks of hosts differ."""
NOWHERE = -1
COLUMNS = ["time", "duration_ns", "service_name", "trace_id", "span_id", "parent_span_id", "name", "kind"]
"""What of a table of spans is read."""


@dataclass(frozen=True)
class Forest:
    """Every trace of a table of spans at once; arrays of shape (spans,)."""

    origin_ns: int
    """Unix nanoseconds of time 0."""
    start: Ints
    duration: Ints
    parent: Ints
    """Row of the parent, -1 where it is not in the table."""
    service: Ints
    services: tuple[str, ...]
    """The name of each code in `service`."""
    operation: Ints
    operations: tuple[str, ...]
    is_client: Bools
    is_served: Bools
    """Whether it is work that somebody asked for: kind server or consumer."""

    @classmethod
    def of(cls, spans: pa.Table) -> "Forest":
        """The forest of a table of spans; parents that form a circle are dropped."""
        start = times_ns(spans["time"])
        origin = int(start.min()) if start.size else 0
        service, services = codes(spans["service_name"])
        operation, operations = codes(spans["name"])
        kind = spans["kind"]
        return cls(
            origin_ns=origin,
            start=start - origin,
            duration=spans["duration_ns"].to_numpy().astype(np.int64),
            parent=_without_circles(_parents(spans)),
            service=service,
            services=services,
            operation=operation,
            operations=operations,
            is_client=_among(kind, ["client", "producer"]),
            is_served=_among(kind, ["server", "consumer"]),
        )

    @property
    def size(self) -> int:
        """How many spans there are."""
        return int(self.start.size)

    @property
    def end(self) -> Ints:
        """When each span ended."""
        return self.start + self.duration

    @cached_property
    def depth(self) -> int:
        """How many generations the deepest trace has."""
        return len(self.generations)

    @cached_property
    def generations(self) -> tuple[Ints, ...]:
        """Rows by distance from their root, the roots first."""
        depth = np.where(self.parent < 0, 0, NOWHERE)
        found = [np.flatnonzero(depth == 0)]
        while True:
            fresh = np.flatnonzero((depth < 0) & (depth[self.parent] >= 0))
            if not fresh.size:
                return tuple(found)
            depth[fresh] = len(found)
            found.append(fresh)

    @cached_property
    def entry(self) -> Ints:
        """For each span the row at which its service's own work on the request began."""
        found = np.arange(self.size)
        for rows in self.generations[1:]:
            above = self.parent[rows]
            is_inside = (self.service[rows] == self.service[above]) & ~self.is_served[rows]
            found[rows] = np.where(is_inside, found[above], rows)
        return found

    @cached_property
    def is_entry(self) -> Bools:
        """Whether a service's own work on a request began there."""
        found: Bools = (self.entry == np.arange(self.size)) & ~self.is_client
        return found

    @cached_property
    def called(self) -> Ints:
        """For each client span the row of the work at its other end, -1 where that reports nothing."""
        found = np.full(self.size, NOWHERE)
        rows = np.flatnonzero(self.parent >= 0)
        rows = rows[self.is_client[self.parent[rows]] & self.is_entry[rows]]
        found[self.parent[rows]] = rows
        return found

    @cached_property
    def calls(self) -> "Calls":
        """Which spans wait for which."""
        return Calls.of(self)

    def below(self, rows: Ints) -> Bools:
        """Whether each span is one of these or lies under one."""
        found: Bools = np.zeros(self.size, dtype=bool)
        found[rows] = True
        for generation in self.generations[1:]:
            found[generation] |= found[self.parent[generation]]
        return found

    def own_time(self) -> Ints:
        """How long each span was busy with something else than its calls, never negative."""
        calls = self.calls
        waited = np.bincount(calls.parent, weights=np.where(calls.is_waited, calls.end - calls.start, 0), minlength=1)
        spent = np.zeros(self.size)
        spent[: waited.size] = waited[: self.size]
        return np.maximum(0, self.duration - spent.astype(np.int64))

    def code(self, service: str) -> int:
        """The code of a service; raises ValueError where it has no span."""
        if service not in self.services:
            raise ValueError(f"there are no spans of {service!r}, expected one of {', '.join(self.services)}")
        return self.services.index(service)


@dataclass(frozen=True)
class Calls:
    """Children in bundles: those that overlap stand in one bundle, and a bundle begins when the one before it ended."""

    child: Ints
    """Rows of all children, by parent, then by start."""
    first: Ints
    """Where each bundle begins in `child`."""
    bundle: Ints
    """The bundle of each of `child`."""
    parent: Ints
    """The row that each bundle belongs to."""
    start: Ints
    end: Ints
    """When each bundle began and ended."""
    is_waited: Bools
    """Whether the parent went on only after the bundle's end."""
    opens: Ints
    """For each bundle the first bundle of the same parent."""

    @classmethod
    def of(cls, forest: Forest) -> "Calls":
        """The bundles of every span's children."""
        children = np.flatnonzero(forest.parent >= 0)
        child = children[np.lexsort((forest.start[children], forest.parent[children]))]
        above, start, end = forest.parent[child], forest.start[child], forest.end[child]
        is_new_parent = np.r_[True, above[1:] != above[:-1]][: child.size]
        # Ends made to grow from parent to parent, so that one running maximum serves all of them.
        span = int(end.max() - min(0, int(start.min())) + 1) if child.size else 1
        lane = np.cumsum(is_new_parent)
        latest = np.maximum.accumulate(end + lane * span) - lane * span
        is_apart = np.r_[True, start[1:] >= latest[:-1]][: child.size]
        is_first = is_new_parent | is_apart
        first = np.flatnonzero(is_first)
        bundle = np.cumsum(is_first) - 1
        parent, ends = above[first], np.maximum.reduceat(end, first) if first.size else first
        opens = np.maximum.accumulate(np.where(is_new_parent[first], np.arange(first.size), 0))
        served = np.zeros(first.size, dtype=bool)
        served[bundle[forest.is_served[child] & forest.is_client[above]]] = True
        is_waited = served | (ends <= forest.end[parent] + TOLERANCE_NS)
        return cls(child, first, bundle, parent, start[first], ends, is_waited, opens)


def times_ns(column: pa.ChunkedArray) -> Ints:
    """Times as unix nanoseconds."""
    microseconds: Ints = column.cast(pa.int64()).to_numpy().astype(np.int64)
    return microseconds * 1000


def codes(column: pa.ChunkedArray) -> tuple[Ints, tuple[str, ...]]:
    """Each value as a number, and the texts in order of name; null is the empty text."""
    filled = pc.fill_null(column.cast(pa.string()), "").combine_chunks()
    names = sorted(filled.unique().to_pylist())
    found = pc.index_in(filled, value_set=pa.array(names, pa.string())).to_numpy(zero_copy_only=False)
    return found.astype(np.int64), tuple(names)


def span_keys(table: pa.Table, column: str = "span_id") -> pa.Array:
    """Trace and span together as one text, null where either is missing."""
    return pc.binary_join_element_wise(
        table["trace_id"].combine_chunks(), table[column].combine_chunks(), ":", null_handling="emit_null"
    )


def rows_of(wanted: pa.Array, keys: pa.Array) -> Ints:
    """The row at which each wanted key stands first, -1 where there is none."""
    found = pc.fill_null(pc.index_in(wanted, value_set=keys, skip_nulls=True), NOWHERE)
    rows: Ints = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return rows


def _parents(spans: pa.Table) -> Ints:
    found = rows_of(span_keys(spans, "parent_span_id"), span_keys(spans))
    return np.where(found == np.arange(found.size), NOWHERE, found)


def _without_circles(parent: Ints) -> Ints:
    """Spans that no root leads to become roots."""
    reached = parent < 0
    while True:
        fresh = ~reached & reached[parent]
        if not fresh.any():
            return np.where(reached, parent, NOWHERE)
        reached |= fresh


def _among(column: pa.ChunkedArray, values: list[str]) -> Bools:
    found = pc.is_in(column, value_set=pa.array(values, pa.string()))
    return np.asarray(found.to_numpy(), dtype=bool)
