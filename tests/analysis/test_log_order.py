"""Order of log lines inside flows: what no longer follows, and where flows break off."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.analysis.log_order import break_offs, order_changes
from watchkeeper.domain import Window
from watchkeeper.tables import table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
USUAL, NOW = Window(start=NOON, end=NOON + timedelta(seconds=60)), Window.before(NOON + timedelta(seconds=120), 60)
WHOLE = ("order {} received", "stock reserved for {}", "card charged for {}", "order {} confirmed")
PLACES = {text: f"shop.orders.place:{line}" for text, line in zip(WHOLE, (11, 14, 19, 25), strict=True)}


def flow(number: int, said: tuple[str, ...], service: str = "orders", key: str = "trace") -> list[dict[str, object]]:
    """One flow that begins `number` seconds after noon, a tenth of a second from line to line."""
    rows = []
    for step, text in enumerate(said):
        place = PLACES.get(text)
        where = (
            [("code.function.name", place.split(":")[0]), ("code.line.number", place.split(":")[1])] if place else []
        )
        thread = [("thread.id", str(number))] if key == "thread" else []
        rows.append(
            {
                "time": NOON + timedelta(seconds=number + step / 10),
                "service_name": service,
                "body": text.format(number),
                "severity_number": 9,
                "trace_id": f"{number:032x}" if key == "trace" else None,
                "attributes": where + thread,
            }
        )
    return rows


def shop(now: tuple[str, ...], service: str = "orders", key: str = "trace") -> list[dict[str, object]]:
    """Fifty whole flows, and then fifty that say what is said now."""
    usual = [row for number in range(50) for row in flow(number, WHOLE, service, key)]
    return usual + [row for number in range(60, 110) for row in flow(number, now, service, key)]


def table(rows: list[dict[str, object]]) -> pa.Table:
    return table_of("logs", rows)


def test_the_region_where_flows_break_off_lies_between_two_statements() -> None:
    (found,) = break_offs(table(shop(WHOLE[:2])), USUAL, NOW)
    assert (found.last, found.missing) == ("stock reserved for <*>", "card charged for <*>")
    assert (found.last_place, found.missing_place) == ("shop.orders.place:14", "shop.orders.place:19")
    assert (found.ended_before, found.flows_before, found.ended, found.flows) == (0, 50, 50, 50)
    assert found.instead is None
    assert len(found.examples) == 3


def test_an_error_that_is_said_there_is_told_and_is_not_taken_for_going_on() -> None:
    (found,) = break_offs(table(shop((*WHOLE[:2], "payment for {} refused"))), USUAL, NOW)
    assert (found.last, found.instead) == ("stock reserved for <*>", "payment for <*> refused")


def test_flows_that_go_on_as_before_break_off_nowhere() -> None:
    assert break_offs(table(shop(WHOLE)), USUAL, NOW) == order_changes(table(shop(WHOLE)), USUAL, NOW) == []


def test_flows_that_may_still_go_on_do_not_count() -> None:
    usual = [row for number in range(50) for row in flow(number, WHOLE)]
    last = [row for tenth in range(8) for row in flow(119, WHOLE[:1])]
    assert break_offs(table(usual + last), USUAL, Window(start=NOW.start, end=NOON + timedelta(seconds=119.05))) == []


def test_what_was_turned_round_no_longer_follows() -> None:
    turned = (WHOLE[0], WHOLE[2], WHOLE[1], WHOLE[3])
    (found,) = order_changes(table(shop(turned)), USUAL, NOW)
    assert (found.first, found.then) == ("stock reserved for <*>", "card charged for <*>")
    assert (found.share_before, found.share, found.turned) == (1.0, 0.0, 50)


def test_a_statement_that_is_left_out_no_longer_follows_those_before_it() -> None:
    found = order_changes(table(shop((WHOLE[0], WHOLE[1], WHOLE[3]))), USUAL, NOW)
    assert {(change.first, change.then) for change in found} == {
        ("order <*> received", "card charged for <*>"),
        ("stock reserved for <*>", "card charged for <*>"),
    }
    assert {change.turned for change in found} == {0}


def test_threads_are_flows_where_there_are_no_traces() -> None:
    (found,) = break_offs(table(shop(WHOLE[:3], key="thread")), USUAL, NOW)
    assert found.missing == "order <*> confirmed"


def test_lines_without_trace_and_thread_say_nothing_of_order() -> None:
    assert break_offs(table(shop(WHOLE[:2], key="none")), USUAL, NOW) == []


def test_nothing_breaks_off_where_nothing_is() -> None:
    assert break_offs(table([]), USUAL, NOW) == order_changes(table([]), USUAL, NOW) == []


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_name_of_the_service_change_nothing(random) -> None:  # type: ignore[no-untyped-def]
    (expected,) = break_offs(table(shop(WHOLE[:2])), USUAL, NOW)
    rows = shop(WHOLE[:2], service="svc-7")
    random.shuffle(rows)
    (found,) = break_offs(table(rows), USUAL, NOW)
    assert (found.last, found.missing, found.p, found.flows) == (
        *(expected.last, expected.missing, expected.p, expected.flows),
    )
