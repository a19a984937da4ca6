"""Small worlds of telemetry for the tests: rows with every field filled that a test does not care about."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from watchkeeper.domain import Window
from watchkeeper.tables import table_of

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(minutes=10))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def span(seconds: float = 0, **fields: object) -> dict[str, object]:
    row: dict[str, object] = {
        "time": at(seconds),
        "duration_ns": 5_000_000,
        "service_name": "checkout",
        "trace_id": f"{int(seconds * 1000):032x}",
        "span_id": f"{int(seconds * 1000):016x}",
        "name": "POST /orders",
        "kind": "server",
        "status_code": "unset",
    }
    return row | fields


def log(seconds: float = 0, **fields: object) -> dict[str, object]:
    row: dict[str, object] = {"time": at(seconds), "service_name": "checkout", "severity_number": 9, "body": "done"}
    return row | fields


def point(seconds: float = 0, **fields: object) -> dict[str, object]:
    row: dict[str, object] = {
        "time": at(seconds),
        "service_name": "checkout",
        "service_instance_id": "checkout-1",
        "name": "process.cpu.utilization",
        "kind": "gauge",
        "value": 0.5,
    }
    return row | fields


def change(identity: str = "deploy-1", seconds: float = 0, **fields: object) -> dict[str, object]:
    row: dict[str, object] = {"id": identity, "kind": "deploy", "service_name": "checkout", "time": at(seconds)}
    return row | fields


def spans(*rows: dict[str, object]) -> pa.Table:
    return table_of("spans", list(rows))


def logs(*rows: dict[str, object]) -> pa.Table:
    return table_of("logs", list(rows))


def points(*rows: dict[str, object]) -> pa.Table:
    return table_of("metrics", list(rows))


def changes(*rows: dict[str, object]) -> pa.Table:
    return table_of("changes", list(rows))
