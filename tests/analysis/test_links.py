from datetime import datetime, timedelta

import numpy as np
import pytest

from made_visits import NOON, QUIET, UNTIL, Row, moments, order, span, spans_table, world
from watchkeeper.analysis.links import Delay, delays, read_links
from watchkeeper.analysis.spans import read_spans
from watchkeeper.analysis.visit_changes import Inputs, visit_changes
from watchkeeper.analysis.visit_durations import own_durations, pooled, rises


def explained(rows: list[Row]) -> list[Delay]:
    links = read_links(read_spans(spans_table(rows)))
    start = links.gaps.start_us
    noon = NOON.timestamp() * 1e6
    return delays(links, [start < noon], start >= noon)[0]


def fan(time: datetime, trace: str, gaps: dict[tuple[str, str], float]) -> list[Row]:
    """`web` and `api` are entered, and each calls `a`, `b` and `c`; gaps by caller and callee, else 1 ms."""
    rows = []
    for caller in ("web", "api"):
        rows.append(span(time, f"{trace}{caller}", "r", None, caller, "GET /", 100, kind="server"))
        for i, callee in enumerate("abc"):
            at = time + timedelta(milliseconds=30 * i)
            gap = gaps.get((caller, callee), 1.0) + 0.01 * (int(time.timestamp()) % 7)
            rows.append(span(at, f"{trace}{caller}", f"{i}c", "r", caller, "call", 5 + gap, kind="client"))
            rows.append(span(at, f"{trace}{caller}", f"{i}s", f"{i}c", callee, "GET", 5, kind="server"))
    return rows


def fans(gaps: dict[tuple[str, str], float]) -> list[Row]:
    return world(lambda t, i: fan(t, i, {}), lambda t, i: fan(t, i, gaps))


def test_a_gap_is_what_the_caller_waited_beyond_what_the_callee_took():
    links = read_links(read_spans(spans_table(order(NOON, "t", gap_ms=3.0))))
    assert list(zip(links.caller, links.callee, links.operation, strict=True)) == [
        ("web", "cart", "GET /cart"),
        ("web", "mail", "POST /mail"),
    ]
    assert links.gaps.ms == pytest.approx([3.0, 1.0])


def test_calls_that_nobody_waits_for_have_no_gap():
    rows = [row | {"kind": "producer"} if row["kind"] == "client" else row for row in order(NOON, "t")]
    assert read_links(read_spans(spans_table(rows))).gaps.ms.size == 0


def test_one_whom_everybody_waits_for_longer_is_slow_to_reach():
    (delay,) = explained(fans({("web", "a"): 80.0, ("api", "a"): 80.0}))
    assert (delay.component, delay.inward) == ("a", True)


def test_one_who_waits_longer_for_everybody_is_slow_itself():
    (delay,) = explained(fans({("web", "a"): 80.0, ("web", "b"): 80.0, ("web", "c"): 80.0}))
    assert (delay.component, delay.inward) == ("web", False)


def test_a_small_steady_drift_does_not_matter_however_sure_it_is():
    assert explained(fans({(caller, callee): 1.5 for caller in ("web", "api") for callee in "abc"})) == []


def test_a_few_calls_are_enough_where_they_take_a_hundred_times_as_long():
    before = [row for t, i in moments(QUIET.start, QUIET.start + timedelta(seconds=6)) for row in order(t, i)]
    now = [row for t, i in moments(NOON, NOON + timedelta(seconds=6)) for row in order(t, i, gap_ms=400.0)]
    assert [d.component for d in explained(before + now)] == ["cart"]


def test_clocks_that_differ_do_not_matter():
    rows = fans({("web", "a"): 80.0, ("api", "a"): 80.0})
    ahead = [r | {"time": r["time"] + timedelta(seconds=5)} if r["service_name"] == "a" else r for r in rows]
    assert [(d.component, d.z) for d in explained(ahead)] == [(d.component, d.z) for d in explained(rows)]


def test_a_delay_is_a_finding_in_milliseconds():
    rows = world(lambda t, i: order(t, i), lambda t, i: order(t, i, gap_ms=250.0))
    (found,) = [
        row
        for row in visit_changes(Inputs(spans_table(rows)), [QUIET], NOON, UNTIL).to_pylist()
        if row["signal"] == "delay"
    ]
    assert (found["component"], found["event"], found["value_before"], found["value"]) == (
        *("cart", "web → cart"),
        *(1.0, 250.0),
    )


def test_time_beside_a_call_is_waiting_and_not_work():
    rows = [
        span(NOON, "t", "a", None, "gate", "GET /", 100, kind="server"),
        span(NOON, "t", "h", "a", "gate", "handle", 99),
        span(NOON, "t", "b", "a", "gate", "call", 99, kind="client"),
        span(NOON, "t", "c", "b", "cart", "GET /cart", 98, kind="server"),
    ]
    own, names = own_durations(read_spans(spans_table(rows)))
    assert ("gate", "handle") not in names
    assert own.ms.sum() == pytest.approx(99.0)


def test_equal_durations_have_not_risen():
    own, names = own_durations(read_spans(spans_table(world(lambda t, i: order(t, i), lambda t, i: order(t, i)))))
    late = own.start_us >= NOON.timestamp() * 1e6
    found = rises(own, len(names), [~late], late)
    assert [pooled(found, np.array([number])) for number in range(len(names))] == [(0.0, 0.0)] * len(names)
