"""The request of one failing or slow trace, as a command with which a person can try it."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from watchkeeper.analysis.request_lines import SAFE_METHODS, RequestLine, command_of, request_line
from watchkeeper.analysis.spans import Spans, error_origins, read_spans

LONGEST_NAME = 200


@dataclass(frozen=True)
class Replay:
    """A request that was seen to fail or to be slow, redacted; bodies and headers are not recorded, so not in it."""

    command: str
    trace_id: str
    service: str
    """Where the request entered."""
    operation: str
    method: str

    @property
    def is_safe(self) -> bool:
        """Whether the method is one that is meant to change nothing; others may buy, send or delete when replayed."""
        return self.method in SAFE_METHODS


@dataclass(frozen=True)
class _Door:
    """Where a trace enters: its outermost server span that is an HTTP request."""

    row: int
    trace_id: str
    operation: tuple[str, str]
    """Service and span name."""
    request: RequestLine
    is_torn: bool
    """Whether what called it is missing in these spans, though its service is usually called by others in them."""


Rank = tuple[bool, float, float, tuple[str, str]]


def reproduce(table: pa.Table, component: str | None = None, *, is_slow: bool = False) -> Replay | None:
    """The request to try, from a `SpanQuery` answer; None where no trace began with an HTTP request.

    Of failing traces those in which the component's failure began come first, then those in which it failed at all,
    then others; among these the most common operation, and of that the first. With `is_slow` (or where nothing
    failed) it is the trace in which the component took longest, or the request itself where the component is not seen.
    Traces that are there from their beginning go before others. The same spans give the same request, in any order.
    """
    if table.num_rows == 0:
        return None
    spans = read_spans(table)
    doors = _doors(spans)
    ranks = {} if is_slow else _failing(spans, doors, component)
    ranks = ranks or _slow(spans, doors, component)
    if not ranks:
        return None
    best = doors[min(ranks, key=lambda trace: (ranks[trace], spans.start_us[doors[trace].row], trace))]
    return Replay(
        command=command_of(best.request, is_host_known=_is_usual_address(spans, best)),
        trace_id=best.trace_id,
        service=best.operation[0],
        operation=best.operation[1][:LONGEST_NAME],
        method=best.request.method,
    )


def _doors(spans: Spans) -> dict[str, _Door]:
    """By trace id."""
    rows = np.flatnonzero(spans.kind == "server").tolist()
    called = Counter(str(spans.service[row]) for row in rows if spans.parent[row] >= 0)
    served = Counter(str(spans.service[row]) for row in rows)
    found: dict[str, _Door] = {}
    for row in sorted(rows, key=lambda row: _outermost(spans, row)):
        trace, service = _trace_id(spans, row), str(spans.service[row])
        request = None if trace in found else request_line(_attributes(spans, row))
        if request is not None:
            is_cut = spans.parent[row] < 0 and spans.table["parent_span_id"][row].as_py() is not None
            is_torn = is_cut and 2 * called[service] > served[service]
            found[trace] = _Door(row, trace, (service, str(spans.name[row])), request, is_torn)
    return found


def _outermost(spans: Spans, row: int) -> tuple[bool, int, float, str]:
    return bool(spans.parent[row] >= 0), int(spans.start_us[row]), -float(spans.duration_us[row]), spans.service[row]


def _failing(spans: Spans, doors: dict[str, _Door], component: str | None) -> dict[str, Rank]:
    """Traces that failed; lower ranks are nearer to the component's own failure, and more common."""
    begins = error_origins(spans)
    nearest: dict[str, int] = {}
    for row in np.flatnonzero(spans.is_error).tolist():
        is_there = component is not None and spans.service[row] == component
        near = (0 if begins[row] else 1) if is_there else 2
        trace = _trace_id(spans, row)
        nearest[trace] = min(nearest.get(trace, near), near)
    known = {doors[trace].trace_id: near for trace, near in nearest.items() if trace in doors}
    common = Counter((near, doors[trace].operation) for trace, near in known.items())
    return {
        trace: (doors[trace].is_torn, near, -common[near, doors[trace].operation], doors[trace].operation)
        for trace, near in known.items()
    }


def _slow(spans: Spans, doors: dict[str, _Door], component: str | None) -> dict[str, Rank]:
    """Traces that the component was part of, or all where it is in none; lower ranks took longer."""
    longest: dict[str, float] = {}
    for row in np.flatnonzero(spans.is_entry & (spans.service == component)).tolist():
        trace = _trace_id(spans, row)
        longest[trace] = max(longest.get(trace, 0.0), float(spans.duration_us[row]))
    known = {trace: took for trace, took in longest.items() if trace in doors}
    if not known:
        known = {trace: float(spans.duration_us[door.row]) for trace, door in doors.items()}
    return {trace: (doors[trace].is_torn, -took, 0.0, doors[trace].operation) for trace, took in known.items()}


def _trace_id(spans: Spans, row: int) -> str:
    return str(spans.table["trace_id"][row].as_py())


def _attributes(spans: Spans, row: int) -> dict[str, str | None]:
    return dict(spans.table["attributes"][row].as_py() or ())


def _is_usual_address(spans: Spans, door: _Door) -> bool:
    """Whether most requests to the service were sent to this address: a single one can carry a forged Host header."""
    rows = np.flatnonzero((spans.kind == "server") & (spans.service == door.operation[0])).tolist()
    told = [request_line(_attributes(spans, row)) for row in rows]
    same = sum(request is not None and request.address == door.request.address for request in told)
    return bool(door.request.address) and 2 * same > len(rows)
