"""RootCauseBench as published: one folder a case, `data/` with alert, logs, metrics, traces, commits, deploys, flags.

The truth lies beside `data/` in `ground_truth.json`. Deploys and flag flips become changes; commits are rows beside
them, of a kind of their own, as none happened to a service by itself.
"""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa

from watchkeeper.datasets.cases import Answer, Case, Tables, Trigger
from watchkeeper.domain import Direction, Signal
from watchkeeper.errors import DatasetRejected
from watchkeeper.tables import TableName, table_of

LAYOUT = "<case>/data/alert.json beside logs.ndjson, metrics.csv, traces.json and context/"
NO_COMMIT = "none"
_SEVERITY = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "FATAL": 21, "CRITICAL": 21}
_OF_LOGS = {"timestamp", "service", "severity_text", "msg", "trace_id", "span_id"}
_OF_SPANS = {"trace_id", "span_id", "parent_id", "service", "name", "start", "duration_ms", "status", "error"}

Row = dict[str, object]


@dataclass(frozen=True)
class _Place:
    """Where something was read, for the sentence that says what is wrong with it."""

    path: Path
    line: int | None = None

    def refuse(self, expected: str) -> DatasetRejected:
        where = f"{self.path}, line {self.line}" if self.line else f"{self.path}"
        return DatasetRejected(f"{where}: expected {expected}")


def cases(folder: Path, *, alert_delay_seconds: float = 0.0) -> Iterator[Case]:
    """Every case in order of its name; its alert is the signal, all of its snapshot may be read.

    Raises DatasetRejected for a folder without cases, a missing file, or one that is broken.
    """
    for data in _folders(folder):
        yield Case(
            name=data.parent.name,
            trigger=_trigger(data, alert_delay_seconds),
            load=partial(_tables, data),
            candidates=tuple(_text(commit, "sha", place) for commit, place in _listed(data / "context/commits.json")),
        )


def answers(folder: Path) -> Mapping[str, Answer]:
    """The guilty commit by case, or None; commits that were planted are decoys; the kind is what would help."""
    found = {}
    for data in _folders(folder):
        path = data.parent / "ground_truth.json"
        told, place = _object(path), _Place(path)
        commit = _text(told, "root_cause_commit", place)
        decoys = told.get("decoy_deploy_commits", [])
        if not isinstance(decoys, list):
            raise place.refuse("a list of commits as decoy_deploy_commits")
        found[data.parent.name] = Answer(
            truth=None if commit == NO_COMMIT else commit,
            kind=_said(told, "remediation") or "",
            decoys=frozenset(str(decoy) for decoy in decoys),
        )
    return found


def _folders(folder: Path) -> list[Path]:
    """The `data` folders of all cases."""
    if not folder.is_dir():
        raise DatasetRejected(f"{folder}: there is no such folder; expected {LAYOUT}")
    found = sorted(path.parent for path in folder.glob("*/data/alert.json"))
    if not found:
        raise DatasetRejected(f"{folder}: holds no case; expected {LAYOUT}")
    return found


def _trigger(data: Path, delay_seconds: float) -> Trigger:
    path = data / "alert.json"
    alert, place = _object(path), _Place(path)
    noticed = _time(alert, "fired_at", place) + timedelta(seconds=delay_seconds)
    observed, threshold = (
        _number(alert, key, place) if alert.get(key) is not None else None for key in ("observed", "threshold")
    )
    text = _said(alert, "summary") or "an alert fired"
    direction: Direction | None = None
    if observed is not None and threshold is not None:
        text = f"{text} ({_said(alert, 'metric')} is {observed:g}, the threshold {threshold:g})"
        direction = "up" if observed >= threshold else "down"
    signal = Signal(
        kind="alert",
        at=noticed,
        service=_text(alert, "service", place),
        measure=_said(alert, "metric"),
        direction=direction,
        observed=observed,
        text=text,
    )
    last = max((_time(row, "timestamp", at) for row, at in _metric_rows(data / "metrics.csv")), default=noticed)
    return Trigger(signal, until=max(noticed, last))


def _tables(data: Path) -> Tables:
    return {
        "logs": _table("logs", [_log(row, place) for row, place in _lines(data / "logs.ndjson")], data / "logs.ndjson"),
        "metrics": _metrics(data / "metrics.csv"),
        "spans": _spans(data / "traces.json"),
        "changes": _changes(data / "context"),
    }


def _log(row: Row, place: _Place) -> Row:
    severity = _said(row, "severity_text")
    return {
        "time": _time(row, "timestamp", place),
        "service_name": _text(row, "service", place),
        "severity_text": severity,
        "severity_number": _SEVERITY.get((severity or "").upper()),
        "body": _said(row, "msg"),
        "trace_id": _said(row, "trace_id"),
        "attributes": _rest(row, _OF_LOGS),
    }


def _metrics(path: Path) -> pa.Table:
    rows: list[Row] = [
        {
            "time": _time(row, "timestamp", place),
            "service_name": _text(row, "service", place),
            "name": _text(row, "metric", place),
            "kind": "gauge",
            "value": _number(row, "value", place),
        }
        for row, place in _metric_rows(path)
        if row["value"]
    ]
    return _table("metrics", rows, path)


def _spans(path: Path) -> pa.Table:
    """Spans; many carry a placeholder instead of their trace's id, so a child is in the trace of its parent."""
    rows: list[Row] = []
    by_id: dict[str, Row] = {}
    for span, place in _listed(path):
        parent = by_id.get(str(span.get("parent_id")))
        row = _span(span, parent, place)
        by_id[str(row["span_id"])] = row
        rows.append(row)
    return _table("spans", rows, path)


def _span(span: Row, parent: Row | None, place: _Place) -> Row:
    service, attributes = _text(span, "service", place), _rest(span, _OF_SPANS)
    is_inside = parent is not None and parent["service_name"] == service
    asks_a_database = any(key.startswith("db.") for key, _ in attributes)
    return {
        "time": _time(span, "start", place),
        "duration_ns": int(_number(span, "duration_ms", place) * 1e6),
        "service_name": service,
        "trace_id": parent["trace_id"] if parent else _text(span, "trace_id", place),
        "span_id": _text(span, "span_id", place),
        "parent_span_id": span.get("parent_id"),
        "name": _text(span, "name", place),
        "kind": ("client" if asks_a_database else "internal") if is_inside else "server",
        "status_code": "error" if (_said(span, "status") or "").upper() == "ERROR" else "ok",
        "status_message": span.get("error"),
        "attributes": attributes,
    }


def _changes(context: Path) -> pa.Table:
    commits = {_text(commit, "sha", place): commit for commit, place in _listed(context / "commits.json")}
    deploys = [_deploy(row, commits, place) for row, place in _listed(context / "deploys.json")]
    flags = [_flag(row, place) for row, place in _listed(context / "flags.json")]
    made = [_commit(row, place) for row, place in _listed(context / "commits.json")]
    return _table("changes", [*deploys, *flags, *made], context)


def _commit(row: Row, place: _Place) -> Row:
    """A commit as a row of changes: its id is the commit's own, files and diff are attributes."""
    sha = _text(row, "sha", place)
    return {
        "id": sha,
        "kind": "commit",
        "service_name": "",
        "commits": [sha],
        "author": _said(row, "author"),
        "time": _time(row, "timestamp", place),
        "title": _said(row, "message"),
        "attributes": _rest({key: row.get(key) for key in ("files_changed", "diff")}, set()),
    }


def _deploy(row: Row, commits: Mapping[str, Row], place: _Place) -> Row:
    commit, service, at = _said(row, "commit_sha"), _text(row, "service", place), _time(row, "timestamp", place)
    made, version = commits.get(commit or "", {}), _said(row, "version")
    return {
        "id": f"{service}-{version or f'{at:%Y%m%dT%H%M%SZ}'}-{(commit or '')[:7]}",
        "kind": "deploy",
        "service_name": service,
        "version": version,
        "commits": [commit] if commit else [],
        "author": made.get("author"),
        "time": at,
        "title": made.get("message"),
        "attributes": _rest({"files_changed": made["files_changed"]} if "files_changed" in made else {}, set()),
    }


def _flag(row: Row, place: _Place) -> Row:
    name, at = _text(row, "flag", place), _time(row, "timestamp", place)
    return {
        "id": f"{name}-{at:%Y%m%dT%H%M%SZ}",
        "kind": "flag",
        "service_name": _text(row, "service", place),
        "commits": [],
        "author": row.get("actor"),
        "time": at,
        "title": f"{name}: {_said(row, 'change') or 'changed'}",
    }


def _table(name: TableName, rows: list[Row], path: Path) -> pa.Table:
    try:
        return table_of(name, rows)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DatasetRejected(f"{path}: does not fit the table {name}: {str(error).splitlines()[0]}") from error


def _rest(row: Row, known: set[str]) -> list[tuple[str, str]]:
    """Every other field as an attribute; an object of attributes is spread."""
    inner = row.get("attributes")
    fields = {k: v for k, v in row.items() if k not in known and k != "attributes"}
    fields |= {str(k): v for k, v in inner.items()} if isinstance(inner, dict) else {}
    return [(k, v if isinstance(v, str) else json.dumps(v)) for k, v in fields.items() if v is not None]


def _parsed(text: str, place: _Place) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise place.refuse(f"JSON, but it is broken: {error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DatasetRejected(f"{path}: there is no such file; expected {LAYOUT}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetRejected(f"{path}: cannot be read as UTF-8 text: {error}") from error


def _object(path: Path) -> Row:
    value = _parsed(_read(path), _Place(path))
    if not isinstance(value, dict):
        raise _Place(path).refuse("an object")
    return value


def _listed(path: Path) -> Iterator[tuple[Row, _Place]]:
    value = _parsed(_read(path), _Place(path))
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _Place(path).refuse("a list of objects")
    yield from ((row, _Place(path)) for row in value)


def _lines(path: Path) -> Iterator[tuple[Row, _Place]]:
    for number, line in enumerate(_read(path).splitlines(), 1):
        if not line.strip():
            continue
        place = _Place(path, number)
        value = _parsed(line, place)
        if not isinstance(value, dict):
            raise place.refuse("an object")
        yield value, place


def _metric_rows(path: Path) -> Iterator[tuple[Row, _Place]]:
    lines = _read(path).splitlines()
    header = ["timestamp", "service", "metric", "value"]
    if not lines or lines[0].split(",") != header:
        raise _Place(path, 1).refuse(f"the columns {','.join(header)}")
    for number, values in enumerate(csv.reader(lines[1:]), 2):
        if len(values) != len(header):
            raise _Place(path, number).refuse(f"{len(header)} values")
        yield dict(zip(header, values, strict=True)), _Place(path, number)


def _text(row: Row, key: str, place: _Place) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise place.refuse(f"text as {key}")
    return value


def _said(row: Row, key: str) -> str | None:
    """Text that may be missing."""
    value = row.get(key)
    return value if isinstance(value, str) and value else None


def _number(row: Row, key: str, place: _Place) -> float:
    value = row.get(key)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise place.refuse(f"a number as {key}") from error
    if not math.isfinite(number):
        raise place.refuse(f"a finite number as {key}")
    return number


def _time(row: Row, key: str, place: _Place) -> datetime:
    try:
        time = datetime.fromisoformat(_text(row, key, place))
    except ValueError as error:
        raise place.refuse(f"a time in ISO 8601 as {key}") from error
    # The data set says of itself that all its times are UTC.
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
