from datetime import UTC, datetime

import numpy as np
import pytest

from watchkeeper.analysis.resources import Usage, kind_of, steady_growth
from watchkeeper.analysis.series import Grid, Red
from watchkeeper.analysis.symptoms import (
    Sensitivity,
    Stretch,
    request_symptoms,
    resource_symptom,
    silence_symptom,
    traffic_symptom,
)

HOW = Sensitivity()
GRID = Grid(datetime(2026, 5, 4, 12, tzinfo=UTC), 5.0, 60)
AT = Stretch.at_end(GRID, HOW)
assert AT is not None
RNG = np.random.default_rng(7)


def red(latest_ms: float = 20, errors: float = 0, steps: int = 6) -> Red:
    mean = 20 + RNG.normal(0, 1, 60)
    mean[60 - steps :] += latest_ms - 20
    failed = np.zeros(60)
    failed[60 - steps :] = errors
    return Red(np.full(60, 30.0), failed, mean, mean * 2)


def test_a_quiet_system_has_no_symptoms():
    assert request_symptoms({(f"s{i}",): red() for i in range(20)}, AT, HOW) == []


def test_slowness_that_lasts_is_a_symptom():
    (found,) = request_symptoms({("cart",): red(latest_ms=60)}, AT, HOW)
    assert (found.service, found.measure, found.direction) == ("cart", "mean latency", "up")


def test_a_hiccup_that_is_over_is_none():
    values = red()
    values.mean_ms[50:57] = 100
    values.p95_ms[50:57] = 200
    assert request_symptoms({("cart",): values}, AT, HOW) == []


def test_errors_are_a_symptom():
    (found,) = request_symptoms({("cart",): red(errors=3)}, AT, HOW)
    assert found.measure == "error ratio"
    assert found.observed == pytest.approx(18 / 240)


def test_errors_that_were_always_there_are_none():
    assert request_symptoms({("cart",): red(errors=3, steps=60)}, AT, HOW) == []


def test_a_past_too_short_to_compare_with_gives_no_symptoms():
    assert Stretch.at_end(Grid(GRID.start, 5.0, 10), HOW) is None


def test_a_service_that_always_reported_and_stopped_is_silent():
    presence = np.full(60, 12.0)
    presence[-5:] = 0
    found = silence_symptom("cart", presence, GRID, HOW)
    assert found is not None
    assert found.measure == "silence"


def test_a_service_that_reports_now_and_then_is_not():
    presence = np.zeros(60)
    presence[::7] = 3
    presence[-6:] = 0
    assert silence_symptom("batch", presence, GRID, HOW) is None


def test_memory_that_only_grows_is_a_leak_and_memory_that_warms_up_is_not():
    leak = np.r_[np.full(30, 100e6), 100e6 + np.arange(30) * 4e6]
    warm = 100e6 + 80e6 * (1 - np.exp(-np.arange(60) / 8))
    assert resource_symptom("cart", "memory", Usage("m", "By", leak), AT, HOW) is not None
    assert resource_symptom("cart", "memory", Usage("m", "By", warm), AT, HOW) is None
    assert steady_growth(np.full(60, 5.0)) is None


def test_resources_are_known_by_opentelemetrys_names():
    assert kind_of("process.cpu.utilization") == "cpu"
    assert kind_of("process.memory.usage") == "memory"
    assert kind_of("db.client.connection.pending_requests") == "pool"
    assert kind_of("http.server.request.duration") is None


def test_traffic_that_halves_is_a_symptom_and_traffic_that_wavers_is_none():
    fallen, wavering = red(), red()
    fallen.requests[50:] = 5
    wavering.requests[50:] = 20
    found = traffic_symptom(("cart",), fallen, AT, HOW)
    assert found is not None
    assert (found.direction, found.observed, found.expected) == ("down", pytest.approx(1.0), pytest.approx(6.0))
    assert traffic_symptom(("cart",), wavering, AT, HOW) is None


def test_a_blip_of_failures_is_no_symptom_for_who_waits_for_it_to_last():
    patient = Sensitivity(lasting_seconds=15.0)
    blip = red()
    blip.errors[57:59] = 10
    assert request_symptoms({("cart",): blip}, AT, patient) == []
    assert len(request_symptoms({("cart",): blip}, AT, HOW)) == 1
    assert len(request_symptoms({("cart",): red(errors=3)}, AT, patient)) == 1


def test_slowness_that_all_share_is_none_until_it_hurts():
    slow = {("cart",): red(latest_ms=60)}
    assert request_symptoms(slow, AT, HOW, {"cart": 3.0}) == []
    assert request_symptoms({("cart",): red(latest_ms=1100, steps=8)}, AT, HOW, {"cart": 55.0}) != []


def test_a_budget_of_alarms_asks_for_more_than_significance_alone():
    moved = {("cart",): red(latest_ms=60, steps=8)}
    assert request_symptoms(moved, AT, Sensitivity(chance=1e-6)) != []
    assert request_symptoms(moved, AT, Sensitivity(chance=1e-300)) == []


def test_memory_that_takes_hours_to_double_is_a_trend():
    creeping = Usage("m", "By", 400e6 + np.arange(60) * 1.1e6)
    assert resource_symptom("cart", "memory", creeping, AT, Sensitivity(memory_share=0.0)) is None


def test_symptoms_carry_the_names_they_are_given():
    first, other = (request_symptoms({(name,): red(latest_ms=60)}, AT, HOW) for name in ("cart", "tshirts"))
    assert [s.measure for s in first] == [s.measure for s in other]
    assert (first[0].service, other[0].service) == ("cart", "tshirts")


def test_one_endpoint_that_is_slow_as_all_are_is_none_however_slow():
    slow = {("cart", "POST /orders"): red(latest_ms=1100, steps=8)}
    assert request_symptoms(slow, AT, HOW, {"cart": 55.0}) == []
