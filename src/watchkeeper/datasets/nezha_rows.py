"""Rows of Nezha's files in watchkeeper's tables: spans, log lines, metrics of pods and of the mesh."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.datasets.span_kinds import kinds_of
from watchkeeper.domain import Window
from watchkeeper.errors import DatasetRejected
from watchkeeper.tables import LOGS, METRICS, SPANS, TIME

SPAN_COLUMNS = {
    "TraceID": pa.string(),
    "SpanID": pa.string(),
    "ParentID": pa.string(),
    "PodName": pa.string(),
    "OperationName": pa.string(),
    "StartTimeUnixNano": pa.int64(),
    "Duration": pa.int64(),
}
LOG_COLUMNS = {
    "TimeUnixNano": pa.int64(),
    "PodName": pa.string(),
    "TraceID": pa.string(),
    "SpanID": pa.string(),
    "Log": pa.string(),
}

_METRICS: dict[str, tuple[str, str, float]] = {
    "CpuUsageRate(%)": ("k8s.pod.cpu.utilization", "1", 0.01),
    "MemoryUsage(Mi)": ("k8s.pod.memory.usage", "By", 2.0**20),
    "NetworkReceiveBytes": ("k8s.pod.network.receive", "By/s", 1.0),
    "NetworkTransmitBytes": ("k8s.pod.network.transmit", "By/s", 1.0),
    "PodClientLatencyP90(s)": ("client.duration.p90", "s", 1.0),
    "PodServerLatencyP90(s)": ("server.duration.p90", "s", 1.0),
    "PodWorkload(Ops)": ("server.request.rate", "{request}/s", 1.0),
    "PodSuccessRate(%)": ("server.request.success_ratio", "1", 0.01),
}
"""Published column: our name, unit and factor. The node's columns are shared by its pods and left out."""
METRIC_COLUMNS = {"Time": pa.string(), "PodName": pa.string()} | {name: pa.float64() for name in _METRICS}

_LEVELS = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "FATAL": 21, "CRITICAL": 21}
_HEAD = re.compile(r"^\d\d:\d\d:\d\d[.,]\d+\s+(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s+(?:-\s+)?")
_PLACE = re.compile(r"^((?:[\w\[\]]+\.)+[\w\[\]]+)#(\d+) ")
_IDS = re.compile(r"\bTraceID: ?[0-9a-fA-F]* SpanID: ?[0-9a-fA-F]* ?")


def service_of(pod: str) -> str:
    """The service that a pod belongs to: its name without the hashes of replica set and pod."""
    return pod.rsplit("-", 2)[0]


def spans(files: Sequence[pa.Table], windows: Sequence[Window]) -> pa.Table:
    """Spans that lie wholly within one of the windows, each told once, as `tables.SPANS`."""
    if not files:
        return SPANS.empty_table()
    rows = pa.concat_tables(files)
    start = rows["StartTimeUnixNano"].to_numpy()
    length = rows["Duration"].to_numpy() * 1000
    rows = rows.filter(pa.array(_inside(start, start + length, windows)))
    rows = _once(rows, ["TraceID", "SpanID"]).sort_by([("StartTimeUnixNano", "ascending"), ("SpanID", "ascending")])
    pods = rows["PodName"].combine_chunks()
    service = _by_value(pods, service_of)
    root = pc.equal(rows["ParentID"], "root")
    parents = pc.if_else(root, pa.scalar(None, pa.string()), rows["ParentID"])
    above, services = parents.to_pylist(), service.to_pylist()
    traces, ids, names = (rows[name].to_pylist() for name in ("TraceID", "SpanID", "OperationName"))
    kinds = kinds_of(traces, ids, above, services, names, rows["Duration"].to_numpy())
    return _table(
        SPANS,
        rows.num_rows,
        {
            "time": _time(rows["StartTimeUnixNano"]),
            "duration_ns": pc.multiply(rows["Duration"], 1000),
            "service_name": service,
            "service_instance_id": pods,
            "trace_id": rows["TraceID"],
            "span_id": rows["SpanID"],
            "parent_span_id": parents,
            "name": rows["OperationName"],
            "kind": pa.array(kinds, pa.string()),
            "status_code": pa.array(np.full(rows.num_rows, "unset"), pa.string()),
        },
    )


def logs(files: Sequence[pa.Table], windows: Sequence[Window]) -> pa.Table:
    """Lines within one of the windows, each told once, as `tables.LOGS`; the body is the message alone."""
    if not files:
        return LOGS.empty_table()
    rows = pa.concat_tables(files)
    at = rows["TimeUnixNano"].to_numpy()
    rows = rows.filter(pa.array(_inside(at, at, windows)))
    rows = _once(rows, rows.column_names).sort_by([("TimeUnixNano", "ascending"), ("SpanID", "ascending")])
    pods = rows["PodName"].combine_chunks()
    read = [_message(text or "") for text in rows["Log"].to_pylist()]
    levels = [level for level, _, _ in read]
    return _table(
        LOGS,
        rows.num_rows,
        {
            "time": _time(rows["TimeUnixNano"]),
            "service_name": _by_value(pods, service_of),
            "service_instance_id": pods,
            "severity_number": pa.array([_LEVELS.get(level or "") for level in levels], pa.int32()),
            "severity_text": pa.array(levels, pa.string()),
            "body": pa.array([body for _, body, _ in read], pa.string()),
            "attributes": pa.array([place for _, _, place in read], LOGS.field("attributes").type),
            "trace_id": rows["TraceID"],
            "span_id": rows["SpanID"],
        },
    )


def _message(text: str) -> tuple[str | None, str, list[tuple[str, str]] | None]:
    """Severity, message and place in the code of a line as the container's runtime wrapped it.

    The runtime wraps what was printed in JSON, and that is text, or JSON again.
    """
    inner = _member(text, "log", text)
    level = None
    if inner.startswith("{"):
        level = _member(inner, "severity", "").upper() or None
        inner = _member(inner, "message", inner)
    head = _HEAD.match(inner)
    if head:
        level, inner = head[1], inner[head.end() :]
    place = _PLACE.match(inner)
    attributes = None
    if place:
        attributes = [("code.function.name", place[1]), ("code.line.number", place[2])]
        inner = inner[place.end() :]
    return level, _IDS.sub("", inner).strip(), attributes


def _member(text: str, key: str, otherwise: str) -> str:
    try:
        value = orjson.loads(text)[key]
    except (ValueError, KeyError, TypeError):
        return otherwise
    return str(value)


def metrics(pods: Mapping[Path, pa.Table], mesh: Mapping[Path, pa.Table], until: datetime) -> pa.Table:
    """Gauges until then: of pods, and of the mesh by caller and callee as either side measured them.

    The mesh's files tell by their names which side measured.

    Of the mesh `client.duration.p50` belongs to the caller, with the callee as attribute `peer.service`, and
    `server.duration.p50` to the callee, with the caller as the attribute.
    """
    parts = [part for path, rows in pods.items() for part in _pod(path, rows, until)]
    parts += [part for path, rows in mesh.items() for part in _mesh(path, rows, until)]
    return pa.concat_tables(parts).combine_chunks() if parts else METRICS.empty_table()


def _pod(path: Path, rows: pa.Table, until: datetime) -> list[pa.Table]:
    at = _parsed(path, rows["Time"])
    kept = (at < _nanoseconds(until)) & rows["PodName"].is_valid().to_numpy()
    if not kept.any():
        return []
    pod = str(rows["PodName"].filter(pa.array(kept))[0].as_py())
    out = []
    for column, (name, unit, factor) in _METRICS.items():
        values = rows[column].to_numpy().astype(np.float64)
        known = kept & np.isfinite(values)
        # A success rate of nothing but zeros was not measured.
        if known.any() and not (column.startswith("PodSuccessRate") and not values[known].any()):
            out.append(_gauge(at[known], values[known] * factor, name, unit, service_of(pod), pod, None))
    return out


def _mesh(path: Path, rows: pa.Table, until: datetime) -> list[pa.Table]:
    at = _parsed(path, rows["time"])
    kept = at < _nanoseconds(until)
    side = "client" if path.name.startswith("source") else "server"
    out = []
    for column in rows.column_names:
        caller, _, callee = column.partition("_")
        if not callee or not pa.types.is_floating(rows[column].type):
            continue
        values = rows[column].to_numpy()
        known = kept & np.isfinite(values)
        own, peer = (caller, callee) if side == "client" else (callee, caller)
        out.append(_gauge(at[known], values[known], f"{side}.duration.p50", "s", own, None, peer))
    return out


def _gauge(
    at: NDArray[np.int64],
    values: NDArray[np.float64],
    name: str,
    unit: str,
    service: str,
    pod: str | None,
    peer: str | None,
) -> pa.Table:
    count = values.size
    columns: dict[str, pa.Array] = {
        "time": pa.array(at // 1000, TIME),
        "value": pa.array(values),
        "name": pa.repeat(name, count),
        "unit": pa.repeat(unit, count),
        "kind": pa.repeat("gauge", count),
        "service_name": pa.repeat(service, count),
        "service_instance_id": pa.repeat(pa.scalar(pod, pa.string()), count),
    }
    if peer is not None:
        columns["attributes"] = pa.array([[("peer.service", peer)]] * count, METRICS.field("attributes").type)
    return _table(METRICS, count, columns)


def _parsed(path: Path, times: pa.ChunkedArray) -> NDArray[np.int64]:
    """Nanoseconds since the epoch of `2023-01-29 08:41:09.969234525 +0000 UTC m=+1.045396385`.

    The column TimeStamp beside it is broken in places.
    """
    texts = pc.utf8_slice_codeunits(times, 0, 19)
    try:
        stamps = pc.strptime(texts, format="%Y-%m-%d %H:%M:%S", unit="s")
    except pa.ArrowInvalid as error:
        raise DatasetRejected(f"{path} has a time that cannot be read: {error}") from error
    seconds: NDArray[np.int64] = pc.fill_null(pc.cast(stamps, pa.int64()), 0).to_numpy().astype(np.int64)
    return seconds * 10**9


def _inside(begin: NDArray[np.int64], end: NDArray[np.int64], windows: Sequence[Window]) -> NDArray[np.bool_]:
    """Whether a stretch, in nanoseconds since the epoch, lies within one of the windows, shape (n,)."""
    kept = np.zeros(begin.size, dtype=bool)
    for window in windows:
        kept |= (begin >= _nanoseconds(window.start)) & (end < _nanoseconds(window.end))
    return kept


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def _once(rows: pa.Table, columns: list[str]) -> pa.Table:
    """The first of the rows that are equal in those columns."""
    numbered = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    first = numbered.group_by(columns).aggregate([("row", "min")])["row_min"]
    return rows if len(first) == rows.num_rows else rows.take(pa.array(np.sort(first.to_numpy())))


def _by_value(values: pa.Array, function: Callable[[str], str]) -> pa.Array:
    coded = pc.dictionary_encode(values)
    named = pa.array([function(value) for value in coded.dictionary.to_pylist()], pa.string())
    return named.take(coded.indices)


def _time(nanoseconds: pa.ChunkedArray) -> pa.Array:
    return pc.cast(pa.array(nanoseconds.to_numpy() // 1000, pa.int64()), TIME)


def _table(schema: pa.Schema, count: int, columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    """Those columns in the schema's order, the others null."""
    arrays = [columns[field.name] if field.name in columns else pa.nulls(count, field.type) for field in schema]
    return pa.table(
        [pc.cast(a, f.type) if a.type != f.type else a for a, f in zip(arrays, schema, strict=True)], schema
    )
