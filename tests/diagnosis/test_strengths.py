"""How strongly something speaks for a component, on inputs whose answer is known by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from watchkeeper.analysis.call_habits import MissingCall
from watchkeeper.analysis.excess import Parts, excess_of
from watchkeeper.analysis.requests import OwnTime
from watchkeeper.analysis.resources import Usage
from watchkeeper.analysis.series import Grid, Red
from watchkeeper.diagnosis.strengths import hushes, leaving_out, lost_on_the_way, own_work, processors, surges, ways
from watchkeeper.diagnosis.waiting import without_induced_waiting
from watchkeeper.evidence.vitals import Vitals

STEPS, ONSET = 30, 20
PARTS = Parts(slice(0, ONSET), slice(ONSET, STEPS))
GRID = Grid(datetime(2026, 5, 4, 12, tzinfo=UTC), 5.0, STEPS)
SCATTER = np.resize([0.98, 1.0, 1.02, 1.01, 0.99], STEPS)


def level(before: float, after: float) -> np.ndarray:
    return np.r_[np.full(ONSET, before), np.full(STEPS - ONSET, after)] * SCATTER


def red(before_ms: float, after_ms: float, requests: tuple[float, float] = (20.0, 20.0)) -> Red:
    count = np.r_[np.full(ONSET, requests[0]), np.full(STEPS - ONSET, requests[1])]
    took = level(before_ms, after_ms)
    return Red(requests=count, errors=np.zeros(STEPS), mean_ms=took, p95_ms=took)


def vitals(
    services: dict[str, Red] | None = None,
    calls: dict[tuple[str, str, str], tuple[Red, Red | None]] | None = None,
    cpu: dict[str, np.ndarray] | None = None,
) -> Vitals:
    """`calls` as the caller and as the callee saw them."""
    both = calls or {}
    return Vitals(
        grid=GRID,
        services=services or {},
        operations={(name, "GET"): each for name, each in (services or {}).items()},
        calls={key: seen for key, (seen, _) in both.items()},
        answered={key: own for key, (_, own) in both.items() if own is not None},
        uninstrumented=frozenset(),
        resources={(name, "cpu"): Usage("cpu.utilization", "1", values) for name, values in (cpu or {}).items()},
        presence={},
        instances={},
    )


def test_a_processor_that_is_ten_times_as_busy_speaks_for_its_component() -> None:
    cpu = {"cart": level(0.02, 0.3), "catalog": level(0.05, 0.05)}
    busy = processors(vitals({"cart": red(10, 10)}, cpu=cpu), PARTS)
    assert busy["cart"] > 0.7
    assert "catalog" not in busy


def test_a_processor_that_is_as_much_busier_as_its_load_says_nothing() -> None:
    assert processors(vitals({"cart": red(10, 10, (20, 80))}, cpu={"cart": level(0.05, 0.2)}), PARTS) == {}


def test_a_processor_whose_trouble_seems_older_than_it_is_still_speaks() -> None:
    late = level(0.02, 0.02)
    late[-4:] = 0.3
    assert processors(vitals(cpu={"cart": late}), PARTS)["cart"] > 0.7


def test_who_pauses_while_others_report_is_suspect_before_the_pause_is_a_symptom() -> None:
    steady, paused = np.ones(STEPS), np.r_[np.ones(STEPS - 3), np.zeros(3)]
    found = hushes(replace(vitals(), presence={"cart": paused, "catalog": steady, "gateway": steady}), PARTS)
    assert set(found) == {"cart"}
    assert hushes(replace(vitals(), presence=dict.fromkeys(("cart", "catalog", "gateway"), paused)), PARTS) == {}


def test_load_surges_where_it_enters_and_not_where_callers_send_it_on() -> None:
    seen = vitals(
        {"gateway": red(10, 10, (20, 60)), "cart": red(5, 5, (20, 60))},
        {("gateway", "cart", "GET"): (red(6, 6, (20, 60)), red(5, 5, (20, 60)))},
    )
    assert surges(seen, PARTS) == {"gateway": pytest.approx(1.0)}


def test_what_a_call_loses_between_its_ends_is_not_its_callers_own_work() -> None:
    seen = vitals(
        {"gateway": red(10, 60), "cart": red(5, 5)}, {("gateway", "cart", "GET /cart"): (red(6, 56), red(5, 5))}
    )
    longer = [OwnTime("gateway", "GET /cart", 1.0, 51.0), OwnTime("cart", "GET /cart", 5.0, 15.0)]
    assert own_work(longer, seen, PARTS) == {"cart": pytest.approx(1.0)}


def between(*slow: tuple[str, str]) -> Vitals:
    """Gateway → checkout → payment, gateway → cart; calls on those links lose 50 ms."""
    links = [("gateway", "checkout"), ("checkout", "payment"), ("gateway", "cart")]
    calls = {(*link, "GET"): (red(6, 56 if link in slow else 6), red(5, 5)) for link in links}
    return vitals({"gateway": red(20, 70)}, calls)  # type: ignore[arg-type]


def test_a_slow_network_around_one_component_delays_its_calls_in_and_out() -> None:
    found = ways(between(("gateway", "checkout"), ("checkout", "payment")), PARTS)
    assert max(found, key=lambda name: found[name]) == "checkout"
    assert set(lost_on_the_way(between(("gateway", "checkout")), PARTS)) == {("gateway", "checkout")}


def test_without_time_lost_on_the_way_nobody_is_around_it() -> None:
    assert ways(between(), PARTS) == {}


def missing(failing: float, early: float = 1.0) -> MissingCall:
    return MissingCall("cart", "GET /cart", "GET /prices", 1.0, 0.7, 100, failing, early, p_value=1e-12)


def test_who_leaves_out_calls_and_answers_well_is_told_apart_from_who_broke_off() -> None:
    assert leaving_out([missing(failing=0.0)])["cart"][0] > 0.7
    assert leaving_out([missing(failing=1.0)]) == {}
    assert leaving_out([missing(failing=0.0, early=0.0)]) == {}


def test_a_caller_whose_workers_a_busier_callee_holds_is_not_blamed_for_waiting() -> None:
    calls = {("gateway", "checkout", "POST"): (red(100, 130, (5, 12)), red(99, 129, (5, 12)))}
    seen = vitals({"gateway": red(50, 300)}, calls, cpu={"gateway": level(0.05, 0.05)})  # type: ignore[arg-type]
    excess = excess_of(seen.operations, seen.calls, PARTS, errors=False)
    left = without_induced_waiting(excess, seen, PARTS)
    assert left.nodes["gateway"] == pytest.approx(sum(excess.edges.values()))


def test_a_surge_that_all_callees_get_alike_leaves_the_waiting_where_it_is() -> None:
    calls = {("gateway", "checkout", "POST"): (red(100, 130, (5, 12)), red(99, 129, (5, 12)))}
    seen = vitals({"gateway": red(50, 300, (20, 48))}, calls, cpu={"gateway": level(0.05, 0.05)})  # type: ignore[arg-type]
    excess = excess_of(seen.operations, seen.calls, PARTS, errors=False)
    assert without_induced_waiting(excess, seen, PARTS).nodes == excess.nodes
