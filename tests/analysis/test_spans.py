from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from watchkeeper.analysis.requests import failing_input, fanouts, origins, own_times
from watchkeeper.analysis.spans import entry_of, error_origins, exclusive_time, read_spans
from watchkeeper.tables import table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def span(id_: str, parent: str | None, service: str, start_ms: float, ms: float, **more: object) -> dict[str, object]:
    return {
        "time": NOON + timedelta(milliseconds=start_ms),
        "duration_ns": int(ms * 1e6),
        "service_name": service,
        "trace_id": "t1",
        "span_id": id_,
        "parent_span_id": parent,
        "name": id_,
        "kind": "server",
        "status_code": "unset",
    } | more


def test_parallel_children_are_subtracted_once():
    spans = read_spans(
        table_of("spans", [span("a", None, "web", 0, 100), span("b", "a", "x", 10, 40), span("c", "a", "y", 30, 40)])
    )
    assert exclusive_time(spans) == pytest.approx([40_000, 40_000, 40_000])


def test_a_child_that_outlives_its_parent_takes_only_the_parents_time():
    spans = read_spans(table_of("spans", [span("a", None, "web", 0, 100), span("b", "a", "x", 50, 400)]))
    assert exclusive_time(spans)[0] == pytest.approx(50_000)


def test_children_of_other_parents_do_not_mix():
    rows = [
        span("a", None, "web", 0, 100),
        span("b", None, "web", 0, 50),
        span("c", "a", "x", 0, 30),
        span("d", "b", "x", 0, 20),
    ]
    assert exclusive_time(read_spans(table_of("spans", rows))) == pytest.approx([70_000, 30_000, 30_000, 20_000])


def test_row_order_does_not_matter():
    rows = [span("a", None, "web", 0, 100), span("b", "a", "x", 10, 40), span("c", "a", "y", 30, 40)]
    there, back = (exclusive_time(read_spans(table_of("spans", r))) for r in (rows, rows[::-1]))
    assert np.array_equal(there, back[::-1])


def test_an_error_begins_where_no_child_failed():
    rows = [
        span("a", None, "web", 0, 100, status_code="error"),
        span("b", "a", "x", 10, 40, status_code="error"),
        span("c", "a", "y", 60, 10),
    ]
    assert error_origins(read_spans(table_of("spans", rows))).tolist() == [False, True, False]


def test_every_span_belongs_to_the_entry_of_its_service():
    rows = [span("a", None, "web", 0, 9), span("b", "a", "web", 1, 5, kind="client"), span("c", "b", "x", 2, 3)]
    assert entry_of(read_spans(table_of("spans", rows))).tolist() == [0, 0, 2]


def calls(each: int, ms: float):
    rows = []
    for i in range(10):
        rows.append(span(f"s{i}", None, "shop", i * 1000, 100, name="GET /"))
        rows += [
            span(f"s{i}q{j}", f"s{i}", "shop", i * 1000 + 1 + j * ms, ms, kind="client", name="SELECT")
            for j in range(each)
        ]
    return read_spans(table_of("spans", rows))


def test_more_calls_per_request_are_a_fanout():
    (found,) = fanouts(calls(1, 2), calls(12, 2))
    assert (found.name, found.before, found.after) == ("SELECT", 1.0, 12.0)


def test_own_time_tells_where_time_goes():
    first = own_times(calls(1, 2), calls(1, 50))[0]
    assert (first.name, first.before_ms, first.after_ms) == ("SELECT", pytest.approx(2), pytest.approx(50))


def test_the_input_that_fails_is_found_and_consequences_are_not():
    rows = []
    for i in range(60):
        bad = i % 6 == 0
        attributes = [("currency", "JPY" if bad else "EUR"), ("http.response.status_code", "500" if bad else "200")]
        rows.append(span(f"s{i}", None, "pay", i, 1, status_code="error" if bad else "unset", attributes=attributes))
    found = failing_input(read_spans(table_of("spans", rows)), "pay")
    assert found is not None
    assert (found.attribute, found.value, found.failed, found.failed_elsewhere) == ("currency", "JPY", 10, 0)


def test_origins_tell_the_exception_and_how_often_it_came_before():
    event = '[{"name": "exception", "attributes": {"exception.type": "KeyError", "exception.message": "JPY 7"}}]'
    failing = [span(f"s{i}", None, "pay", i, 1, name="POST", status_code="error", events=event) for i in range(4)]
    (found,) = origins(calls(1, 1), read_spans(table_of("spans", failing)))
    assert (found.service, found.exception, found.message, found.count, found.before) == (
        "pay",
        "KeyError",
        "JPY #",
        4,
        0,
    )
