"""Rows of OTLP, whichever encoding they came in, as Arrow columns: the one place that bounds, cleans and checks them.

A row is a plain tuple and attributes are dicts, since a request holds thousands of them; everything that can
be done a column at a time (cutting, cleaning, checking ids and times) is.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain, islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.errors import PayloadRejected
from watchkeeper.tables import LOGS, METRICS, SPANS, TIME

MAXIMUM_ATTRIBUTES = 128
MAXIMUM_VALUE_CHARACTERS = 4_096
MAXIMUM_BODY_CHARACTERS = 65_536
MAXIMUM_NAME_CHARACTERS = 1_024
MAXIMUM_KEY_CHARACTERS = 256
MAXIMUM_SERVICE_CHARACTERS = 256
MAXIMUM_SPAN_EVENTS = 128
MAXIMUM_BUCKETS = 2_048

UNKNOWN_SERVICE = "unknown_service"
EARLIEST_NS = 631_152_000_000_000_000
"""The year 1990: an older time is a clock that was never set."""
LATEST_NS = 4_102_444_800_000_000_000
"""The year 2100."""

INT64_MAX = 2**63 - 1

Attributes = dict[str, str | None]
SpanRow = tuple[int, int, int, str, str, str, str, int, int, str, str | None, Attributes]
"""Resource index, start, end (ns), trace, span, parent id (hex), name, kind, status, message, events, attributes."""
LogRow = tuple[int, int, int, int, str, str | None, str, str, str, Attributes]
"""Resource index, time and observed time (ns), severity number and text, body, event, trace and span id, attributes."""
MetricRow = tuple[
    int,
    int,
    str,
    str,
    str,
    str | None,
    bool | None,
    float | None,
    int | None,
    list[int] | None,
    list[float] | None,
    Attributes,
]
"""Resource index, time (ns), name, unit, kind, temporality, monotonic, value, count, buckets, bounds, attributes."""

SPAN_KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
STATUS_CODES = ("unset", "ok", "error")
TEMPORALITIES = (None, "delta", "cumulative")


class Names(dict[str, str]):
    """Attribute names as they are kept, each cleaned and cut once a request."""

    def __missing__(self, name: str) -> str:
        cleaned = name.replace("\0", "")[:MAXIMUM_KEY_CHARACTERS] or "?"
        self[name] = cleaned
        return cleaned


def spans_table(resources: list[Attributes], rows: list[SpanRow], arrived_at: datetime) -> pa.Table:
    """Spans as `tables.SPANS`; raises PayloadRejected for an id of the wrong length."""
    if not rows:
        return SPANS.empty_table()
    places, starts, ends, traces, spans, parents, names, kinds, codes, messages, events, attributes = zip(
        *rows, strict=True
    )
    start, end = _nanoseconds(starts), _nanoseconds(ends)
    columns = {
        "time": _times(arrived_at, start, end),
        "duration_ns": pa.array(_durations(start, end)),
        **_who(resources, places),
        "trace_id": _required_ids(traces, 32, "trace id"),
        "span_id": _required_ids(spans, 16, "span id"),
        "parent_span_id": _ids(parents, 16, "parent span id"),
        "name": pc.fill_null(_texts(names, MAXIMUM_NAME_CHARACTERS), "unnamed"),
        "kind": _named(kinds, SPAN_KINDS),
        "status_code": _named(codes, STATUS_CODES),
        "status_message": _texts(messages, MAXIMUM_VALUE_CHARACTERS),
        "events": pa.array(events, pa.string()),
        "attributes": _maps(attributes),
    }
    return _table(columns, SPANS)


def logs_table(resources: list[Attributes], rows: list[LogRow], arrived_at: datetime) -> pa.Table:
    """Log records as `tables.LOGS`; raises PayloadRejected for an id of the wrong length."""
    if not rows:
        return LOGS.empty_table()
    places, times, observed, numbers, severities, bodies, events, traces, spans, attributes = zip(*rows, strict=True)
    number = np.array(numbers, np.int32)
    columns = {
        "time": _times(arrived_at, _nanoseconds(times), _nanoseconds(observed)),
        **_who(resources, places),
        "severity_number": pa.array(number, mask=(number < 1) | (number > 24)),
        "severity_text": _texts(severities, MAXIMUM_KEY_CHARACTERS),
        "body": _texts(bodies, MAXIMUM_BODY_CHARACTERS),
        "event_name": _texts(events, MAXIMUM_NAME_CHARACTERS),
        "trace_id": _ids(traces, 32, "trace id"),
        "span_id": _ids(spans, 16, "span id"),
        "attributes": _maps(attributes),
    }
    return _table(columns, LOGS)


def metrics_table(resources: list[Attributes], rows: list[MetricRow], arrived_at: datetime) -> pa.Table:
    """Metric points as `tables.METRICS`; a value that is no finite number is null."""
    if not rows:
        return METRICS.empty_table()
    places, times, names, units, kinds, temporalities, monotonic, values, counts, buckets, bounds, attributes = zip(
        *rows, strict=True
    )
    value = np.array(values, np.float64)
    columns = {
        "time": _times(arrived_at, _nanoseconds(times)),
        **_who(resources, places),
        "name": pc.fill_null(_texts(names, MAXIMUM_NAME_CHARACTERS), "unnamed"),
        "unit": _texts(units, MAXIMUM_KEY_CHARACTERS),
        "kind": pa.array(kinds, pa.string()),
        "temporality": pa.array(temporalities, pa.string()),
        "is_monotonic": pa.array(monotonic, pa.bool_()),
        "value": pa.array(value, mask=~np.isfinite(value)),
        "count": pa.array(counts, pa.int64()),
        "bucket_counts": pa.array(buckets, pa.list_(pa.int64())),
        "explicit_bounds": pa.array(bounds, pa.list_(pa.float64())),
        "attributes": _maps(attributes),
    }
    return _table(columns, METRICS)


def _table(columns: dict[str, pa.Array], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _who(resources: list[Attributes], places: Sequence[int]) -> dict[str, pa.Array]:
    """The columns that all rows of one resource share, made once for each resource and spread over its rows."""
    indices = pa.array(places, pa.int32())

    def spread(key: str, limit: int) -> pa.Array:
        return _texts([resource.get(key) for resource in resources], limit)

    columns = {
        "service_name": pc.fill_null(spread("service.name", MAXIMUM_SERVICE_CHARACTERS), UNKNOWN_SERVICE),
        "service_version": spread("service.version", MAXIMUM_KEY_CHARACTERS),
        "service_instance_id": spread("service.instance.id", MAXIMUM_KEY_CHARACTERS),
        "resource": _maps(resources),
    }
    return {name: column.take(indices) for name, column in columns.items()}


def _nanoseconds(times: Sequence[int]) -> NDArray[np.uint64]:
    return np.array(times, np.uint64)


def _is_plausible(times: NDArray[np.uint64]) -> NDArray[np.bool_]:
    return (times >= EARLIEST_NS) & (times < LATEST_NS)


def _times(arrived_at: datetime, *candidates: NDArray[np.uint64]) -> pa.Array:
    """The first plausible time of each row, else the time of arrival."""
    chosen = np.full(len(candidates[0]), int(arrived_at.timestamp() * 1e6) * 1_000, np.uint64)
    for candidate in reversed(candidates):
        chosen = np.where(_is_plausible(candidate), candidate, chosen)
    return pa.array((chosen // np.uint64(1_000)).astype(np.int64)).cast(TIME)


def _durations(starts: NDArray[np.uint64], ends: NDArray[np.uint64]) -> NDArray[np.int64]:
    is_known = _is_plausible(starts) & _is_plausible(ends) & (ends > starts)
    return np.where(is_known, ends - starts, np.uint64(0)).astype(np.int64)


def _named(codes: Sequence[int], names: tuple[str, ...]) -> pa.Array:
    code = np.array(codes, np.int64)
    return pa.array(names).take(pa.array(np.where((code >= 0) & (code < len(names)), code, 0)))


def _ids(values: Sequence[str], digits: int, what: str) -> pa.Array:
    """Ids as hex text; absent ones (empty, or nothing but zeros) are null."""
    ids = pa.array(values, pa.string())
    ids = pc.if_else(pc.or_(pc.equal(ids, ""), pc.equal(ids, "0" * digits)), None, ids)
    is_wrong = pc.not_equal(pc.binary_length(ids), digits)
    if pc.any(is_wrong).as_py():
        example = ids.filter(is_wrong)[0].as_py()[:80]
        raise PayloadRejected(f"a {what} is {digits // 2} bytes long, not {len(example) / 2:g} ({example})")
    return ids


def _required_ids(values: Sequence[str], digits: int, what: str) -> pa.Array:
    ids = _ids(values, digits, what)
    if ids.null_count:
        raise PayloadRejected(f"a span came without a {what}: {digits // 2} bytes that are not all zero were expected")
    return ids


def _texts(values: Iterable[str | None], limit: int) -> pa.Array:
    """Text that is cleaned and cut; what is empty is null."""
    texts = _cleaned(pa.array(values, pa.string()), limit)
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _cleaned(texts: pa.Array, limit: int) -> pa.Array:
    """Text without null characters, of at most `limit` characters."""
    data = texts.buffers()[2]
    if data is None or not data.size:
        return texts
    if np.frombuffer(data, np.uint8).min() == 0:
        texts = pc.replace_substring(texts, "\0", "")
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > limit:
        texts = pc.utf8_slice_codeunits(texts, 0, limit)
    return texts


def _maps(maps: Sequence[Attributes]) -> pa.Array:
    """Attributes as a column of maps, each with at most the allowed number of entries."""
    lengths = np.fromiter(map(len, maps), np.int32, len(maps))
    if len(maps) and lengths.max() > MAXIMUM_ATTRIBUTES:
        return _maps([dict(islice(entries.items(), MAXIMUM_ATTRIBUTES)) for entries in maps])
    offsets = np.zeros(len(maps) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    keys = pa.array(list(chain.from_iterable(maps)), pa.string())
    items = pa.array(list(chain.from_iterable(map(_VALUES, maps))), pa.string())
    return pa.MapArray.from_arrays(pa.array(offsets), keys, _cleaned(items, MAXIMUM_VALUE_CHARACTERS))


_VALUES: Callable[[Attributes], Iterable[str | None]] = dict.values
