from datetime import UTC, datetime

import numpy as np
import pytest

from watchkeeper.analysis.gauges import Gauge, changed, role_of_gauge
from watchkeeper.analysis.series import Grid

GRID = Grid(datetime(2026, 5, 4, 12, tzinfo=UTC), 5.0, 240)
ONSET = 160
AT = 165.0
LEVELS = {"latency": 0.05, "errors": 0.2, "requests": 40.0, "cpu": 0.3, "memory": 2e8, "disk": 2e4, "pool": 20.0}
SERVICES = ("front", "cart", "stock", "mail")
AFTER = np.arange(GRID.size) >= ONSET


def gauges(seed=0, **factors):
    """Every gauge of every service with 5 % of noise, from the onset on times `service_role`."""
    rng = np.random.default_rng(seed)
    found = []
    for service in SERVICES:
        for role, level in LEVELS.items():
            values = level * rng.uniform(0.5, 2) * rng.lognormal(0, 0.05, GRID.size)
            factor = factors.get(f"{service}_{role}", 1.0)
            found.append(Gauge(service, f"container.{role}", role, "", np.where(AFTER, factor * values, values)))
    return found


@pytest.mark.parametrize("role", ["cpu", "memory", "disk", "pool", "errors", "latency"])
def test_the_service_whose_gauge_rose_is_blamed_for_it(role):
    found = changed(gauges(**{f"stock_{role}": 4.0}), GRID, AT)
    assert next(iter(found.scores)) == "stock"
    first = found.rows.to_pylist()[0]
    assert (first["component"], first["role"]) == ("stock", role)
    assert first["level"] > 3 * first["level_before"]


@pytest.mark.parametrize("at", [100.0, 130.0, 165.0, 200.0])
def test_the_onset_is_found_however_late_or_early_the_alert_is(at):
    found = changed(gauges(stock_cpu=5.0, stock_latency=3.0, front_latency=2.0), GRID, at)
    assert abs(GRID.position_of(found.began) - ONSET) <= 4
    assert next(iter(found.scores)) == "stock"


def test_a_processor_that_is_busier_with_more_requests_did_not_change():
    surge = {f"{name}_{role}": 3.0 for name in ("front", "mail") for role in ("requests", "cpu")}
    found = changed(gauges(**surge, stock_memory=3.0), GRID, AT)
    weights = {(row["component"], row["role"]): row["weight"] for row in found.rows.to_pylist()}
    assert weights.get(("mail", "cpu"), 0.0) < 0.1 < weights["stock", "memory"]


def test_an_idle_service_that_doubles_is_outdone_by_one_that_works():
    many = gauges(stock_cpu=2.0, mail_cpu=30.0)
    idle = [
        Gauge(g.service, g.metric, g.role, g.unit, g.values * (1e-3 if (g.service, g.role) == ("mail", "cpu") else 1))
        for g in many
    ]
    assert next(iter(changed(idle, GRID, AT).scores)) == "stock"


def test_a_resource_that_is_used_less_and_a_series_that_always_wanders_count_nothing():
    wave = np.sin(np.arange(GRID.size) / 12)
    many = gauges(stock_errors=6.0, front_cpu=0.2)
    wild = [
        Gauge(g.service, g.metric, g.role, g.unit, g.values * (1.5 + wave) if g.service == "mail" else g.values)
        for g in many
    ]
    found = changed(wild, GRID, AT)
    assert next(iter(found.scores)) == "stock"
    assert found.scores["front"] < 0.1


def test_names_and_order_decide_nothing():
    many = gauges(stock_cpu=5.0)
    plain = changed(many, GRID, AT)
    other = [Gauge(g.service[::-1], g.metric, g.role, g.unit, g.values) for g in reversed(many)]
    again = changed(other, GRID, AT)
    assert again.began == plain.began
    assert {name[::-1]: score for name, score in again.scores.items()} == pytest.approx(plain.scores)


def test_a_unit_decides_nothing():
    plain = changed(gauges(stock_latency=4.0, front_latency=2.0), GRID, AT)
    many = [
        Gauge(g.service, g.metric, g.role, "ms", g.values * (1e3 if g.role == "latency" else 1))
        for g in gauges(stock_latency=4.0, front_latency=2.0)
    ]
    assert changed(many, GRID, AT).scores == pytest.approx(plain.scores)


def test_holes_in_a_series_are_bridged_and_too_little_says_nothing():
    holed = [
        Gauge(g.service, g.metric, g.role, g.unit, np.where(np.arange(GRID.size) % 3 == 0, g.values, np.nan))
        for g in gauges(stock_cpu=5.0)
    ]
    assert next(iter(changed(holed, GRID, AT).scores)) == "stock"
    assert changed([], GRID, AT) is None
    assert changed(gauges(), Grid(GRID.start, 5.0, 10), 5.0) is None


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("server.duration.p90", "latency"),
        ("server.error.count", "errors"),
        ("server.request.rate", "requests"),
        ("container.cpu.usage", "cpu"),
        ("container.memory.usage", "memory"),
        ("container.disk.io", "disk"),
        ("container.sockets", "pool"),
        ("mem", "memory"),
        ("workload", "requests"),
        ("temperature", None),
    ],
)
def test_the_name_tells_the_role(name, role):
    assert role_of_gauge(name) == role
