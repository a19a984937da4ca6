import threading

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_rows import START, WINDOW, at, change, changes, log, logs, point, points, span, spans

from watchkeeper.domain import Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.tables import LOGS, METRICS, SPANS, table_of
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import (
    AttributeFilter,
    CallQuery,
    Cancel,
    ChangeQuery,
    EventQuery,
    ExtentQuery,
    FeedbackQuery,
    LogCountQuery,
    LogQuery,
    MetricBucketQuery,
    MetricQuery,
    RedQuery,
    SpanQuery,
)

few_examples = settings(max_examples=25, deadline=None)
milliseconds = st.integers(0, 5_000)


@few_examples
@given(st.lists(milliseconds, unique=True), milliseconds, st.integers(1, 5_000))
def test_a_window_holds_its_start_and_not_its_end(times: list[int], start: int, length: int) -> None:
    window = Window(start=at(start / 1000), end=at((start + length) / 1000))
    with store_of({"spans": spans(*(span(time / 1000) for time in times))}) as store:
        found = store.spans(SpanQuery(window=window)).rows["time"].to_pylist()
    assert found == sorted(at(time / 1000) for time in times if start <= time < start + length)


@few_examples
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=40), st.randoms())
def test_duplicates_and_the_order_of_arrival_change_nothing(keys: list[tuple[int, int]], shuffler: object) -> None:
    rows = [span(number, trace_id=f"{trace:032x}") for trace, number in keys]
    shuffled = rows + rows[: len(rows) // 2]
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    unique = {(row["trace_id"], row["span_id"]): row for row in rows}.values()
    with store_of({"spans": spans(*unique)}) as tidy, store_of({"spans": spans(*shuffled)}) as untidy:
        red, query = RedQuery(window=WINDOW), SpanQuery(window=WINDOW)
        assert tidy.red(red).rows == untidy.red(red).rows
        assert _as_set(tidy.spans(query).rows) == _as_set(untidy.spans(query).rows)


def _as_set(rows: object) -> list[tuple[object, ...]]:
    listed = [(row["time"], row["trace_id"], row["span_id"]) for row in rows.to_pylist()]  # type: ignore[attr-defined]
    return sorted(listed)


def test_rows_come_back_exactly_as_they_went_in() -> None:
    given_spans = spans(
        span(1, attributes=[("http.route", "/a"), ("empty", None)], resource=[("host.name", "n1")]),
        span(2, attributes=[], events='[{"name": "exception"}]'),
        span(3, attributes=None),
    )
    given_points = points(point(1, kind="histogram", count=3, bucket_counts=[1, 2], explicit_bounds=[0.5]))
    with store_of({"spans": given_spans, "metrics": given_points, "logs": logs(log(1))}) as store:
        assert store.spans(SpanQuery(window=WINDOW)).rows == given_spans
        assert store.points(MetricQuery(window=WINDOW)).rows == given_points
        assert store.spans(SpanQuery(window=WINDOW)).rows.schema == SPANS
        assert store.points(MetricQuery(window=WINDOW)).rows.schema == METRICS
        assert store.records(LogQuery(window=WINDOW)).rows.schema == LOGS


def test_the_query_of_an_answer_can_be_pasted() -> None:
    with store_of({"logs": logs(log(1, body="it's late"), log(2))}) as store:
        answer = store.records(LogQuery(window=WINDOW, services=("checkout",), contains="it's"))
    assert "contains(body, 'it''s')" in answer.query
    assert "TIMESTAMPTZ '2026-03-01 12:00:00+00:00'" in answer.query
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("logs", logs(log(1, body="it's late")))
        assert "body" in connection.sql(answer.query).columns


def test_filters_narrow_spans() -> None:
    rows = spans(
        span(1, resource=[("host.name", "n1")]),
        span(2, attributes=[("host.name", "n2")], resource=[("host.name", "n1")]),
        span(3, status_code="error"),
        span(4, kind="client"),
        span(5, service_name="cart"),
    )
    with store_of({"spans": rows}) as store:

        def seconds(**fields: object) -> list[float]:
            found = store.spans(SpanQuery(window=WINDOW, **fields)).rows["time"].to_pylist()
            return [(time - START).total_seconds() for time in found]

        assert seconds(attributes=(AttributeFilter(key="host.name", values=("n1", "n9")),)) == [1]
        assert seconds(attributes=(AttributeFilter(key="host.name", values=("n2",)),)) == [2]
        assert seconds(only_errors=True) == [3]
        assert seconds(kinds=("client", "producer")) == [4]
        assert seconds(services=("cart", "mail")) == [5]
        assert seconds(trace_ids=(f"{1000:032x}",)) == [1]


def test_a_sample_of_spans_keeps_whole_traces_and_is_the_same_each_time() -> None:
    rows = [span(n, span_id=f"{n}-{k}", trace_id=f"trace-{n}") for n in range(100) for k in range(3)]
    with store_of({"spans": spans(*rows, *rows[:150])}) as store:
        answer = store.spans(SpanQuery(window=WINDOW, limit=120))
        again = store.spans(SpanQuery(window=WINDOW, limit=120))
        everything = store.spans(SpanQuery(window=WINDOW, limit=300))
    sizes = [entry["counts"] for entry in answer.rows["trace_id"].value_counts().to_pylist()]
    assert answer.is_truncated
    assert set(sizes) == {3}
    assert 60 <= answer.rows.num_rows <= 120
    assert again.rows == answer.rows
    assert not everything.is_truncated
    assert everything.rows.num_rows == 300


def test_a_sample_of_records_spreads_over_the_window() -> None:
    rows = [log(n / 10, body=f"line {n}") for n in range(3000)]
    with store_of({"logs": logs(*rows)}) as store:
        answer = store.records(LogQuery(window=WINDOW, limit=600))
    halves = [sum(time < at(150) for time in answer.rows["time"].to_pylist()), 0]
    halves[1] = answer.rows.num_rows - halves[0]
    assert answer.is_truncated
    assert 500 <= answer.rows.num_rows <= 600
    assert min(halves) > 200


def test_points_beyond_the_limit_are_left_out_and_said() -> None:
    with store_of({"metrics": points(*(point(n) for n in range(5)))}) as store:
        answer = store.points(MetricQuery(window=WINDOW, limit=3))
    assert answer.is_truncated
    assert answer.rows["time"].to_pylist() == [at(0), at(1), at(2)]


def test_red_counts_entry_spans_only() -> None:
    rows = spans(
        span(1, duration_ns=10_000_000),
        span(2, duration_ns=30_000_000, status_code="error"),
        span(3, kind="client", parent_span_id=None),
        span(4, kind="internal", parent_span_id="aa"),
        span(5, kind="internal", parent_span_id=None, service_name="cron"),
        span(12, kind="consumer", parent_span_id="aa", name="mail"),
    )
    with store_of({"spans": rows}) as store:
        plain = store.red(RedQuery(window=WINDOW)).rows.to_pylist()
        named = store.red(RedQuery(window=WINDOW, by=("operation", "service_version"))).rows.to_pylist()
    assert [(row["time"], row["service_name"], row["requests"], row["errors"]) for row in plain] == [
        (at(0), "checkout", 2, 1),
        (at(0), "cron", 1, 0),
        (at(10), "checkout", 1, 0),
    ]
    assert (plain[0]["mean_ms"], plain[0]["p50_ms"], plain[0]["maximum_ms"]) == (20, 20, 30)
    figures = ["requests", "errors", "mean_ms", "p50_ms", "p95_ms", "p99_ms", "maximum_ms"]
    assert list(plain[0]) == ["time", "service_name", *figures]
    assert list(named[0]) == ["time", "service_name", "operation", "service_version", *figures]
    assert named[-1]["operation"] == "mail"


def _call(**fields: object) -> dict[str, object]:
    return span(1, trace_id="t", kind="client", name="POST", service_name="checkout", span_id="c1", **fields)


def test_a_call_joins_the_client_span_to_the_span_that_answers() -> None:
    answer = span(1.1, trace_id="t", span_id="s1", parent_span_id="c1", service_name="payment", duration_ns=2_000_000)
    other_trace = answer | {"trace_id": "u", "service_name": "stranger"}
    with store_of({"spans": spans(_call(status_code="error"), answer, answer, other_trace)}) as store:
        rows = store.calls(CallQuery(window=WINDOW)).rows.to_pylist()
    assert rows == [
        {
            "time": at(0),
            "service_name": "checkout",
            "callee": "payment",
            "is_instrumented": True,
            "operation": "POST",
            "requests": 1,
            "errors": 1,
            "mean_ms": 5.0,
            "p95_ms": 5.0,
            "callee_mean_ms": 2.0,
        }
    ]


@pytest.mark.parametrize(
    ("attributes", "callee"),
    [
        ({"peer.service": "bank", "server.address": "10.0.0.1"}, "bank"),
        ({"server.address": "db1", "db.system": "mysql", "db.name": "shop"}, "db1/shop"),
        ({"db.system.name": "postgresql", "db.namespace": "orders"}, "postgresql/orders"),
        ({"db.system": "redis"}, "redis"),
    ],
)
def test_a_callee_that_reports_nothing_is_named_by_the_caller(attributes: dict[str, str], callee: str) -> None:
    with store_of({"spans": spans(_call(attributes=list(attributes.items())))}) as store:
        rows = store.calls(CallQuery(window=WINDOW)).rows.to_pylist()
    assert [(row["callee"], row["is_instrumented"], row["callee_mean_ms"]) for row in rows] == [(callee, False, None)]


def test_a_call_without_any_name_of_its_callee_is_left_out() -> None:
    with store_of({"spans": spans(_call())}) as store:
        assert store.calls(CallQuery(window=WINDOW)).rows.num_rows == 0


def test_a_server_span_under_another_services_internal_span_is_a_call() -> None:
    parent = span(1, trace_id="t", span_id="i1", kind="internal", service_name="gateway")
    child = span(1.1, trace_id="t", span_id="s1", parent_span_id="i1", service_name="cart", name="GET /cart")
    own = span(1.2, trace_id="t", span_id="s2", parent_span_id="i1", service_name="gateway", kind="internal")
    with store_of({"spans": spans(parent, child, own)}) as store:
        rows = store.calls(CallQuery(window=WINDOW)).rows.to_pylist()
    assert [(row["service_name"], row["callee"], row["operation"]) for row in rows] == [
        ("gateway", "cart", "GET /cart")
    ]


def test_metric_buckets_summarise_each_series_and_step() -> None:
    rows = points(
        point(1, value=1.0),
        point(4, value=3.0),
        point(4, value=3.0),
        point(9, value=2.0),
        point(1, value=7.0, attributes=[("state", "idle")]),
        point(11, kind="histogram", value=12.0, count=4),
        point(1, name="other"),
    )
    with store_of({"metrics": rows}) as store:
        buckets = store.metric_buckets(MetricBucketQuery(window=WINDOW, names=("process.cpu.utilization",))).rows
    assert buckets.column_names == [
        *("time", "service_name", "service_instance_id", "service_version", "name", "unit", "kind", "temporality"),
        *("is_monotonic", "attributes", "first", "last", "mean", "minimum", "maximum", "total", "points", "count"),
    ]
    figures = {(row["time"], row["attributes"] is None): row for row in buckets.to_pylist()}
    bucket = figures[(at(0), True)]
    assert [bucket[name] for name in ("first", "last", "mean", "minimum", "maximum", "total", "points")] == [
        *(1.0, 2.0, 2.0, 1.0, 3.0, 6.0, 3)
    ]
    assert figures[(at(0), False)]["attributes"] == [("state", "idle")]
    assert figures[(at(10), True)]["count"] == 4


def test_log_counts_know_a_severity_by_number_or_by_text() -> None:
    rows = logs(
        log(1, severity_number=17),
        log(2, severity_number=None, severity_text="ERROR"),
        log(3, severity_number=None, severity_text="warning"),
        log(4, severity_number=None),
        log(5, severity_number=5),
    )
    with store_of({"logs": rows}) as store:
        counts = store.log_counts(LogCountQuery(window=WINDOW)).rows.to_pylist()
    assert {row["severity"]: row["records"] for row in counts} == {"error": 2, "warn": 1, "info": 1, "debug": 1}


def test_changes_feedback_and_events_are_found_by_window() -> None:
    feedback = table_of("feedback", [{"id": "f", "time": at(1), "channel": "nps", "score": 3.0}])
    events = table_of("events", [{"id": n, "time": at(1), "name": n} for n in ("cart", "pay")])
    given_changes = changes(change("a", 1, environment="prod"), change("b", 2), change("c", 9999))
    with store_of({"changes": given_changes, "feedback": feedback, "events": events}) as store:
        assert store.changes(ChangeQuery(window=WINDOW)).rows["id"].to_pylist() == ["a", "b"]
        assert store.changes(ChangeQuery(window=WINDOW, environment="prod")).rows["id"].to_pylist() == ["a"]
        assert store.feedback(FeedbackQuery(window=WINDOW)).rows == feedback
        assert store.events(EventQuery(window=WINDOW, names=("pay",))).rows["id"].to_pylist() == ["pay"]


def test_the_extent_says_what_is_there() -> None:
    with store_of({"spans": spans(span(1), span(5)), "logs": logs(log(2, service_name="cart"))}) as store:
        rows = store.extent(ExtentQuery()).rows.to_pylist()
        none = store.extent(ExtentQuery(window=Window(start=at(-10), end=at(0)))).rows
    assert [tuple(row.values()) for row in rows] == [
        ("logs", "cart", at(2), at(2), 1),
        ("spans", "checkout", at(1), at(5), 2),
    ]
    assert none.num_rows == 0


def _many_spans() -> object:
    return spans(*(span(n / 50, span_id=str(n)) for n in range(20_000)))


def test_a_query_that_takes_too_long_is_a_source_that_did_not_answer() -> None:
    with store_of({"spans": _many_spans()}) as store, pytest.raises(SourceUnavailable, match="within 1e-06 s"):
        store.calls(CallQuery(window=WINDOW, timeout_seconds=1e-6))


def test_a_cancelled_query_ends_and_the_store_answers_the_next() -> None:
    cancel = Cancel()
    cancel.cancel()
    with store_of({"spans": spans(span(1))}) as store:
        with pytest.raises(SourceUnavailable, match="was cancelled"):
            store.red(RedQuery(window=WINDOW), cancel)
        assert store.red(RedQuery(window=WINDOW), Cancel()).rows.num_rows == 1


def test_a_query_can_be_cancelled_from_another_thread_while_it_runs() -> None:
    cancel = Cancel()
    with store_of({"spans": _many_spans()}) as store:

        def ask_forever() -> None:
            while True:
                store.calls(CallQuery(window=WINDOW), cancel)

        threading.Timer(0.01, cancel.cancel).start()
        with pytest.raises(SourceUnavailable, match="was cancelled"):
            ask_forever()
