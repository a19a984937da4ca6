import numpy as np
import pytest

from watchkeeper.analysis.excess import (
    Excess,
    Parts,
    blame,
    common_slowdown,
    error_excess,
    excess_of,
    latency_excess,
    targets_of,
)
from watchkeeper.analysis.series import Red

PARTS = Parts(slice(0, 20), slice(20, 30))


def red(before_ms: float, after_ms: float, requests: float = 10, errors_after: float = 0) -> Red:
    return Red(
        requests=np.full(30, requests),
        errors=np.r_[np.zeros(20), np.full(10, errors_after)],
        mean_ms=np.r_[np.full(20, before_ms), np.full(10, after_ms)],
        p95_ms=np.r_[np.full(20, before_ms), np.full(10, after_ms)],
    )


def test_excess_latency_is_requests_times_what_is_beyond_the_usual():
    assert latency_excess(red(10, 30), PARTS) == pytest.approx(10 * 10 * 20)


def test_more_requests_of_the_usual_duration_are_no_excess():
    surge = red(10, 10)
    surge.requests[20:] *= 5
    assert latency_excess(surge, PARTS) == 0


def test_excess_failures_are_counted_less_noise():
    assert error_excess(red(10, 10, errors_after=5), PARTS) == pytest.approx(50 - 2)


def test_blame_follows_the_excess_to_the_bottom():
    excess = excess_of(
        {("web", "GET /"): red(50, 150), ("shop", "GET /"): red(30, 130), ("db", "q"): red(10, 10)},
        {("web", "shop", "GET"): red(31, 131), ("shop", "db", "q"): red(11, 11)},
        PARTS,
        errors=False,
    )
    own = blame(excess, {"web": 1.0}).own
    assert own["shop"] == pytest.approx(1.0)
    assert own["web"] == pytest.approx(0.0)


def test_blame_stays_where_callees_explain_only_a_part():
    excess = Excess({"web": 100.0, "a": 25.0}, {("web", "a"): 25.0})
    assert blame(excess, {"web": 1.0}).own == {"web": pytest.approx(0.75), "a": pytest.approx(0.25)}


def test_a_circle_of_calls_ends():
    excess = Excess({"a": 10.0, "b": 10.0}, {("a", "b"): 10.0, ("b", "a"): 10.0})
    assert sum(blame(excess, {"a": 1.0}).own.values()) == pytest.approx(1.0)


def test_targets_are_the_topmost_that_suffer():
    excess = Excess({"web": 10.0, "shop": 10.0}, {("web", "shop"): 10.0})
    assert targets_of(excess, [("web", "shop"), ("shop", "db")]) == {"web": 1.0}


def test_a_service_that_gave_no_answer_before_has_no_excess():
    new = Red(np.r_[np.zeros(20), np.ones(10)], np.zeros(30), np.r_[np.full(20, np.nan), np.ones(10)], np.zeros(30))
    assert latency_excess(new, PARTS) == 0


def test_what_slows_everybody_down_is_nobodys_own():
    services = {name: red(10, 30) for name in "abcde"} | {"f": red(10, 200)}
    slowdown = common_slowdown(services, {}, PARTS)
    assert slowdown == pytest.approx(3.0)
    parts = Parts(PARTS.usual, PARTS.incident, slowdown)
    assert [latency_excess(r, parts) > 0 for r in services.values()] == [False] * 5 + [True]


def test_one_slow_service_among_many_is_no_common_slowdown():
    services = {name: red(10, 10) for name in "abcde"} | {"f": red(10, 200)}
    assert common_slowdown(services, {}, PARTS) == 1.0


def test_a_caller_that_waits_is_not_slow_itself():
    services = {name: red(110, 310) for name in "abcd"}
    calls = {(name, "db", "q"): red(100, 300) for name in "abcd"}
    assert common_slowdown(services, calls, PARTS) == pytest.approx(1.0)
