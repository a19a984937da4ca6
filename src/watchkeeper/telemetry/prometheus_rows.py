"""Answers about requests, calls and what a Prometheus does not keep, as the tables that `sources` promises."""

from collections.abc import Sequence

import pyarrow as pa

from watchkeeper.tables import TABLES, TIME
from watchkeeper.telemetry.prometheus_conventions import (
    CALLED,
    INSTANCES,
    SERVED,
    VERSIONS,
    Convention,
    first_of,
    operation_of,
)
from watchkeeper.telemetry.prometheus_figures import Figures, merged
from watchkeeper.telemetry.prometheus_labels import instance_of, service_of, version_of
from watchkeeper.telemetry.prometheus_requests import OPERATION, Requests

_TEXT, _COUNT, _NUMBER = pa.string(), pa.int64(), pa.float64()
_FIGURES = [("requests", _COUNT), ("errors", _COUNT), ("mean_ms", _NUMBER)]
_QUANTILES = [(name, _NUMBER) for name in ("p50_ms", "p95_ms", "p99_ms", "maximum_ms")]
LABELS_BY = {"operation": OPERATION, "service_version": VERSIONS, "service_instance_id": INSTANCES}
"""By the column that rows are told apart by: the labels that it is made of."""
_CALLS = pa.schema(
    [
        *(("time", TIME), ("service_name", _TEXT), ("callee", _TEXT), ("is_instrumented", pa.bool_())),
        *(("operation", _TEXT), *_FIGURES, ("p95_ms", _NUMBER), ("callee_mean_ms", _NUMBER)),
    ]
)
USERS = pa.schema([("attribute", _TEXT), *((name, _COUNT) for name in ("seen", "affected", "requests"))])
NOTHING: dict[str, pa.Schema] = {
    "lines of logs": TABLES["logs"],
    "counts of lines": pa.schema([("time", TIME), ("service_name", _TEXT), ("severity", _TEXT), ("records", _COUNT)]),
    "spans": TABLES["spans"],
    "attributes of single requests": pa.schema(
        [
            *((name, _TEXT) for name in ("service_name", "attribute", "value", "part")),
            *(*_FIGURES, ("p95_ms", _NUMBER), ("mean_log_ms", _NUMBER), ("sd_log_ms", _NUMBER)),
        ]
    ),
    "people": USERS,
    "changes": TABLES["changes"],
    "feedback": TABLES["feedback"],
    "product events": TABLES["events"],
}
"""What a Prometheus does not keep, with the columns of an answer about it."""


def red_rows(requests: Requests, by: Sequence[str]) -> pa.Table:
    """An answer to a `RedQuery`; of several conventions that a service reports by the first is taken."""
    parts: dict[tuple[str | None, ...], list[Figures]] = {}
    told_by: dict[str, Convention] = {}
    for convention, labels, figures in requests.figures(SERVED):
        service = service_of(labels, requests.service_labels)
        operation = operation_of(labels) or None
        is_first = told_by.setdefault(service, convention) is convention
        if is_first and ("operation" not in by or operation):
            more = {
                "operation": operation,
                "service_version": version_of(labels),
                "service_instance_id": instance_of(labels),
            }
            parts.setdefault((service, *(more[column] for column in by)), []).append(figures)
    names = ("service_name", *by)
    rows = [
        {"time": requests.steps.begins[step], **dict(zip(names, key, strict=True)), **columns}
        for key, figures in parts.items()
        for step, columns in merged(figures).rows()
    ]
    return _table(rows, pa.schema([("time", TIME), *((name, _TEXT) for name in names), *_FIGURES, *_QUANTILES]))


def call_rows(requests: Requests) -> pa.Table:
    """An answer to a `CallQuery`, as callers saw it; calls whose callee no label names are left out."""
    parts: dict[tuple[str, str, str], list[Figures]] = {}
    told_by: dict[tuple[str, str], Convention] = {}
    for convention, labels, figures in requests.figures(CALLED):
        service, callee = service_of(labels, requests.service_labels), first_of(labels, convention.callees)
        if callee and told_by.setdefault((service, callee), convention) is convention:
            operation = operation_of(labels) or convention.requests
            parts.setdefault((service, callee, operation), []).append(figures)
    serving = requests.serving(SERVED) if parts else frozenset()
    rows = [
        {
            "time": requests.steps.begins[step],
            **dict(zip(("service_name", "callee", "operation"), key, strict=True)),
            "is_instrumented": key[1] in serving,
            **columns,
        }
        for key, figures in parts.items()
        for step, columns in merged(figures).rows()
    ]
    return _table(rows, _CALLS)


def _table(rows: list[dict[str, object]], schema: pa.Schema) -> pa.Table:
    """Rows in order of time, then of what tells them apart."""
    texts = [field.name for field in schema if field.type == _TEXT]
    ordered = sorted(rows, key=lambda row: (row["time"], *(str(row.get(name) or "") for name in texts)))
    return pa.Table.from_pylist(ordered, schema=schema)
