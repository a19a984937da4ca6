from contextlib import suppress
from typing import Any

import orjson
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otlp_messages import ARRIVAL, as_json, log_request, metric_request, pairs, span_request, value
from watchkeeper.errors import PayloadRejected
from watchkeeper.telemetry.otlp import Encoding, OtlpSignal, decode

SIGNALS: tuple[OtlpSignal, ...] = ("traces", "metrics", "logs")
unhurried = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])

words = st.text(st.characters(codec="utf-8"), max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
uint64 = st.integers(0, 2**64 - 1)
plain = st.recursive(
    st.none() | words | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
attributes = st.dictionaries(words, plain, max_size=5).map(pairs)
trace_ids, span_ids = st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8)
codes = st.integers(-(2**31), 2**31 - 1) | st.integers(0, 5)


@st.composite
def spans(draw: st.DrawFn) -> Message:
    events = [Span.Event(time_unix_nano=draw(uint64), name=draw(words), attributes=draw(attributes))]
    return span_request(
        0,
        trace_id=draw(trace_ids.filter(any)),
        span_id=draw(span_ids.filter(any)),
        parent_span_id=draw(span_ids | st.just(b"")),
        name=draw(words),
        kind=draw(codes),
        start_time_unix_nano=draw(uint64),
        end_time_unix_nano=draw(uint64),
        status=Status(code=draw(codes), message=draw(words)),  # type: ignore[arg-type]
        events=events if draw(st.booleans()) else [],
        attributes=draw(attributes),
    )


@st.composite
def logs(draw: st.DrawFn) -> Message:
    return log_request(
        time_unix_nano=draw(uint64),
        observed_time_unix_nano=draw(uint64),
        severity_number=draw(codes),
        severity_text=draw(words),
        body=value(draw(plain)),
        event_name=draw(words),
        trace_id=draw(trace_ids | st.just(b"")),
        span_id=draw(span_ids | st.just(b"")),
        attributes=draw(attributes),
    )


@st.composite
def metrics(draw: st.DrawFn) -> Message:
    seen = {"time_unix_nano": draw(uint64), "attributes": draw(attributes), "flags": draw(st.integers(0, 3))}
    counts = draw(st.lists(uint64, max_size=5))
    bounds = draw(st.lists(finite, min_size=max(len(counts) - 1, 0), max_size=max(len(counts) - 1, 0)))
    buckets = [m.ExponentialHistogramDataPoint.Buckets(offset=draw(codes), bucket_counts=counts) for _ in range(2)]
    quantile = m.SummaryDataPoint.ValueAtQuantile(quantile=draw(finite), value=draw(st.floats()))
    number = draw(
        st.sampled_from([{"as_int": draw(st.integers(-(2**63), 2**63 - 1))}, {"as_double": draw(st.floats())}])
    )
    points: dict[str, Any] = {
        "gauge": m.Gauge(data_points=[m.NumberDataPoint(**seen, **number)]),
        "sum": m.Sum(data_points=[m.NumberDataPoint(**seen, **number)], is_monotonic=draw(st.booleans())),
        "histogram": m.Histogram(
            data_points=[m.HistogramDataPoint(**seen, count=draw(uint64), bucket_counts=counts, explicit_bounds=bounds)]
        ),
        "exponential_histogram": m.ExponentialHistogram(
            data_points=[
                m.ExponentialHistogramDataPoint(
                    **seen, scale=draw(codes), zero_count=draw(uint64), positive=buckets[0], negative=buckets[1]
                )
            ]
        ),
        "summary": m.Summary(data_points=[m.SummaryDataPoint(**seen, sum=draw(finite), quantile_values=[quantile])]),
    }
    kind = draw(st.sampled_from(sorted(points)))
    return metric_request(name=draw(words), unit=draw(words), **{kind: points[kind]})


@unhurried
@given(st.one_of(*(st.tuples(st.just(s), made) for s, made in zip(SIGNALS, (spans(), metrics(), logs()), strict=True))))
def test_any_request_is_the_same_in_both_encodings(made: tuple[OtlpSignal, Message]) -> None:
    signal, request = made
    table = decode(signal, "protobuf", request.SerializeToString(), ARRIVAL)
    table.validate(full=True)
    assert decode(signal, "json", as_json(request), ARRIVAL).equals(table)


@unhurried
@given(st.sampled_from(SIGNALS), st.sampled_from(["protobuf", "json"]), st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_rejected(signal: OtlpSignal, encoding: Encoding, body: bytes) -> None:
    read_or_rejected(signal, encoding, body)


@unhurried
@given(
    st.sampled_from(["protobuf", "json"]),
    spans(),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
)
def test_damaged_requests_are_read_or_rejected(
    encoding: Encoding, request: Message, damage: list[tuple[int, int]]
) -> None:
    body = bytearray(request.SerializeToString() if encoding == "protobuf" else as_json(request))
    for place, byte in damage:
        body[place % len(body)] = byte
    read_or_rejected("traces", encoding, bytes(body))


NAMES = [
    "resourceSpans",
    "resource_spans",
    "resourceMetrics",
    "resourceLogs",
    "resource",
    "attributes",
    "key",
    "value",
    "stringValue",
    "intValue",
    "arrayValue",
    "kvlistValue",
    "values",
    "bytesValue",
    "doubleValue",
    "scopeSpans",
    "scopeMetrics",
    "scopeLogs",
    "spans",
    "metrics",
    "logRecords",
    "traceId",
    "spanId",
    "kind",
    "status",
    "code",
    "events",
    "gauge",
    "sum",
    "histogram",
    "exponentialHistogram",
    "summary",
    "dataPoints",
    "asInt",
    "asDouble",
    "bucketCounts",
    "explicitBounds",
    "positive",
    "scale",
    "offset",
    "timeUnixNano",
    "count",
    "quantileValues",
    "body",
    "severityNumber",
    "flags",
    "name",
]
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.just("ab" * 16),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=25,
)


@unhurried
@given(st.sampled_from(SIGNALS), json_like)
def test_json_of_the_wrong_shape_is_read_or_rejected(signal: OtlpSignal, inner: object) -> None:
    layer = {"traces": ("Spans", "spans"), "metrics": ("Metrics", "metrics"), "logs": ("Logs", "logRecords")}[signal]
    document = {f"resource{layer[0]}": [{"resource": inner, f"scope{layer[0]}": [{layer[1]: [inner]}]}]}
    try:
        body = orjson.dumps(document)
    except orjson.JSONEncodeError:
        return
    read_or_rejected(signal, "json", body)


def read_or_rejected(signal: OtlpSignal, encoding: Encoding, body: bytes) -> None:
    with suppress(PayloadRejected):
        decode(signal, encoding, body, ARRIVAL).validate(full=True)


def test_a_rejection_says_why_in_a_sentence() -> None:
    with pytest.raises(PayloadRejected, match="ExportTraceServiceRequest"):
        decode("traces", "protobuf", b"\xff\xff\xff", ARRIVAL)
