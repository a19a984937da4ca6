"""Rows of RCAEval's files in watchkeeper's tables: gauges of services, log lines, spans."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from watchkeeper.datasets.published_csv import read_csv
from watchkeeper.datasets.span_kinds import kinds_of
from watchkeeper.domain import Window
from watchkeeper.errors import DatasetRejected
from watchkeeper.tables import LOGS, METRICS, SPANS, TIME

Ints = NDArray[np.int64]
Kind = Literal["parquet", "csv", "json"]

_GAUGES: tuple[tuple[re.Pattern[str], str, str, float], ...] = tuple(
    (re.compile(pattern), name, unit, factor)
    for pattern, name, unit, factor in (
        (r"(?:istio-)?lat(?:ency)?[-_](\d\d)", r"server.duration.p\1", "s", 1.0),
        (r"latency", "server.duration", "s", 1.0),
        (r"workload|load|istio-request-total", "server.request.rate", "{request}/s", 1.0),
        (r"error|istio-error-total", "server.error.count", "{error}/s", 1.0),
        (r"cpu|container-cpu-usage-seconds-total", "container.cpu.usage", "{cpu}", 0.01),
        (r"mem|container-memory-usage-bytes", "container.memory.usage", "By", 1.0),
        (r"diskio", "container.disk.io", "By/s", 1.0),
        (r"socket|container-sockets", "container.sockets", "{socket}", 1.0),
    )
)
"""Published metric: our name, unit and factor. Counters were published as rates, CPU in percent of a core."""
_NO_SERVICE = re.compile(r"node-|machine-")
"""Metrics of machines: what stands before them is an address."""
_LOG_COLUMNS = {"timestamp": pa.int64(), "container_name": pa.string(), "message": pa.string()}
_LEVELS = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "FATAL": 21, "CRITICAL": 21}
_SPAN_COLUMNS = {
    **dict.fromkeys(("traceID", "spanID", "parentSpanID", "serviceName", "operationName"), pa.string()),
    **dict.fromkeys(("startTime", "duration"), pa.int64()),
}
_SECONDS_BELOW = {1e11: 1, 1e14: 10**3, 1e17: 10**6}
"""A time since 1970 below this is in these parts of a second; beyond all of them in nanoseconds."""


def metrics(folder: Path, stems: Sequence[str], window: Window) -> pa.Table:
    """The gauges in the window, of the first of the files that is there; raises DatasetRejected without any."""
    found = next((f for stem in stems if (f := _file(folder, stem, ("parquet", "csv", "json"))) is not None), None)
    if found is None:
        raise DatasetRejected(f"{folder}: holds no {stems[0]} or {stems[1]} as Parquet, CSV or JSON")
    rows = _from_json(found) if found.suffix == ".json" else _read(found, {})
    series = _series(found, rows)
    parts = [part for column, (micros, values) in series.items() for part in _gauge(column, micros, values, window)]
    return pa.concat_tables([METRICS.empty_table(), *parts]).combine_chunks().sort_by("time")


def logs(folder: Path, window: Window) -> pa.Table | None:
    """The lines in the window; None where there are no logs."""
    path = _file(folder, "logs", ("parquet", "csv"))
    if path is None:
        return None
    rows = _read(path, _LOG_COLUMNS, ("level",))
    rows, micros = _within(_complete(rows, ("container_name",)), "timestamp", window)
    levels = pc.utf8_upper(_text(rows, "level"))
    return _table(
        LOGS,
        {
            "time": pa.array(micros, TIME),
            "service_name": rows["container_name"],
            "body": rows["message"],
            "severity_text": levels,
            "severity_number": pa.array([_LEVELS.get(level or "") for level in levels.to_pylist()], pa.int32()),
        },
        rows.num_rows,
    )


def spans(folder: Path, window: Window) -> pa.Table | None:
    """The spans that begin and end in the window, each told once; None where there are no traces."""
    path = _file(folder, "traces", ("parquet", "csv"))
    if path is None:
        return None
    rows = _read(path, _SPAN_COLUMNS, ("methodName", "statusCode"))
    rows, micros = _within(rows, "startTime", window, lasting="duration")
    numbered = _complete(rows.append_column("micros", pa.array(micros)), ("traceID", "spanID", "serviceName"))
    numbered = numbered.append_column("row", pa.array(np.arange(numbered.num_rows)))
    first = numbered.group_by(["traceID", "spanID"]).aggregate([("row", "min")])["row_min"].to_numpy()
    rows = numbered.take(pa.array(np.sort(first)))
    parents = rows["parentSpanID"]
    parents = pc.if_else(pc.is_in(parents, pa.array(["0", "root"])), pa.scalar(None, pa.string()), parents)
    names = pc.coalesce(_text(rows, "methodName"), rows["operationName"], pa.scalar("unknown"))
    above, services = parents.to_pylist(), rows["serviceName"].to_pylist()
    traces, ids = rows["traceID"].to_pylist(), rows["spanID"].to_pylist()
    kinds = kinds_of(traces, ids, above, services, names.to_pylist(), rows["duration"].to_numpy())
    return _table(
        SPANS,
        {
            "time": pa.array(rows["micros"].to_numpy(), TIME),
            "duration_ns": pc.multiply(rows["duration"], 1000),
            "service_name": rows["serviceName"],
            "trace_id": rows["traceID"],
            "span_id": rows["spanID"],
            "parent_span_id": parents,
            "name": names,
            "kind": pa.array(kinds, pa.string()),
            "status_code": _statuses(rows),
        },
        rows.num_rows,
    )


def _statuses(rows: pa.Table) -> pa.ChunkedArray:
    """Statuses of HTTP from 400 on and of gRPC from 1 to 16 are errors."""
    told = _text(rows, "statusCode")
    is_number = pc.fill_null(pc.match_substring_regex(told, r"^\d+(\.\d+)?$"), False)
    codes = pc.cast(pc.if_else(is_number, told, pa.scalar(None, pa.string())), pa.float64())
    failed = pc.or_(pc.greater_equal(codes, 400), pc.and_(pc.greater_equal(codes, 1), pc.less_equal(codes, 16)))
    return pc.if_else(pc.fill_null(failed, False), "error", "unset")


def _series(path: Path, rows: pa.Table) -> Mapping[str, tuple[Ints, NDArray[np.float64]]]:
    """Microseconds and values of each column."""
    if "time" not in rows.column_names:
        raise DatasetRejected(f"{path}: has no column time")
    # Some files have a second column of that name at their end.
    micros = _micros(_numbers(path, rows[rows.column_names.index("time")], "time").astype(np.int64))
    columns = [name for name in dict.fromkeys(rows.column_names) if name.partition("_")[2]]
    return {name: (micros, _numbers(path, rows[rows.column_names.index(name)], name)) for name in columns}


def _gauge(column: str, micros: Ints, values: NDArray[np.float64], window: Window) -> list[pa.Table]:
    """One column, `<service>_<metric>`, as points; nothing where it is no service's or says nothing."""
    service, _, metric = column.partition("_")
    start, end = (int(moment.timestamp() * 1e6) for moment in (window.start, window.end))
    kept = np.isfinite(values) & (micros >= start) & (micros < end)
    if _NO_SERVICE.match(metric) or not service or not kept.any():
        return []
    name, unit, factor = _known(metric)
    size = int(kept.sum())
    fixed = {"service_name": service, "name": name, "unit": unit, "kind": "gauge"}
    columns: dict[str, pa.Array] = {key: pa.repeat(pa.scalar(text, pa.string()), size) for key, text in fixed.items()}
    columns |= {"time": pa.array(micros[kept], TIME), "value": pa.array(values[kept] * factor)}
    return [_table(METRICS, columns, size)]


def _known(metric: str) -> tuple[str, str | None, float]:
    """Our name, unit and factor; of what is not known the published name alone."""
    for pattern, name, unit, factor in _GAUGES:
        if found := pattern.fullmatch(metric):
            return found.expand(name), unit, factor
    return metric.replace("-", "."), None, 1.0


def _from_json(path: Path) -> pa.Table:
    """A list of rows, columns by name, or points `[time, value]` by name, as a table with a column `time`."""
    try:
        told = orjson.loads(path.read_bytes())
        if isinstance(told, list):
            return pa.Table.from_pylist(told)
        if "time" in told:
            return pa.table(told)
        points = {name: dict(pairs) for name, pairs in told.items()}
        times = sorted({time for of in points.values() for time in of})
        return pa.table({"time": times, **{name: [of.get(time) for time in times] for name, of in points.items()}})
    except (OSError, ValueError, TypeError, AttributeError, pa.ArrowException) as error:
        raise DatasetRejected(
            f"{path}: expected rows, columns or [time, value] by name, got {type(error).__name__}: {error}"
        ) from error


def _file(folder: Path, stem: str, kinds: Sequence[Kind]) -> Path | None:
    return next((path for kind in kinds if (path := folder / f"{stem}.{kind}").is_file()), None)


def _read(path: Path, columns: Mapping[str, pa.DataType], optional: Sequence[str] = ()) -> pa.Table:
    """Those columns of a file, in those types, all of it where none are named; raises DatasetRejected."""
    wanted = {**columns, **dict.fromkeys(optional, pa.string())}
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        else:
            table = read_csv(path, wanted, whole=True, needed=tuple(columns))
        missing = set(columns) - set(table.column_names)
        if missing:
            raise DatasetRejected(f"{path} has no column {min(missing)}")
        if not columns:
            return table
        present = [name for name in wanted if name in table.column_names]
        return pa.table({name: _known_only(table[name].cast(wanted[name], safe=False)) for name in present})
    except (pa.ArrowException, OSError) as error:
        raise DatasetRejected(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _known_only(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same with nulls for what is an empty text."""
    if not pa.types.is_string(column.type):
        return column
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def _within(rows: pa.Table, column: str, window: Window, lasting: str | None = None) -> tuple[pa.Table, Ints]:
    """The rows that lie in the window, and their times in microseconds; those without a time are left out."""
    rows = _complete(rows, (column, lasting) if lasting else (column,))
    micros = _micros(rows[column].to_numpy())
    ends = micros + (rows[lasting].to_numpy() if lasting is not None else 0)
    start, end = (int(moment.timestamp() * 1e6) for moment in (window.start, window.end))
    kept = (micros >= start) & (ends < end)
    return rows.filter(pa.array(kept)), micros[kept]


def _complete(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The rows in which all of those columns say something."""
    for column in columns:
        rows = rows.filter(pc.is_valid(rows[column]))
    return rows


def _micros(times: Ints) -> Ints:
    """Times since 1970 in microseconds, whatever part of a second they are published in."""
    if not times.size:
        return times
    middle = float(np.median(times))
    parts = next((parts for below, parts in _SECONDS_BELOW.items() if middle < below), 10**9)
    return times // (parts // 10**6) if parts > 10**6 else times * (10**6 // parts)


def _numbers(path: Path, column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    try:
        values = pc.cast(column, pa.float64(), safe=False).to_numpy()
    except pa.ArrowException as error:
        raise DatasetRejected(f"{path}: expected numbers in the column {name}: {error}") from error
    return np.asarray(values, dtype=np.float64)


def _text(rows: pa.Table, column: str) -> pa.ChunkedArray:
    """A column of text, nulls where it was not published."""
    if column in rows.column_names:
        return rows[column]
    return pa.chunked_array([pa.nulls(rows.num_rows, pa.string())])


def _table(schema: pa.Schema, columns: Mapping[str, pa.Array | pa.ChunkedArray], size: int) -> pa.Table:
    """Those columns in the schema's order, the others null."""
    arrays = [columns[f.name] if f.name in columns else pa.nulls(size, f.type) for f in schema]
    return pa.table(
        [pc.cast(a, f.type) if a.type != f.type else a for a, f in zip(arrays, schema, strict=True)], schema
    )
