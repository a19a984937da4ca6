import numpy as np
import pytest

from watchkeeper.analysis.busy import busy_factors
from watchkeeper.analysis.excess import Parts
from watchkeeper.analysis.series import Key, Red

STEPS = 40
PARTS = Parts(slice(0, 30), slice(30, STEPS))


def red(before_ms: float, after_ms: float, requests: float = 10.0) -> Red:
    mean = np.where(np.arange(STEPS) < PARTS.incident.start, before_ms, after_ms)
    return Red(np.full(STEPS, requests), np.zeros(STEPS), mean, mean * 2)


def shop(own: dict[str, tuple[float, float]], database: float) -> tuple[dict[str, Red], dict[Key, Red]]:
    """front calls every other service once, each of which asks a database for 10 ms, later `database` ms."""
    calls: dict[Key, Red] = {}
    services: dict[str, Red] = {}
    waits = np.zeros(2)
    for name, (before, after) in own.items():
        if name != "front":
            services[name] = red(before + 10, after + database)
            calls[name, f"db/{name}", "SELECT"] = red(10, database)
            calls["front", name, "GET"] = services[name]
            waits += before + 10, after + database
    before, after = own["front"]
    services["front"] = red(before + waits[0], after + waits[1])
    return services, calls


def test_a_host_that_is_busy_explains_what_all_lose():
    own = {"front": (4.0, 12.0), "a": (2.0, 6.0), "b": (2.0, 6.0), "c": (2.0, 6.0)}
    factors = busy_factors(*shop(own, database=10.0), PARTS)
    assert factors["a"] == pytest.approx((6 + 10) / (2 + 10))
    assert factors["front"] == pytest.approx((12 + 3 * 16) / (4 + 3 * 12))


def test_one_slow_service_is_shared_by_nobody():
    own = {"front": (4.0, 4.0), "a": (2.0, 200.0), "b": (2.0, 2.0), "c": (2.0, 2.0)}
    assert max(busy_factors(*shop(own, database=10.0), PARTS).values()) < 1.2


def test_of_few_services_nobody_can_tell():
    services, calls = shop({"front": (4.0, 12.0), "a": (2.0, 6.0)}, database=10.0)
    assert set(busy_factors(services, calls, PARTS).values()) == {1.0}


def test_calls_in_a_circle_end():
    services = {name: red(10, 10) for name in "abcd"}
    calls: dict[Key, Red] = {("a", "b", "x"): red(2, 2), ("b", "a", "x"): red(2, 2)}
    assert set(busy_factors(services, calls, PARTS).values()) == {1.0}
