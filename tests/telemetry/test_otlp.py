from datetime import UTC, datetime, timedelta

import orjson
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otlp_messages import ARRIVAL, NOON, NOON_NS, as_json, log_request, metric_request, pairs, span_request, value
from watchkeeper.errors import PayloadRejected
from watchkeeper.tables import LOGS, METRICS, SPANS
from watchkeeper.telemetry.otlp import OtlpSignal, decode

Row = dict[str, object]


def rows(signal: OtlpSignal, request: Message) -> list[Row]:
    """The rows of a request, which must be the same in both encodings."""
    table = decode(signal, "protobuf", request.SerializeToString(), ARRIVAL)
    assert decode(signal, "json", as_json(request), ARRIVAL).equals(table)
    table.validate(full=True)
    return table.to_pylist()


def one_row(signal: OtlpSignal, request: Message) -> Row:
    (row,) = rows(signal, request)
    return row


def test_a_span_keeps_what_it_says() -> None:
    event = Span.Event(
        time_unix_nano=NOON_NS, name="exception", attributes=pairs({"exception.type": "KeyError", "n": 1})
    )
    row = one_row(
        "traces",
        span_request(
            3, parent_span_id=b"\7" * 8, status=Status(code=2, message="no such item"), events=[event], kind=3
        ),
    )
    assert row["time"] == NOON + timedelta(microseconds=3)
    assert row["duration_ns"] == 5_000_000
    assert (row["service_name"], row["service_version"], row["service_instance_id"]) == ("checkout", "1.4.0", None)
    assert (row["trace_id"], row["parent_span_id"]) == ("0" * 29 + "301", "07" * 8)
    assert (row["kind"], row["status_code"], row["status_message"]) == ("client", "error", "no such item")
    assert row["attributes"] == [("http.route", "/cart"), ("http.response.status_code", "200")]
    assert row["resource"] == [("service.name", "checkout"), ("service.version", "1.4.0")]
    assert orjson.loads(str(row["events"])) == [
        {
            "time": "2026-03-01T12:00:00+00:00",
            "name": "exception",
            "attributes": {"exception.type": "KeyError", "n": "1"},
        }
    ]


def test_a_root_has_no_parent_and_no_message() -> None:
    row = one_row("traces", span_request())
    assert row["parent_span_id"] is row["status_message"] is row["events"] is None


def test_each_type_of_attribute_is_kept_as_text() -> None:
    plain = {
        "t": "x",
        "b": True,
        "i": -7,
        "d": 0.25,
        "raw": b"\1\2",
        "l": [1, "a", None],
        "m": {"k": [True]},
        "no": None,
    }
    row = one_row("traces", span_request(attributes=pairs(plain)))
    assert dict(row["attributes"]) == {  # type: ignore[call-overload]
        "t": "x",
        "b": "true",
        "i": "-7",
        "d": "0.25",
        "raw": "AQI=",
        "l": '[1,"a",null]',
        "m": '{"k":[true]}',
        "no": None,
    }


def test_a_log_keeps_what_it_says() -> None:
    row = one_row("logs", log_request(trace_id=b"\1" * 16, span_id=b"\2" * 8, event_name="cart.missing"))
    assert (row["time"], row["severity_number"], row["severity_text"]) == (NOON, 17, "ERROR")
    assert (row["body"], row["event_name"], row["trace_id"]) == ("no such cart", "cart.missing", "01" * 16)
    assert row["attributes"] == [("otel.scope.name", "shop.cart")]


def test_a_structured_log_body_is_kept_as_json() -> None:
    assert one_row("logs", log_request(body=value({"msg": "x", "n": 1})))["body"] == '{"msg":"x","n":1}'


def test_a_gauge_and_a_sum_keep_their_kind() -> None:
    point = m.NumberDataPoint(time_unix_nano=NOON_NS, as_int=7, attributes=pairs({"state": "used"}))
    gauge = one_row("metrics", metric_request(gauge=m.Gauge(data_points=[point])))
    total = m.Sum(data_points=[point], aggregation_temporality=2, is_monotonic=True)
    counter = one_row("metrics", metric_request(sum=total))
    assert (gauge["kind"], gauge["value"], gauge["temporality"], gauge["is_monotonic"]) == ("gauge", 7.0, None, None)
    assert (counter["kind"], counter["temporality"], counter["is_monotonic"]) == ("sum", "cumulative", True)
    assert (counter["unit"], counter["attributes"]) == ("1", [("state", "used")])


def test_a_point_of_zero_is_zero_and_one_without_a_value_is_null() -> None:
    points = [m.NumberDataPoint(time_unix_nano=NOON_NS, **kind) for kind in ({"as_int": 0}, {"as_double": 0.0}, {})]
    told = rows("metrics", metric_request(gauge=m.Gauge(data_points=points)))
    assert [row["value"] for row in told] == [0.0, 0.0, None]


def test_a_point_that_only_ends_its_series_is_left_out() -> None:
    points = [m.NumberDataPoint(time_unix_nano=NOON_NS, flags=1), m.NumberDataPoint(time_unix_nano=NOON_NS, as_int=1)]
    assert one_row("metrics", metric_request(gauge=m.Gauge(data_points=points)))["value"] == 1.0


def test_a_histogram_keeps_its_buckets() -> None:
    point = m.HistogramDataPoint(
        time_unix_nano=NOON_NS, count=6, sum=2.5, bucket_counts=[1, 2, 3], explicit_bounds=[0.1, 1.0]
    )
    row = one_row("metrics", metric_request(histogram=m.Histogram(data_points=[point], aggregation_temporality=1)))
    assert (row["kind"], row["temporality"], row["value"], row["count"]) == ("histogram", "delta", 2.5, 6)
    assert (row["bucket_counts"], row["explicit_bounds"]) == ([1, 2, 3], [0.1, 1.0])


def test_an_exponential_histogram_gets_explicit_bounds() -> None:
    positive = m.ExponentialHistogramDataPoint.Buckets(offset=-1, bucket_counts=[4, 5])
    negative = m.ExponentialHistogramDataPoint.Buckets(offset=1, bucket_counts=[6])
    point = m.ExponentialHistogramDataPoint(
        time_unix_nano=NOON_NS, count=18, sum=1.0, scale=0, zero_count=3, positive=positive, negative=negative
    )
    data = m.ExponentialHistogram(data_points=[point], aggregation_temporality=2)
    row = one_row("metrics", metric_request(exponential_histogram=data))
    assert row["explicit_bounds"] == [-4.0, -2.0, 0.5, 1.0, 2.0]
    assert row["bucket_counts"] == [0, 6, 3, 4, 5, 0]


def test_an_exponential_histogram_without_buckets_keeps_its_zeros() -> None:
    point = m.ExponentialHistogramDataPoint(time_unix_nano=NOON_NS, count=3, scale=2, zero_count=3)
    row = one_row("metrics", metric_request(exponential_histogram=m.ExponentialHistogram(data_points=[point])))
    assert (row["bucket_counts"], row["explicit_bounds"]) == ([3, 0], [0.0])


def test_a_summary_is_a_sum_and_a_gauge_for_each_quantile() -> None:
    quantile = m.SummaryDataPoint.ValueAtQuantile(quantile=0.99, value=1.5)
    point = m.SummaryDataPoint(time_unix_nano=NOON_NS, count=4, sum=2.0, quantile_values=[quantile])
    whole, gauge = rows("metrics", metric_request(summary=m.Summary(data_points=[point])))
    assert (whole["kind"], whole["value"], whole["count"]) == ("summary", 2.0, 4)
    assert (gauge["name"], gauge["kind"], gauge["value"]) == ("queue.length.quantile", "gauge", 1.5)
    assert gauge["attributes"] == [("quantile", "0.99")]


def test_a_resource_without_a_name_is_an_unknown_service() -> None:
    request = span_request()
    request.resource_spans[0].resource.CopyFrom(Resource())
    row = one_row("traces", request)
    assert (row["service_name"], row["service_version"], row["resource"]) == ("unknown_service", None, [])


@pytest.mark.parametrize("absurd", [0, 1, 2**63, 2**64 - 1])
def test_a_log_whose_time_cannot_be_true_is_told_when_it_was_observed(absurd: int) -> None:
    assert one_row("logs", log_request(time_unix_nano=absurd, observed_time_unix_nano=NOON_NS))["time"] == NOON


def test_a_log_with_no_time_at_all_is_told_when_it_arrived() -> None:
    assert one_row("logs", log_request(time_unix_nano=0))["time"] == ARRIVAL


def test_a_span_that_ends_before_it_begins_took_no_time() -> None:
    assert one_row("traces", span_request(end_time_unix_nano=NOON_NS - 10**9))["duration_ns"] == 0


def test_a_span_without_a_begin_is_told_at_its_end() -> None:
    row = one_row("traces", span_request(start_time_unix_nano=0, end_time_unix_nano=NOON_NS))
    assert (row["time"], row["duration_ns"]) == (NOON, 0)


@pytest.mark.parametrize(
    "fields", [{"trace_id": b"\1" * 8}, {"span_id": b"\1" * 16}, {"trace_id": b""}, {"span_id": b"\0" * 8}]
)
def test_a_span_with_a_wrong_id_is_rejected(fields: dict[str, bytes]) -> None:
    request = span_request(0, **fields)
    for encoding, body in (("protobuf", request.SerializeToString()), ("json", as_json(request))):
        with pytest.raises(PayloadRejected, match="id"):
            decode("traces", encoding, body, ARRIVAL)  # type: ignore[arg-type]


def test_ids_of_zeros_are_absent() -> None:
    row = one_row("logs", log_request(trace_id=b"\0" * 16, span_id=b"\0" * 8))
    assert row["trace_id"] is row["span_id"] is None
    assert one_row("traces", span_request(parent_span_id=b"\0" * 8))["parent_span_id"] is None


def test_null_characters_are_removed() -> None:
    row = one_row("logs", log_request(body=value("a\0b"), attributes=pairs({"k\0": "v\0w", "n": ["x\0y"]})))
    assert row["body"] == "ab"
    assert row["attributes"][:1] == [("k", "vw")]  # type: ignore[index]


def test_text_and_attributes_are_bounded() -> None:
    many = {f"k{number}": "v" for number in range(200)}
    row = one_row("logs", log_request(body=value("b" * 100_000), attributes=pairs({"long": "v" * 10_000, **many})))
    attributes = dict(row["attributes"])  # type: ignore[call-overload]
    assert len(str(row["body"])) == 65_536
    assert len(attributes["long"]) == 4_096
    assert len(attributes) == 128


def test_the_last_of_two_attributes_with_one_name_is_kept() -> None:
    twice = [*pairs({"k": "first"}), *pairs({"k": "last"})]
    assert one_row("traces", span_request(attributes=twice))["attributes"] == [("k", "last")]


def test_lists_in_lists_end_somewhere() -> None:
    nested: object = "deep"
    for _ in range(40):
        nested = [nested]
    row = one_row("traces", span_request(attributes=pairs({"k": nested})))
    assert "deep" not in str(row["attributes"])


def test_characters_that_are_not_utf8_are_replaced() -> None:
    whole = span_request(attributes=pairs({"good": "GOOD"}), name="NAME").SerializeToString()
    broken = whole.replace(b"GOOD", b"G\xff\xffD").replace(b"NAME", b"N\xe9ME")
    (row,) = decode("traces", "protobuf", broken, ARRIVAL).to_pylist()
    assert (row["name"], row["attributes"]) == ("N\ufffdME", [("good", "G\ufffd\ufffdD")])
    in_json = as_json(span_request(name="NAME")).replace(b"NAME", b"N\xe9ME")
    assert decode("traces", "json", in_json, ARRIVAL)["name"].to_pylist() == ["N\ufffdME"]


def test_counts_past_what_the_table_holds_are_cut() -> None:
    point = m.HistogramDataPoint(time_unix_nano=NOON_NS, count=2**64 - 1, bucket_counts=[2**64 - 1])
    row = one_row("metrics", metric_request(histogram=m.Histogram(data_points=[point])))
    assert (row["count"], row["bucket_counts"]) == (2**63 - 1, [2**63 - 1])


def test_buckets_that_do_not_match_their_bounds_are_rejected() -> None:
    point = m.HistogramDataPoint(time_unix_nano=NOON_NS, bucket_counts=[1, 2], explicit_bounds=[1.0, 2.0])
    request = metric_request(histogram=m.Histogram(data_points=[point]))
    with pytest.raises(PayloadRejected, match=r"queue\.length.*2 bucket counts for 2 bounds, expected 3"):
        decode("metrics", "protobuf", request.SerializeToString(), ARRIVAL)


def test_a_value_that_is_no_number_is_null() -> None:
    points = [m.NumberDataPoint(time_unix_nano=NOON_NS, as_double=odd) for odd in (float("nan"), float("inf"))]
    told = rows("metrics", metric_request(gauge=m.Gauge(data_points=points)))
    assert [row["value"] for row in told] == [None, None]


def test_many_resources_keep_their_own_names() -> None:
    request = ExportMetricsServiceRequest()
    for name in ("a", "b"):
        one = metric_request(gauge=m.Gauge(data_points=[m.NumberDataPoint(time_unix_nano=NOON_NS, as_int=1)]))
        one.resource_metrics[0].resource.CopyFrom(Resource(attributes=pairs({"service.name": name})))
        request.MergeFrom(one)
    assert [row["service_name"] for row in rows("metrics", request)] == ["a", "b"]


def test_json_may_be_in_snake_case_with_enums_by_name_and_numbers_as_text() -> None:
    body = {
        "resource_spans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"string_value": "a"}}]},
                "scope_spans": [
                    {
                        "spans": [
                            {
                                "trace_id": "AB" * 16,
                                "span_id": "cd" * 8,
                                "name": "x",
                                "kind": "SPAN_KIND_SERVER",
                                "start_time_unix_nano": str(NOON_NS),
                                "end_time_unix_nano": NOON_NS + 7,
                                "status": {"code": "STATUS_CODE_ERROR"},
                                "attributes": [{"key": "n", "value": {"int_value": "12"}}],
                            }
                        ]
                    }
                ],
            }
        ]
    }
    (row,) = decode("traces", "json", orjson.dumps(body), ARRIVAL).to_pylist()
    assert (row["trace_id"], row["kind"], row["status_code"]) == ("ab" * 16, "server", "error")
    assert (row["duration_ns"], row["attributes"]) == (7, [("n", "12")])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "no JSON"),
        (b"[]", "the body: expected an object"),
        (b'{"resourceSpans": 3}', "resourceSpans: expected a list, got 3"),
        (b'{"resourceSpans": [3]}', "resourceSpans: expected a list of objects, got 3"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}', "traceId: expected hex digits"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":-1}]}]}]}', "startTimeUnixNano: expected"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SERVER"}]}]}]}', "kind: expected a number or one of"),
        (b'{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":"b"}]}}]}', "value: expected an object"),
    ],
)
def test_json_that_is_no_request_is_rejected_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(PayloadRejected) as rejected:
        decode("traces", "json", body, ARRIVAL)
    assert reason in str(rejected.value)


def test_a_request_without_records_is_an_empty_table() -> None:
    empties = [decode(signal, "json", b"{}", ARRIVAL) for signal in ("traces", "metrics", "logs")]  # type: ignore[arg-type]
    assert [table.schema for table in empties] == [SPANS, METRICS, LOGS]
    assert decode("traces", "protobuf", b"", datetime.now(UTC)).num_rows == 0
