from datetime import UTC, datetime

import numpy as np
import pytest

from watchkeeper.analysis.resources import Usage, kind_of, steady_growth
from watchkeeper.analysis.series import Grid, Red
from watchkeeper.analysis.symptoms import Sensitivity, Stretch, request_symptoms, resource_symptom, silence_symptom

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
