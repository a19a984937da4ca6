"""OTLP requests as senders make them, small and readable, and any of them as OTLP/JSON."""

from base64 import b64decode
from datetime import UTC, datetime

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ARRIVAL = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
NOON_NS = int(NOON.timestamp()) * 10**9
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


def value(plain: object) -> AnyValue:
    match plain:
        case None:
            return AnyValue()
        case str():
            return AnyValue(string_value=plain)
        case bool():
            return AnyValue(bool_value=plain)
        case int():
            return AnyValue(int_value=plain)
        case float():
            return AnyValue(double_value=plain)
        case bytes():
            return AnyValue(bytes_value=plain)
        case list():
            return AnyValue(array_value=ArrayValue(values=[value(item) for item in plain]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(plain)))
    raise TypeError(type(plain))


def pairs(attributes: dict[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(plain)) for key, plain in attributes.items()]


def resource(**attributes: object) -> Resource:
    named = {"service_name": "checkout", "service_version": "1.4.0", **attributes}
    return Resource(attributes=pairs({key.replace("_", "."): plain for key, plain in named.items()}))


def span_request(number: int = 0, /, **fields: object) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add(resource=resource())
    span = {
        "trace_id": number.to_bytes(15, "big") + b"\1",
        "span_id": number.to_bytes(7, "big") + b"\2",
        "name": "GET /cart",
        "kind": 2,
        "start_time_unix_nano": NOON_NS + number * 1_000,
        "end_time_unix_nano": NOON_NS + number * 1_000 + 5_000_000,
        "attributes": pairs({"http.route": "/cart", "http.response.status_code": 200}),
    }
    part.scope_spans.add().spans.add(**{**span, **fields})
    return request


def log_request(**fields: object) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add(resource=resource()).scope_logs.add()
    scope.scope.name = "shop.cart"
    log = {"time_unix_nano": NOON_NS, "severity_number": 17, "severity_text": "ERROR", "body": value("no such cart")}
    scope.log_records.add(**{**log, **fields})
    return request


def metric_request(**metric: object) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    part = request.resource_metrics.add(resource=resource())
    part.scope_metrics.add().metrics.add(**{"name": "queue.length", "unit": "1", **metric})
    return request


def as_json(request: Message) -> bytes:
    """The request in OTLP/JSON: protobuf's JSON, but ids in hex."""
    return orjson.dumps(_with_hex_ids(MessageToDict(request)))


def _with_hex_ids(node: object) -> object:
    if isinstance(node, list):
        return [_with_hex_ids(item) for item in node]
    if not isinstance(node, dict):
        return node
    ids = ("traceId", "spanId", "parentSpanId")
    return {key: b64decode(item).hex() if key in ids else _with_hex_ids(item) for key, item in node.items()}
