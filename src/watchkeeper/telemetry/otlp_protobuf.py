"""OTLP as protobuf writes it: export requests to tables."""

from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar, cast

import pyarrow as pa
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from watchkeeper.errors import PayloadRejected
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
from watchkeeper.telemetry.otlp_mirror import repaired, with_raw_attributes
from watchkeeper.telemetry.otlp_values import (
    MAXIMUM_DEPTH,
    Plain,
    events_text,
    explicit_buckets,
    exponential_buckets,
    summary_rows,
    text_of,
)

Request = TypeVar("Request", ExportTraceServiceRequest, ExportMetricsServiceRequest, ExportLogsServiceRequest)
NO_RECORDED_VALUE = 1
"""The flag of a point that only says that its series has ended."""


def decode_traces(body: bytes, arrived_at: datetime) -> pa.Table:
    """An ExportTraceServiceRequest as `tables.SPANS`; raises PayloadRejected where it cannot be read."""
    request = _parsed(ExportTraceServiceRequest, body)
    pairs, resources = _Pairs(), list[Attributes]()
    rows: list[SpanRow] = []
    for place, part in enumerate(request.resource_spans):
        resources.append(_attributes(part.resource.attributes, pairs))
        for scope in part.scope_spans:
            rows += [_span(place, span, pairs) for span in scope.spans]
    return spans_table(resources, rows, arrived_at)


def decode_logs(body: bytes, arrived_at: datetime) -> pa.Table:
    """An ExportLogsServiceRequest as `tables.LOGS`; raises PayloadRejected where it cannot be read."""
    request = _parsed(ExportLogsServiceRequest, body)
    pairs, resources = _Pairs(), list[Attributes]()
    rows: list[LogRow] = []
    for place, part in enumerate(request.resource_logs):
        resources.append(_attributes(part.resource.attributes, pairs))
        for scope in part.scope_logs:
            scope_name = scope.scope.name
            for log in scope.log_records:
                attributes = _attributes(log.attributes, pairs)
                if scope_name:
                    attributes.setdefault("otel.scope.name", scope_name)
                rows.append(
                    (
                        place,
                        log.time_unix_nano,
                        log.observed_time_unix_nano,
                        log.severity_number,
                        log.severity_text,
                        log.body.string_value or text_of(_plain(log.body)),
                        log.event_name,
                        log.trace_id.hex(),
                        log.span_id.hex(),
                        attributes,
                    )
                )
    return logs_table(resources, rows, arrived_at)


def decode_metrics(body: bytes, arrived_at: datetime) -> pa.Table:
    """An ExportMetricsServiceRequest as `tables.METRICS`; raises PayloadRejected where it cannot be read."""
    request = _parsed(ExportMetricsServiceRequest, body)
    pairs, resources = _Pairs(), list[Attributes]()
    rows: list[MetricRow] = []
    for place, part in enumerate(request.resource_metrics):
        resources.append(_attributes(part.resource.attributes, pairs))
        for scope in part.scope_metrics:
            for metric in scope.metrics:
                rows += _points(place, metric, pairs)
    return metrics_table(resources, rows, arrived_at)


def _parsed(kind: type[Request], body: bytes) -> Request:
    """The request, in which each of a record's attributes is declared as KeyValue but arrives as its bytes."""
    request = with_raw_attributes(kind.DESCRIPTOR)()
    try:
        request.ParseFromString(body)
    except DecodeError:
        request.ParseFromString(_repaired(kind.DESCRIPTOR, body))
    return cast(Request, request)


def _repaired(descriptor: Descriptor, raw: bytes) -> bytes:
    try:
        return repaired(descriptor, raw)
    except DecodeError as error:
        raise PayloadRejected(
            f"the body holds no protobuf message of type {descriptor.name} where one was expected ({len(raw)} bytes)"
        ) from error


class _Pairs(dict[bytes, tuple[str, str | None]]):
    """Attributes by their bytes: each distinct one is read once a request."""

    def __init__(self) -> None:
        self._names = Names()

    def __missing__(self, raw: bytes) -> tuple[str, str | None]:
        pair = KeyValue()
        try:
            pair.ParseFromString(raw)
        except DecodeError:
            pair.ParseFromString(_repaired(KeyValue.DESCRIPTOR, raw))
        read = self[raw] = self._names[pair.key], pair.value.string_value or text_of(_plain(pair.value))
        return read


def _attributes(raw: Iterable[object], pairs: _Pairs) -> Attributes:
    return dict(map(pairs.__getitem__, cast(Iterable[bytes], raw)))


def _plain(value: AnyValue, depth: int = 0) -> Plain:
    kind = value.WhichOneof("value")
    if kind is None or kind == "string_value_strindex" or depth > MAXIMUM_DEPTH:
        return None
    if kind == "array_value":
        return [_plain(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value, depth + 1) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    plain: str | bool | int | float = getattr(value, kind)
    return plain


def _span(place: int, span: Span, pairs: _Pairs) -> SpanRow:
    status, events = span.status, span.events
    return (
        place,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        span.kind,
        status.code,
        status.message,
        _events(events, pairs) if events else None,
        _attributes(span.attributes, pairs),
    )


def _events(events: Iterable[Span.Event], pairs: _Pairs) -> str | None:
    return events_text([(event.time_unix_nano, event.name, _attributes(event.attributes, pairs)) for event in events])


def _points(place: int, metric: Metric, pairs: _Pairs) -> list[MetricRow]:
    match metric.WhichOneof("data"):
        case "gauge":
            return _numbers(place, metric, metric.gauge.data_points, None, None, pairs)
        case "sum":
            total = metric.sum
            temporality = _temporality(total.aggregation_temporality)
            return _numbers(place, metric, total.data_points, temporality, total.is_monotonic, pairs)
        case "histogram":
            return _histograms(place, metric, pairs)
        case "exponential_histogram":
            return _exponentials(place, metric, pairs)
        case "summary":
            return [row for point in metric.summary.data_points for row in _summary(place, metric, point, pairs)]
        case _:
            return []


def _temporality(code: int) -> str | None:
    return TEMPORALITIES[code] if 0 <= code < len(TEMPORALITIES) else None


def _numbers(
    place: int,
    metric: Metric,
    points: Iterable[NumberDataPoint],
    temporality: str | None,
    is_monotonic: bool | None,
    pairs: _Pairs,
) -> list[MetricRow]:
    name, unit = metric.name, metric.unit
    kind = "gauge" if is_monotonic is None else "sum"
    return [
        (
            place,
            point.time_unix_nano,
            name,
            unit,
            kind,
            temporality,
            is_monotonic,
            _number(point),
            None,
            None,
            None,
            _attributes(point.attributes, pairs),
        )
        for point in points
        if not point.flags & NO_RECORDED_VALUE
    ]


def _number(point: NumberDataPoint) -> float | None:
    return point.as_double or (float(point.as_int) if point.HasField("as_int") else _double(point))


def _double(point: NumberDataPoint) -> float | None:
    return point.as_double if point.HasField("as_double") else None


def _histograms(place: int, metric: Metric, pairs: _Pairs) -> list[MetricRow]:
    def row(point: HistogramDataPoint) -> MetricRow:
        counts, bounds = explicit_buckets(list(point.bucket_counts), list(point.explicit_bounds), metric.name)
        return _distribution(place, metric, point, temporality, counts, bounds, pairs)

    temporality = _temporality(metric.histogram.aggregation_temporality)
    return [row(point) for point in metric.histogram.data_points if not point.flags & NO_RECORDED_VALUE]


def _exponentials(place: int, metric: Metric, pairs: _Pairs) -> list[MetricRow]:
    def row(point: ExponentialHistogramDataPoint) -> MetricRow:
        positive = point.positive.offset, list(point.positive.bucket_counts)
        negative = point.negative.offset, list(point.negative.bucket_counts)
        counts, bounds = exponential_buckets(point.scale, point.zero_count, positive, negative, metric.name)
        return _distribution(place, metric, point, temporality, counts, bounds, pairs)

    temporality = _temporality(metric.exponential_histogram.aggregation_temporality)
    return [row(point) for point in metric.exponential_histogram.data_points if not point.flags & NO_RECORDED_VALUE]


def _distribution(
    place: int,
    metric: Metric,
    point: HistogramDataPoint | ExponentialHistogramDataPoint,
    temporality: str | None,
    counts: list[int],
    bounds: list[float],
    pairs: _Pairs,
) -> MetricRow:
    return (
        place,
        point.time_unix_nano,
        metric.name,
        metric.unit,
        "histogram",
        temporality,
        None,
        point.sum if point.HasField("sum") else None,
        min(point.count, INT64_MAX),
        counts or None,
        bounds or None,
        _attributes(point.attributes, pairs),
    )


def _summary(place: int, metric: Metric, point: SummaryDataPoint, pairs: _Pairs) -> list[MetricRow]:
    if point.flags & NO_RECORDED_VALUE:
        return []
    attributes = _attributes(point.attributes, pairs)
    quantiles = [(quantile.quantile, quantile.value) for quantile in point.quantile_values]
    count = min(point.count, INT64_MAX)
    return summary_rows(place, point.time_unix_nano, metric.name, metric.unit, point.sum, count, quantiles, attributes)
