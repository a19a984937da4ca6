"""What spans say about where time is spent and where errors begin."""

from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.analysis.series import Floats
from watchkeeper.redaction import redact

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Spans:
    """Spans as columns, each shape (n,); `parent` is the row of the parent span, -1 where it is unknown."""

    start_us: Ints
    duration_us: Floats
    parent: Ints
    service: NDArray[np.object_]
    name: NDArray[np.object_]
    kind: NDArray[np.object_]
    is_error: NDArray[np.bool_]
    table: pa.Table

    @property
    def is_entry(self) -> NDArray[np.bool_]:
        """Whether a span is where its service takes over: it answers a call, or its parent is elsewhere."""
        same = np.zeros(self.parent.size, dtype=bool)
        inner = self.parent >= 0
        same[inner] = self.service[inner] == self.service[self.parent[inner]]
        answers = np.isin(self.kind, ("server", "consumer"))
        out: NDArray[np.bool_] = answers | (~same & (self.kind != "client") & (self.kind != "producer"))
        return out


def read_spans(table: pa.Table) -> Spans:
    """The columns of a `SpanQuery` answer, with parents looked up by trace and span id."""
    return Spans(
        start_us=pc.cast(table["time"], pa.int64()).to_numpy(),
        duration_us=table["duration_ns"].to_numpy() / 1e3,
        parent=_parents(table),
        service=_objects(table["service_name"]),
        name=_objects(table["name"]),
        kind=_objects(table["kind"]),
        is_error=_objects(table["status_code"]) == "error",
        table=table,
    )


def _objects(column: pa.ChunkedArray) -> NDArray[np.object_]:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)


def _parents(table: pa.Table) -> Ints:
    """The row of each span's parent, -1 where it is unknown; of several exports of it the last."""
    if table.num_rows == 0:
        return np.zeros(0, dtype=np.int64)
    known = pc.if_else(pc.equal(table["parent_span_id"], ""), pa.scalar(None, pa.string()), table["parent_span_id"])
    trace = table["trace_id"].combine_chunks()
    own = pc.binary_join_element_wise(trace, table["span_id"].combine_chunks(), "/")
    above = pc.binary_join_element_wise(trace, known.combine_chunks(), "/")
    place = pc.index_in(above, value_set=own[::-1])
    return np.asarray(pc.fill_null(pc.subtract(table.num_rows - 1, place), -1).to_numpy(), dtype=np.int64)


def exclusive_time(spans: Spans) -> Floats:
    """Time that each span spent in its own code, in microseconds, shape (n,).

    Children that overlap are merged before they are subtracted, so that parallel calls are not
    counted twice; never negative. Clock skew between hosts is not corrected.
    """
    own = spans.duration_us.copy()
    children = np.flatnonzero(spans.parent >= 0)
    if children.size == 0:
        return own
    parent = spans.parent[children]
    begin = np.maximum(spans.start_us[children], spans.start_us[parent]).astype(np.float64)
    end = np.minimum(
        spans.start_us[children] + spans.duration_us[children], spans.start_us[parent] + spans.duration_us[parent]
    )
    order = np.lexsort((begin, parent))
    parent, begin, end = parent[order], begin[order], np.maximum(end[order], begin[order])
    # Each parent gets a lane of its own on one long axis, so that a single running maximum serves all.
    origin = begin.min()
    lane = np.cumsum(np.r_[0, np.diff(parent) != 0]) * (end.max() - origin + 1.0)
    reached = np.maximum.accumulate(end - origin + lane)
    before = np.r_[-np.inf, reached[:-1]]
    covered = np.maximum(0.0, (end - origin + lane) - np.maximum(begin - origin + lane, before))
    np.subtract.at(own, parent, covered)
    return np.maximum(own, 0.0)


def error_origins(spans: Spans) -> NDArray[np.bool_]:
    """Whether a span failed and none of its children did: where an error began, shape (n,)."""
    child_failed = np.zeros(spans.parent.size, dtype=bool)
    failing = np.flatnonzero(spans.is_error & (spans.parent >= 0))
    child_failed[spans.parent[failing]] = True
    out: NDArray[np.bool_] = spans.is_error & ~child_failed
    return out


def exceptions(spans: Spans, rows: Ints) -> list[tuple[str, str]]:
    """Type and first line of the message of the exception that each of those spans recorded, or of its status."""
    events = spans.table["events"]
    messages = spans.table["status_message"]
    return [_exception(events[int(row)].as_py(), messages[int(row)].as_py()) for row in rows]


def _exception(events: str | None, message: str | None) -> tuple[str, str]:
    for event in _events(events):
        attributes = event.get("attributes") or {}
        if event.get("name") == "exception" and isinstance(attributes, dict):
            return str(attributes.get("exception.type", "exception")), _first_line(
                str(attributes.get("exception.message", ""))
            )
    return "", _first_line(message or "")


def _events(text: str | None) -> list[dict[str, object]]:
    try:
        found = orjson.loads(text) if text else []
    except orjson.JSONDecodeError:
        return []
    return [event for event in found if isinstance(event, dict)] if isinstance(found, list) else []


def _first_line(text: str) -> str:
    """Redacted before it is cut and before its digits go: half a secret, or one without digits, no pattern knows."""
    return redact(text.split("\n")[0][:4096])[:200]


def entry_of(spans: Spans) -> Ints:
    """The entry span above each span within its own service (itself, if it is one), shape (n,)."""
    entry = spans.is_entry
    up = np.where(entry | (spans.parent < 0), np.arange(spans.parent.size), spans.parent)
    for _ in range(64):
        further = up[up]
        if np.array_equal(further, up):
            break
        up = further
    return up
