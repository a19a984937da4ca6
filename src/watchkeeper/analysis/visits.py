"""What services do while they answer: visits, and the order of what happens inside them.

A visit is the span with which a service takes over and everything that the service did for it: spans of its own, calls
(told apart by whom they reach), and lines that it logged meanwhile, in order of time. Changed behaviour inside visits
finds faults that neither fail nor slow down anything, such as a method that returns early. After Nezha (Yu et al.,
2023), with likelihood ratios in place of ranks of support.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.analysis.spans import Ints, Spans, entry_of
from watchkeeper.analysis.visit_calls import Calls, let_down, read_calls
from watchkeeper.analysis.visit_lines import Lines, read_lines

ERROR = "with an error of its own"
"""How the end is called of a visit that failed although no call in it had."""
DEEPEST = 256
"""Spans above a span that are followed: broken data has spans that are their own ancestors."""

EventKind = Literal["begin", "span", "call", "log", "end"]


@dataclass(frozen=True)
class Event:
    """Something that can happen in the visits of one operation of a service."""

    service: str
    operation: str
    """The name of the visits' entry span."""
    kind: EventKind
    text: str
    """Name of the span, callee and operation of the call, or template of the line."""
    is_warning: bool = False
    """A line of severity warning or worse."""


@dataclass(frozen=True)
class Visits:
    """Visits, shape (n,), and what happened in them, shape (m,), by visit and then in order of time.

    Each visit begins with the event `begin` and ends with `end`.
    """

    start_us: Ints
    begin: Ints
    """The `begin` event of each visit's operation: visits with the same one are comparable."""
    context: Ints
    """What the caller had done just before it called, as an event of its own; -1 where no caller is known."""
    visit: Ints
    event: Ints
    events: list[Event]
    is_excused: NDArray[np.bool_]
    """Visits in which a call failed, or got no answer: what they do otherwise is for that reason, shape (n,)."""


def read_visits(
    spans: Spans,
    logs: pa.Table | None = None,
    calls: Calls | None = None,
    unmet: NDArray[np.bool_] | None = None,
) -> Visits:
    """Visits of spans (`in_order` makes the order of rows irrelevant), with lines from the answer of a `LogQuery`.

    Visits that have lost their entry span are left out, and lines that belong to no visit. Lines told twice count once.
    `calls` are those of the spans, read already, and `unmet` tells which of them should have got an answer and did not.
    """
    calls = read_calls(spans) if calls is None else calls
    unmet = np.zeros(calls.row.size, dtype=bool) if unmet is None else unmet
    entry = entry_of(spans)
    has_parent = spans.table["parent_span_id"].is_valid().to_numpy()
    whole = spans.is_entry & (np.isin(spans.kind, ("server", "consumer")) | ~has_parent)
    calling = _Calling(calls, let_down(calls, unmet, entry))
    return _assembled(spans, entry, whole, calling, None if logs is None else read_lines(logs, spans))


class _Calling(NamedTuple):
    calls: Calls
    let_down: NDArray[np.bool_]
    """By span, whether a call that was made under this entry failed or got no answer."""


def in_order(spans: pa.Table) -> pa.Table:
    """Each span once, in an order that depends on what the spans say and on nothing else."""
    order = [("time", "ascending"), ("duration_ns", "descending"), ("name", "ascending"), ("span_id", "ascending")]
    place = spans.column_names.index("duration_ns")
    # A span that never ended has no duration; what it did is known all the same.
    ended = spans.set_column(place, "duration_ns", pc.fill_null(spans["duration_ns"], 0))
    ordered = ended.sort_by(order)
    numbered = ordered.select(["trace_id", "span_id"]).append_column("row", pa.array(np.arange(ordered.num_rows)))
    first = numbered.group_by(["trace_id", "span_id"]).aggregate([("row", "min")])["row_min"]
    if len(first) == ordered.num_rows:
        return ordered
    return ordered.take(pa.array(np.sort(first.to_numpy())))


def _assembled(spans: Spans, entry: Ints, whole: NDArray[np.bool_], calling: "_Calling", lines: Lines | None) -> Visits:
    entries = np.flatnonzero(whole)
    visit_of = np.full(spans.parent.size, -1, dtype=np.int64)
    visit_of[entries] = np.arange(entries.size)
    inside = visit_of[entry]
    texts, calls = _span_events(spans, calling.calls)
    rows = np.flatnonzero((inside >= 0) & ~whole)
    depth = _depth(spans)
    kinds = np.where(calls[rows], "call", "span").astype(object)
    quiet = np.zeros(rows.size, dtype=bool)
    parts = [_Happened(inside[rows], spans.start_us[rows], depth[rows], kinds, texts[rows], quiet, rows)]
    if lines is not None:
        kept = inside[lines.span] >= 0
        span = lines.span[kept]
        kinds = np.full(span.size, "log", dtype=object)
        parts.append(
            _Happened(
                inside[span],
                lines.time_us[kept],
                depth[span] + 1,
                kinds,
                lines.template[kept],
                lines.is_warning[kept],
                np.full(span.size, -1),
            )
        )
    happened = _stacked(parts)
    order = np.lexsort((happened.depth, happened.time_us, happened.visit))
    return _coded(spans, entries, happened.at(order), calling.let_down[entries])


class _Happened(NamedTuple):
    """What happened in visits, each shape (n,)."""

    visit: Ints
    time_us: Ints
    depth: Ints
    kind: NDArray[np.object_]
    text: NDArray[np.object_]
    is_warning: NDArray[np.bool_]
    row: Ints
    """The row of the span, -1 for a line."""

    def at(self, rows: Ints) -> "_Happened":
        return _Happened(
            self.visit[rows],
            self.time_us[rows],
            self.depth[rows],
            self.kind[rows],
            self.text[rows],
            self.is_warning[rows],
            self.row[rows],
        )


def _stacked(parts: Sequence[_Happened]) -> _Happened:
    return _Happened(
        np.concatenate([p.visit for p in parts]),
        np.concatenate([p.time_us for p in parts]),
        np.concatenate([p.depth for p in parts]),
        np.concatenate([p.kind for p in parts]),
        np.concatenate([p.text for p in parts]),
        np.concatenate([p.is_warning for p in parts]),
        np.concatenate([p.row for p in parts]),
    )


def _coded(spans: Spans, entries: Ints, happened: _Happened, let_down: NDArray[np.bool_]) -> Visits:
    """Number the events, and put a begin and an end around each visit."""
    codes: dict[Event, int] = {}
    operations = list(zip(spans.service[entries], spans.name[entries], strict=True))
    begins = np.array([codes.setdefault(Event(s, o, "begin", ""), len(codes)) for s, o in operations], dtype=np.int64)
    own_error = spans.is_error[entries] & ~let_down
    ended = [
        Event(s, o, "end", ERROR if bad else "", bad)
        for (s, o), bad in zip(operations, own_error.tolist(), strict=True)
    ]
    ends = np.array([codes.setdefault(event, len(codes)) for event in ended], dtype=np.int64)
    inner: dict[tuple[int, str, str, bool], int] = {}
    visit = happened.visit
    events = np.empty(visit.size, dtype=np.int64)
    columns = (begins[visit].tolist(), happened.kind, happened.text, happened.is_warning.tolist())
    for row, key in enumerate(zip(*columns, strict=True)):
        number = inner.get(key)
        if number is None:
            service, operation = operations[visit[row]]
            event = Event(service, operation, key[1], key[2], key[3])
            number = inner[key] = codes.setdefault(event, len(codes))
        events[row] = number
    each = np.arange(entries.size)
    whole = np.concatenate([each, visit, each])
    order = np.argsort(whole, kind="stable")
    sequence = np.concatenate([begins, events, ends])[order]
    nobody = np.full(entries.size, -1)
    return Visits(
        start_us=spans.start_us[entries],
        begin=begins,
        context=_contexts(spans, entries, np.concatenate([nobody, happened.row, nobody])[order], sequence),
        visit=whole[order],
        event=sequence,
        events=list(codes),
        is_excused=let_down,
    )


def _contexts(spans: Spans, entries: Ints, rows: Ints, sequence: Ints) -> Ints:
    """The event before each visit's call, where `rows` holds the span behind each event of the sequence."""
    place = np.full(spans.parent.size, -1, dtype=np.int64)
    known = np.flatnonzero(rows >= 0)
    place[rows[known]] = known
    call = spans.parent[entries]
    called_at = np.where(call >= 0, place[np.maximum(call, 0)], -1)
    # A call is never the first of its visit: the visit's begin comes before it.
    out: Ints = np.where(called_at > 0, sequence[np.maximum(called_at - 1, 0)], -1)
    return out


def _span_events(spans: Spans, calls: Calls) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """What each span is called as an event, and whether it is a call: that is told apart by callee and operation."""
    texts = spans.name.astype(object)
    is_call = np.isin(spans.kind, ("client", "producer"))
    is_call[calls.row] = True
    columns = (calls.row.tolist(), calls.callee, calls.operation)
    for row, callee, operation in zip(*columns, strict=True):
        if callee is not None:
            texts[row] = f"{texts[row]} → {callee} {operation}"
    crossing = np.flatnonzero(spans.parent >= 0)
    crossing = crossing[spans.service[crossing] != spans.service[spans.parent[crossing]]]
    for row in crossing[spans.kind[spans.parent[crossing]] == "producer"][::-1]:
        texts[spans.parent[row]] = f"{spans.name[spans.parent[row]]} → {spans.service[row]} {spans.name[row]}"
    return texts, is_call


def _depth(spans: Spans) -> Ints:
    depth = np.zeros(spans.parent.size, dtype=np.int64)
    up = spans.parent.copy()
    for _ in range(DEEPEST):
        if not (up >= 0).any():
            break
        depth += up >= 0
        up = np.where(up >= 0, spans.parent[up], -1)
    return depth
