import random
from datetime import UTC, datetime, timedelta

import pytest

from watchkeeper.analysis.call_habits import gaps, missing_calls, retries, waiting
from watchkeeper.analysis.spans import Spans, read_spans
from watchkeeper.tables import table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
Row = dict[str, object]


def span(trace: int, id_: str, parent: str | None, start_ms: float, ms: float, **more: object) -> Row:
    return {
        "time": NOON + timedelta(seconds=trace, milliseconds=start_ms),
        "duration_ns": int(ms * 1e6),
        "service_name": "shop",
        "trace_id": f"t{trace}",
        "span_id": id_,
        "parent_span_id": parent,
        "name": id_,
        "kind": "server",
        "status_code": "unset",
    } | more


def order(
    trace: int, *, attempts: int = 1, mails: bool = True, network_ms: float = 1.0, fails: bool = False
) -> list[Row]:
    """A request that pays, again after each failure, and then sends a mail."""
    rows = [span(trace, "s", None, 0, 100, name="POST /order", status_code="error" if fails else "ok")]
    for number in range(attempts):
        is_last = number == attempts - 1
        pay = {"name": "pay", "kind": "client", "status_code": "ok" if is_last else "error"}
        rows.append(span(trace, f"c{number}", "s", 5 + 15 * number, 10 + network_ms, **pay))
        rows.append(span(trace, f"p{number}", f"c{number}", 5 + 15 * number, 10, name="POST /pay", service_name="bank"))
    if mails:
        rows.append(span(trace, "m", "s", 80, 5, name="mail", kind="producer"))
    return rows


def world(**each: object) -> Spans:
    rows = [row for trace in range(40) for row in order(trace, **each)]  # type: ignore[arg-type]
    random.Random(4).shuffle(rows)
    return read_spans(table_of("spans", rows))


def test_a_call_that_is_made_again_after_it_failed_is_a_retry() -> None:
    (found,) = retries(world(), world(attempts=3))
    assert (found.service, found.call, found.times, found.calls) == ("shop", "pay", 80, 120)
    assert (found.before, found.after) == (0.0, pytest.approx(2 / 3))


def test_calls_that_always_were_made_again_are_no_news() -> None:
    assert retries(world(attempts=3), world(attempts=3)) == []


def test_parallel_calls_of_which_one_fails_are_no_retries() -> None:
    rows = [
        row
        for trace in range(40)
        for row in (
            span(trace, "s", None, 0, 100),
            span(trace, "a", "s", 1, 50, name="pay", kind="client", status_code="error"),
            span(trace, "b", "s", 2, 50, name="pay", kind="client"),
        )
    ]
    assert retries(world(), read_spans(table_of("spans", rows))) == []


def test_a_call_that_usually_follows_and_does_not_any_more_is_missing() -> None:
    (found,) = missing_calls(world(), world(mails=False))
    assert (found.service, found.operation, found.call) == ("shop", "POST /order", "mail")
    assert (found.before, found.after, found.requests, found.failing) == (1.0, 0.0, 40, 0.0)


def test_a_request_that_broke_off_before_the_call_is_told_from_one_that_left_it_out() -> None:
    assert missing_calls(world(), world(mails=False, fails=True))[0].failing == 1.0


def test_nothing_is_missing_where_nothing_changed() -> None:
    assert missing_calls(world(), world()) == missing_calls(world(mails=False), world()) == []


def test_time_between_the_two_ends_of_a_call_is_told() -> None:
    (found,) = gaps(world(), world(network_ms=21.0))
    assert (found.caller, found.callee, found.calls) == ("shop", "bank", 40)
    assert (found.before_ms, found.after_ms) == (pytest.approx(1), pytest.approx(21))
    assert gaps(world(), world()) == []


def test_waiting_is_what_a_request_takes_without_its_own_code() -> None:
    shop = {found.service: found for found in waiting(world(), world(attempts=3))}["shop"]
    assert (shop.waiting_ms_before, shop.waiting_ms) == (pytest.approx(16), pytest.approx(38))
    assert (shop.own_ms_before, shop.own_ms) == (pytest.approx(84), pytest.approx(62))
