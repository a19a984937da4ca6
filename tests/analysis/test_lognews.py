"""New, surging and vanished log lines on inputs whose answer is known."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.analysis.lognews import log_losses, log_news
from watchkeeper.domain import Window
from watchkeeper.tables import table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
USUAL, NOW = Window(start=NOON, end=NOON + timedelta(seconds=60)), Window.before(NOON + timedelta(seconds=90), 30)

Row = tuple[float, str, int]
STEADY: list[Row] = [(float(i), f"served {i}", 9) for i in range(90)]
ERRORS: list[Row] = [(60.0 + i, f"TimeoutError: waited {i} s", 17) for i in range(8)]


def records(*lines: Row, service: str = "cart", zone: timezone = UTC) -> pa.Table:
    rows = [
        {
            "time": (NOON + timedelta(seconds=at)).astimezone(zone),
            "service_name": service,
            "body": body,
            "severity_number": severity,
        }
        for at, body, severity in lines
    ]
    return table_of("logs", rows)


def test_a_new_error_comes_first_and_steady_lines_are_no_news() -> None:
    found = log_news(records(*STEADY, *ERRORS), USUAL, NOW)
    assert [n.template for n in found] == ["TimeoutError: waited <*>"]
    assert found[0].is_new
    assert found[0].first == NOON + timedelta(seconds=60)
    assert found[0].example == "TimeoutError: waited 0 s"


def test_a_surge_is_told_with_both_counts() -> None:
    lines = [(i * 10.0, "retrying payment", 13) for i in range(6)]
    lines += [(60 + i / 2, "retrying payment", 13) for i in range(50)]
    (news,) = log_news(records(*lines), USUAL, NOW)
    assert (news.before, news.after) == (6, 50)
    assert not news.is_new


def test_a_line_that_always_came_in_bursts_is_no_surge() -> None:
    past = [(20.0 + i / 100, "compacting segment", 9) for i in range(12)]
    now = [(70.0 + i / 100, "compacting segment", 9) for i in range(14)]
    assert log_news(records(*STEADY, *past, *now), USUAL, NOW) == []


def test_stretches_of_the_past_add_up() -> None:
    halves = [Window(start=NOON, end=NOON + timedelta(seconds=30)), Window.before(NOON + timedelta(seconds=60), 30)]
    assert log_news(records(*STEADY, *ERRORS), halves, NOW) == log_news(records(*STEADY, *ERRORS), USUAL, NOW)


def test_a_line_that_came_and_comes_no_more_is_a_loss() -> None:
    paid: list[Row] = [(i * 2.0, f"order {i} paid", 9) for i in range(30)]
    (loss,) = log_losses(records(*STEADY, *paid), USUAL, NOW)
    assert (loss.template, loss.before, loss.after, loss.last) == ("order <*> paid", 30, 0, None)
    assert not loss.is_silent


def test_a_service_that_says_nothing_at_all_is_silent() -> None:
    quiet = records(*[(float(i), f"served {i}", 9) for i in range(60)])
    (loss,) = log_losses(quiet, USUAL, NOW)
    assert loss.is_silent


def test_nothing_is_no_news() -> None:
    assert log_news(records(), USUAL, NOW) == log_losses(records(), USUAL, NOW) == []


@settings(max_examples=25)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(random) -> None:  # type: ignore[no-untyped-def]
    rows = [*STEADY, *ERRORS]
    expected = log_news(records(*rows), USUAL, NOW)
    random.shuffle(rows)
    assert log_news(records(*rows), USUAL, NOW) == expected


def test_time_zones_change_nothing() -> None:
    tokyo = timezone(timedelta(hours=9))
    windows = [Window(start=w.start.astimezone(tokyo), end=w.end.astimezone(tokyo)) for w in (USUAL, NOW)]
    there = log_news(records(*STEADY, *ERRORS, zone=tokyo), *windows)
    assert there == log_news(records(*STEADY, *ERRORS), USUAL, NOW)


def test_the_name_of_the_service_changes_nothing_but_itself() -> None:
    (here,) = log_news(records(*STEADY, *ERRORS), USUAL, NOW)
    (there,) = log_news(records(*STEADY, *ERRORS, service="svc-42"), USUAL, NOW)
    assert (here.template, here.p, here.after) == (there.template, there.p, there.after)
