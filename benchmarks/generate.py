"""Synthetic telemetry of a small shop, made column by column: fast, and the same for the same seed."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.domain import Window
from watchkeeper.tables import ATTRIBUTES, TABLES

SERVICES = ("gateway", "catalog", "cart", "checkout", "payment", "recommendations", "stock", "mail")
SPANS_PER_TRACE = 12
_OPERATIONS = ("GET /", "GET /items", "POST /orders", "GET /items/{id}", "POST /pay")
_MEASURES = ("process.cpu.utilization", "process.memory.usage", "db.client.connections.usage", "queue.length")


def services(count: int) -> tuple[str, ...]:
    """So many names, those of the shop first."""
    return (*SERVICES, *(f"service-{number}" for number in range(len(SERVICES), count)))[:count]


def spans(window: Window, traces: int, seed: int = 0, names: Sequence[str] = SERVICES) -> pa.Table:
    """Traces of twelve spans each, spread over the window: server and client spans in turn down a chain."""
    rng = np.random.default_rng(seed)
    depth = np.tile(np.arange(SPANS_PER_TRACE), traces)
    trace = np.repeat(rng.integers(0, 1 << 63, traces, dtype=np.uint64), SPANS_PER_TRACE)
    begin = np.repeat(np.sort(_times(window, traces, rng)), SPANS_PER_TRACE)
    start_service = np.repeat(rng.integers(0, len(names), traces), SPANS_PER_TRACE)
    rows = depth.size
    span_ids = _hex(trace + depth.astype(np.uint64), 16)
    parents = _hex(trace + depth.astype(np.uint64) - np.uint64(1), 16)
    errors = rng.random(rows) < 0.01
    service = (start_service + depth // 2) % len(names)
    return _table(
        "spans",
        rows,
        time=pa.array(begin + depth * 300, TABLES["spans"].field("time").type),
        duration_ns=pa.array((rng.lognormal(2.5, 0.7, rows) * 1e6 / (1 + depth)).astype(np.int64)),
        service_name=_pick(names, service),
        service_version=_constant("1.4.2", rows),
        service_instance_id=_pick([f"{name}-1" for name in names], service),
        trace_id=_hex(trace, 32),
        span_id=span_ids,
        parent_span_id=pc.if_else(pa.array(depth > 0), parents, None),
        name=_pick(_OPERATIONS, (service + depth) % len(_OPERATIONS)),
        kind=_pick(("server", "client"), depth % 2),
        status_code=_pick(("unset", "error"), errors.astype(int)),
        attributes=_maps(
            {
                "http.request.method": ("GET", "POST"),
                "http.response.status_code": ("200", "500"),
                "server.address": SERVICES,
                "url.path": _OPERATIONS,
                "user.id": [f"u{i}" for i in range(5000)],
            },
            rows,
            rng,
        ),
        resource=_resource(service, rows),
    )


def logs(window: Window, rows: int, seed: int = 0, names: Sequence[str] = SERVICES) -> pa.Table:
    """Records spread over the window, one in fifty an error."""
    rng = np.random.default_rng(seed)
    service = rng.integers(0, len(names), rows)
    severity = rng.choice([9, 13, 17], rows, p=[0.95, 0.03, 0.02])
    bodies = [f"order {i} of user {i * 7 % 5000} handled in {i % 400} ms" for i in range(20_000)]
    return _table(
        "logs",
        rows,
        time=pa.array(np.sort(_times(window, rows, rng)), TABLES["logs"].field("time").type),
        service_name=_pick(names, service),
        service_version=_constant("1.4.2", rows),
        service_instance_id=_pick([f"{name}-1" for name in names], service),
        severity_number=pa.array(severity.astype(np.int32)),
        severity_text=_pick(("INFO", "WARN", "ERROR"), (severity - 9) // 4),
        body=_pick(bodies, rng.integers(0, len(bodies), rows)),
        trace_id=_hex(rng.integers(0, 1 << 63, rows, dtype=np.uint64), 32),
        span_id=_hex(rng.integers(0, 1 << 63, rows, dtype=np.uint64), 16),
        attributes=_maps({"logger": SERVICES, "thread": [f"worker-{i}" for i in range(16)]}, rows, rng),
        resource=_resource(service, rows),
    )


def metrics(window: Window, rows: int, seed: int = 0, names: Sequence[str] = SERVICES) -> pa.Table:
    """Gauges spread over the window."""
    rng = np.random.default_rng(seed)
    service = rng.integers(0, len(names), rows)
    return _table(
        "metrics",
        rows,
        time=pa.array(np.sort(_times(window, rows, rng)), TABLES["metrics"].field("time").type),
        service_name=_pick(names, service),
        service_version=_constant("1.4.2", rows),
        service_instance_id=_pick([f"{name}-1" for name in names], service),
        name=_pick(_MEASURES, rng.integers(0, len(_MEASURES), rows)),
        unit=_constant("1", rows),
        kind=_constant("gauge", rows),
        value=pa.array(rng.random(rows)),
        attributes=_maps({"state": ("idle", "used"), "pool": ("main",)}, rows, rng),
        resource=_resource(service, rows),
    )


def _times(window: Window, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(_micros(window.start), _micros(window.end), count)


def _micros(time: datetime) -> int:
    return round(time.timestamp() * 1e6)


def _table(table: str, rows: int, /, **columns: pa.Array) -> pa.Table:
    schema = TABLES[table]
    arrays = [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(rows, f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _pick(words: object, index: np.ndarray) -> pa.Array:
    return pa.array(list(words)).take(pa.array(index))


def _constant(word: str, rows: int) -> pa.Array:
    return pa.repeat(word, rows)


def _hex(numbers: np.ndarray, width: int) -> pa.Array:
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    nibbles = np.zeros((numbers.size, width), np.uint8)
    for place in range(16):
        nibbles[:, width - 1 - place] = (numbers >> np.uint64(4 * place)) & np.uint64(15)
    text = digits[nibbles]
    offsets = np.arange(0, numbers.size * width + 1, width, dtype=np.int32)
    return pa.StringArray.from_buffers(numbers.size, pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))


def _maps(choices: dict[str, object], rows: int, rng: np.random.Generator) -> pa.Array:
    picked = [_pick(words, rng.integers(0, len(words), rows)) for words in choices.values()]
    return _interleaved(list(choices), picked, rows)


def _resource(service: np.ndarray, rows: int) -> pa.Array:
    hosts = _pick([f"node-{i}" for i in range(4)], service % 4)
    names = ["service.namespace", "host.name", "telemetry.sdk.language", "deployment.environment"]
    return _interleaved(
        names, [_constant("shop", rows), hosts, _constant("python", rows), _constant("production", rows)], rows
    )


def _interleaved(names: list[str], columns: list[pa.Array], rows: int) -> pa.Array:
    width = len(names)
    order = np.arange(rows * width).reshape(width, rows).T.ravel()
    items = pa.concat_arrays(columns).take(pa.array(order))
    keys = _pick(names, np.tile(np.arange(width), rows))
    offsets = pa.array(np.arange(0, rows * width + 1, width, dtype=np.int32))
    return pa.MapArray.from_arrays(offsets, keys, items).cast(ATTRIBUTES)
