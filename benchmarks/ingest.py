"""OTLP over HTTP to a real server: rows a second to disk, per core of the server's processor time."""

import gzip
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]

SERVICES = 6
ROWS_A_BODY = 8_160
"""About what a Collector sends at once."""
BODIES = 16
SENDERS = 2
TOKEN = f"wk_{secrets.token_urlsafe(32)}"
BEGIN_NS = 1_780_000_000_000_000_000


def section() -> Section:
    """The table for docs/benchmarks.md: every signal in both encodings."""
    header = ("signal, encoding", "rows/s to disk", "rows/s per core of the server", "bytes a row on the wire")
    rows = [
        measured(signal, make, encoding)
        for signal, make in (("traces", traces), ("logs", logs), ("metrics", metrics))
        for encoding in ("protobuf", "json")
    ]
    return "OTLP/HTTP ingest (gzip, acknowledged when durable)", header, rows


def measured(signal: str, make: Callable[[int], Message], encoding: str) -> tuple[str, ...]:
    """Send the bodies to a fresh server: one row of the table. The first body warms it up and is not counted."""
    pack = as_json if encoding == "json" else as_protobuf
    first, *bodies = [gzip.compress(pack(make(number)), 1) for number in range(BODIES + 1)]
    kind = "application/json" if encoding == "json" else "application/x-protobuf"
    headers = {"content-type": kind, "content-encoding": "gzip", "authorization": f"Bearer {TOKEN}"}
    with server() as (url, used_seconds), httpx.Client(timeout=120) as client, ThreadPoolExecutor(SENDERS) as senders:

        def send(body: bytes) -> None:
            client.post(f"{url}/v1/{signal}", content=body, headers=headers).raise_for_status()

        send(first)
        used, began = used_seconds(), time.perf_counter()
        list(senders.map(send, bodies))
        seconds, used = time.perf_counter() - began, used_seconds() - used
    rows = BODIES * ROWS_A_BODY
    size = sum(map(len, bodies)) / rows
    return f"{signal}, {encoding}", f"{rows / seconds:,.0f}", f"{rows / used:,.0f}", f"{size:.0f}"


@contextmanager
def server() -> Iterator[tuple[str, Callable[[], float]]]:
    """A server of its own over an empty store: its address, and the processor seconds that it has used so far."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "watchkeeper.server", str(Path(folder) / "store.duckdb"), "0"]
        environment = {**os.environ, "WATCHKEEPER_TOKEN": TOKEN}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stderr is not None
            address = process.stderr.readline().split(" listens on ")[1].split()[0]
            stat = Path(f"/proc/{process.pid}/stat")

            def used_seconds() -> float:
                fields = stat.read_text().rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

            try:
                yield address, used_seconds
            finally:
                process.terminate()


def traces(seed: int) -> ExportTraceServiceRequest:
    """Server spans with eight attributes each."""
    random_bytes = random.Random(seed).randbytes
    request = ExportTraceServiceRequest()
    for service in range(SERVICES):
        spans = request.resource_spans.add(resource=_resource(service)).scope_spans.add().spans
        for number in range(ROWS_A_BODY // SERVICES):
            begin = BEGIN_NS + seed * 10**9 + number * 1_000_000
            spans.add(
                trace_id=random_bytes(16),
                span_id=random_bytes(8),
                parent_span_id=random_bytes(8),
                name="GET /products/{id}",
                kind=2,
                start_time_unix_nano=begin,
                end_time_unix_nano=begin + 5_000_000 + number,
                attributes=_pairs(
                    {
                        "http.request.method": "GET",
                        "http.route": "/products/{id}",
                        "http.response.status_code": 200,
                        "url.path": f"/products/{number % 500}",
                        "server.address": "catalog",
                        "server.port": 8080,
                        "network.protocol.version": "1.1",
                        "user.id": f"u{number}",
                    }
                ),
            )
    return request


def logs(seed: int) -> ExportLogsServiceRequest:
    """Lines with three attributes and the ids of their trace."""
    random_bytes = random.Random(seed).randbytes
    request = ExportLogsServiceRequest()
    for service in range(SERVICES):
        scope = request.resource_logs.add(resource=_resource(service)).scope_logs.add()
        scope.scope.name = "shop.catalog"
        for number in range(ROWS_A_BODY // SERVICES):
            scope.log_records.add(
                time_unix_nano=BEGIN_NS + seed * 10**9 + number * 1_000_000,
                severity_number=9,
                severity_text="INFO",
                body=AnyValue(string_value=f"loaded product {number} from cache in {number % 17} ms"),
                trace_id=random_bytes(16),
                span_id=random_bytes(8),
                attributes=_pairs(
                    {"code.function.name": "load", "code.file.path": "catalog.py", "code.line.number": number % 100}
                ),
            )
    return request


def metrics(seed: int) -> Message:
    """Points of two gauges, a counter and a histogram of sixteen buckets, with three attributes each."""
    request: Any = ExportMetricsServiceRequest()
    for service in range(SERVICES):
        add = request.resource_metrics.add(resource=_resource(service)).scope_metrics.add().metrics.add
        memory, cpu, requests, duration = (add(name=f"process.{name}", unit="1") for name in "abcd")
        requests.sum.aggregation_temporality, requests.sum.is_monotonic = 2, True
        duration.histogram.aggregation_temporality = 2
        for number in range(ROWS_A_BODY // SERVICES // 4):
            named: dict[str, str | int] = {
                "http.route": f"/r{number % 9}",
                "http.request.method": "GET",
                "state": "used",
            }
            at: Any = {"time_unix_nano": BEGIN_NS + seed * 10**9 + number * 1_000_000, "attributes": _pairs(named)}
            memory.gauge.data_points.add(**at, as_int=number)
            cpu.gauge.data_points.add(**at, as_double=number / 7)
            requests.sum.data_points.add(**at, as_int=number)
            duration.histogram.data_points.add(
                **at, count=16, sum=3.5, bucket_counts=[1] * 16, explicit_bounds=[float(edge) for edge in range(15)]
            )
    return cast(Message, request)


def as_protobuf(request: Message) -> bytes:
    """The request as it goes over the wire."""
    return request.SerializeToString()


def as_json(request: Message) -> bytes:
    """The request in OTLP/JSON, with ids in hex."""
    return orjson.dumps(_with_hex_ids(MessageToDict(request)))


def _with_hex_ids(node: object) -> object:
    if isinstance(node, list):
        return [_with_hex_ids(item) for item in node]
    if not isinstance(node, dict):
        return node
    ids = ("traceId", "spanId", "parentSpanId")
    return {key: b64decode(item).hex() if key in ids else _with_hex_ids(item) for key, item in node.items()}


def _resource(service: int) -> Resource:
    return Resource(
        attributes=_pairs(
            {
                "service.name": f"service-{service}",
                "service.version": "1.2.3",
                "service.instance.id": f"service-{service}-1",
                "deployment.environment.name": "production",
                "host.name": "h1",
                "process.pid": 1234,
                "telemetry.sdk.language": "python",
                "telemetry.sdk.version": "1.45.0",
            }
        )
    )


def _pairs(attributes: Mapping[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(string_value=plain) if isinstance(plain, str) else AnyValue(int_value=plain))
        for key, plain in attributes.items()
    ]


if __name__ == "__main__":
    title, header, table = section()
    sys.stdout.write("\n".join([title, " | ".join(header), *(" | ".join(row) for row in table)]) + "\n")
