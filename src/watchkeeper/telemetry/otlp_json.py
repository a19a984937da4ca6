"""OTLP as JSON writes it (ids in hex, camelCase or snake_case, 64-bit numbers as text): export requests to tables."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from watchkeeper.telemetry import otlp_fields as fields
from watchkeeper.telemetry.otlp_columns import (
    INT64_MAX,
    TEMPORALITIES,
    Attributes,
    LogRow,
    MetricRow,
    Names,
    SpanRow,
    logs_table,
    metrics_table,
    spans_table,
)
from watchkeeper.telemetry.otlp_fields import Json, Object
from watchkeeper.telemetry.otlp_values import (
    MAXIMUM_DEPTH,
    Plain,
    events_text,
    explicit_buckets,
    exponential_buckets,
    summary_rows,
    text_of,
)

KINDS: Mapping[str, int] = dict(Span.SpanKind.items())
CODES: Mapping[str, int] = dict(Status.StatusCode.items())
SEVERITIES: Mapping[str, int] = dict(SeverityNumber.items())
TEMPORALITY: Mapping[str, int] = dict(AggregationTemporality.items())
NO_RECORDED_VALUE = 1


def decode_traces(body: bytes, arrived_at: datetime) -> pa.Table:
    """An ExportTraceServiceRequest as `tables.SPANS`; raises PayloadRejected where it cannot be read."""
    names, resources = Names(), list[Attributes]()
    rows: list[SpanRow] = []
    for place, part in enumerate(fields.objects(_request(body), "resourceSpans", "resource_spans")):
        resources.append(_resource(part, names))
        for scope in fields.objects(part, "scopeSpans", "scope_spans"):
            rows += [_span(place, span, names) for span in fields.objects(scope, "spans", "spans")]
    return spans_table(resources, rows, arrived_at)


def decode_logs(body: bytes, arrived_at: datetime) -> pa.Table:
    """An ExportLogsServiceRequest as `tables.LOGS`; raises PayloadRejected where it cannot be read."""
    names, resources = Names(), list[Attributes]()
    rows: list[LogRow] = []
    for place, part in enumerate(fields.objects(_request(body), "resourceLogs", "resource_logs")):
        resources.append(_resource(part, names))
        for scope in fields.objects(part, "scopeLogs", "scope_logs"):
            scope_name = fields.text(fields.object_at(scope, "scope", "scope"), "name", "name")
            rows += [_log(place, log, scope_name, names) for log in fields.objects(scope, "logRecords", "log_records")]
    return logs_table(resources, rows, arrived_at)


def decode_metrics(body: bytes, arrived_at: datetime) -> pa.Table:
    """An ExportMetricsServiceRequest as `tables.METRICS`; raises PayloadRejected where it cannot be read."""
    names, resources = Names(), list[Attributes]()
    rows: list[MetricRow] = []
    for place, part in enumerate(fields.objects(_request(body), "resourceMetrics", "resource_metrics")):
        resources.append(_resource(part, names))
        for scope in fields.objects(part, "scopeMetrics", "scope_metrics"):
            for metric in fields.objects(scope, "metrics", "metrics"):
                rows += _points(place, metric, names)
    return metrics_table(resources, rows, arrived_at)


def _request(body: bytes) -> Object:
    document = fields.parsed(body)
    if not isinstance(document, dict):
        raise fields.wrong("the body", "an object", document)
    return document


def _resource(part: Object, names: Names) -> Attributes:
    return _attributes(fields.object_at(part, "resource", "resource"), names)


def _attributes(of: Object, names: Names) -> Attributes:
    try:
        return _as_most_write_them(of["attributes"], names)
    except (KeyError, TypeError, AttributeError):
        return _strictly(of, names)


def _as_most_write_them(listed: Any, names: Names) -> Attributes:
    """Attributes without a look at types, which are most of a request; what is not as expected raises."""
    found: Attributes = {}
    for pair in listed:
        value = pair["value"]
        simple = value.get("stringValue")
        if simple.__class__ is str:
            found[names[pair["key"]]] = simple
        else:
            whole = value.get("intValue")
            is_plain = whole.__class__ is str and whole.isdecimal() and len(whole) < 19
            found[names[pair["key"]]] = str(int(whole)) if is_plain else text_of(_plain(value))
    return found


def _strictly(of: Object, names: Names) -> Attributes:
    found: Attributes = {}
    for pair in fields.objects(of, "attributes", "attributes"):
        key = fields.text(pair, "key", "key")
        found[names[key]] = text_of(_plain(pair.get("value")))
    return found


def _plain(value: Json, depth: int = 0) -> Plain:
    """An AnyValue: an object with one of `stringValue`, `intValue`, ...; nothing in it means null."""
    if value is None or depth > MAXIMUM_DEPTH:
        return None
    if not isinstance(value, dict):
        raise fields.wrong("value", "an object such as {'stringValue': …}", value)
    for kind, content in value.items():
        if content is not None:
            return _content(kind, content, depth)
    return None


def _content(kind: str, content: Json, depth: int) -> Plain:
    match kind:
        case "stringValue" | "string_value" if isinstance(content, str):
            return content
        case "boolValue" | "bool_value" if isinstance(content, bool):
            return content
        case "intValue" | "int_value":
            return fields.integer(content, kind)
        case "doubleValue" | "double_value":
            return fields.number(content, kind)
        case "bytesValue" | "bytes_value":
            return fields.base64_text(content, kind)
        case "arrayValue" | "array_value" if isinstance(content, dict):
            return [_plain(item, depth + 1) for item in fields.values(content, "values", "values")]
        case "kvlistValue" | "kvlist_value" if isinstance(content, dict):
            pairs = fields.objects(content, "values", "values")
            return {fields.text(pair, "key", "key"): _plain(pair.get("value"), depth + 1) for pair in pairs}
        case _:
            raise fields.wrong("value", "one of stringValue, boolValue, intValue, … of its type", {kind: content})


def _span(place: int, span: Object, names: Names) -> SpanRow:
    status = fields.object_at(span, "status", "status")
    events = fields.objects(span, "events", "events")
    return (
        place,
        fields.unsigned(span, "startTimeUnixNano", "start_time_unix_nano"),
        fields.unsigned(span, "endTimeUnixNano", "end_time_unix_nano"),
        fields.hex_id(span, "traceId", "trace_id"),
        fields.hex_id(span, "spanId", "span_id"),
        fields.hex_id(span, "parentSpanId", "parent_span_id"),
        fields.text(span, "name", "name"),
        fields.enum(span, "kind", "kind", KINDS),
        fields.enum(status, "code", "code", CODES),
        fields.text(status, "message", "message"),
        _events(events, names) if events else None,
        _attributes(span, names),
    )


def _events(events: Iterable[Object], names: Names) -> str | None:
    return events_text(
        [
            (
                fields.unsigned(event, "timeUnixNano", "time_unix_nano"),
                fields.text(event, "name", "name"),
                _attributes(event, names),
            )
            for event in events
        ]
    )


def _log(place: int, log: Object, scope_name: str, names: Names) -> LogRow:
    attributes = _attributes(log, names)
    if scope_name:
        attributes.setdefault("otel.scope.name", scope_name)
    return (
        place,
        fields.unsigned(log, "timeUnixNano", "time_unix_nano"),
        fields.unsigned(log, "observedTimeUnixNano", "observed_time_unix_nano"),
        fields.enum(log, "severityNumber", "severity_number", SEVERITIES),
        fields.text(log, "severityText", "severity_text"),
        text_of(_plain(log.get("body"))),
        fields.text(log, "eventName", "event_name"),
        fields.hex_id(log, "traceId", "trace_id"),
        fields.hex_id(log, "spanId", "span_id"),
        attributes,
    )


def _points(place: int, metric: Object, names: Names) -> list[MetricRow]:
    return [
        *_numbers(place, metric, "gauge", names),
        *_numbers(place, metric, "sum", names),
        *_distributions(place, metric, "histogram", "histogram", names),
        *_distributions(place, metric, "exponentialHistogram", "exponential_histogram", names),
        *_summaries(place, metric, names),
    ]


def _data_points(of: Object) -> list[Object]:
    points = fields.objects(of, "dataPoints", "data_points")
    return [point for point in points if not fields.unsigned(point, "flags", "flags") & NO_RECORDED_VALUE]


def _temporality(of: Object) -> str | None:
    code = fields.enum(of, "aggregationTemporality", "aggregation_temporality", TEMPORALITY)
    return TEMPORALITIES[code] if 0 <= code < len(TEMPORALITIES) else None


def _numbers(place: int, metric: Object, kind: str, names: Names) -> list[MetricRow]:
    if kind not in metric:
        return []
    data = fields.object_at(metric, kind, kind)
    name, unit = fields.text(metric, "name", "name"), fields.text(metric, "unit", "unit")
    is_sum = kind == "sum"
    temporality = _temporality(data) if is_sum else None
    is_monotonic = fields.flag(data, "isMonotonic", "is_monotonic") if is_sum else None
    return [
        (
            place,
            fields.unsigned(point, "timeUnixNano", "time_unix_nano"),
            name,
            unit,
            kind,
            temporality,
            is_monotonic,
            _value(point),
            None,
            None,
            None,
            _attributes(point, names),
        )
        for point in _data_points(data)
    ]


def _value(point: Object) -> float | None:
    double = fields.field(point, "asDouble", "as_double")
    if double is not None:
        return fields.number(double, "asDouble")
    whole = fields.field(point, "asInt", "as_int")
    return None if whole is None else float(fields.integer(whole, "asInt"))


def _distributions(place: int, metric: Object, camel: str, snake: str, names: Names) -> list[MetricRow]:
    data = fields.object_at(metric, camel, snake)
    name, unit = fields.text(metric, "name", "name"), fields.text(metric, "unit", "unit")
    temporality = _temporality(data)
    buckets = _explicit if camel == "histogram" else _exponential
    rows: list[MetricRow] = []
    for point in _data_points(data):
        counts, bounds = buckets(point, name)
        total = point.get("sum")
        rows.append(
            (
                place,
                fields.unsigned(point, "timeUnixNano", "time_unix_nano"),
                name,
                unit,
                "histogram",
                temporality,
                None,
                None if total is None else fields.number(total, "sum"),
                min(fields.unsigned(point, "count", "count"), INT64_MAX),
                counts or None,
                bounds or None,
                _attributes(point, names),
            )
        )
    return rows


def _explicit(point: Object, name: str) -> tuple[list[int], list[float]]:
    bounds = fields.values(point, "explicitBounds", "explicit_bounds")
    return explicit_buckets(_counts(point), [fields.number(bound, "explicitBounds") for bound in bounds], name)


def _exponential(point: Object, name: str) -> tuple[list[int], list[float]]:
    positive, negative = (fields.object_at(point, side, side) for side in ("positive", "negative"))
    return exponential_buckets(
        fields.signed(point, "scale", "scale"),
        fields.unsigned(point, "zeroCount", "zero_count"),
        (fields.signed(positive, "offset", "offset"), _counts(positive)),
        (fields.signed(negative, "offset", "offset"), _counts(negative)),
        name,
    )


def _counts(of: Object) -> list[int]:
    counts = fields.values(of, "bucketCounts", "bucket_counts")
    return [fields.whole(count, "bucketCounts", 0, 2**64) for count in counts]


def _summaries(place: int, metric: Object, names: Names) -> list[MetricRow]:
    data = fields.object_at(metric, "summary", "summary")
    name, unit = fields.text(metric, "name", "name"), fields.text(metric, "unit", "unit")
    return [row for point in _data_points(data) for row in _summary(place, name, unit, point, names)]


def _summary(place: int, name: str, unit: str, point: Object, names: Names) -> list[MetricRow]:
    quantiles = [
        (fields.number(each.get("quantile", 0), "quantile"), fields.number(each.get("value", 0), "value"))
        for each in fields.objects(point, "quantileValues", "quantile_values")
    ]
    return summary_rows(
        place,
        fields.unsigned(point, "timeUnixNano", "time_unix_nano"),
        name,
        unit,
        fields.number(point.get("sum", 0), "sum"),
        min(fields.unsigned(point, "count", "count"), INT64_MAX),
        quantiles,
        _attributes(point, names),
    )
