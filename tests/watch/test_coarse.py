"""A watch over five minutes' rows of metrics, without a span."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from watchkeeper.analysis.series import Grid, Red
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of
from watchkeeper.watch.coarse import CoarseWatch, coarse_symptoms, seasons_of

MONDAY = datetime(2026, 5, 4, tzinfo=UTC)
ROWS, STEP = 144, 300.0
GRID = Grid(MONDAY, STEP, ROWS)
CALLS = frozenset({("front", "search"), ("front", "pay")})


def rows(seed: int = 1, *, requests: float = 500.0, latency_ms: float = 50.0) -> Red:
    rng = np.random.default_rng(seed)
    unknown = np.full(ROWS, np.nan)
    return Red(
        rng.poisson(requests, ROWS).astype(float), np.zeros(ROWS), latency_ms * rng.lognormal(0, 0.03, ROWS), unknown
    )


def found(**services: Red) -> set[tuple[str, str, str]]:
    return {(s.service, s.measure, s.direction) for s in coarse_symptoms(services, GRID, 1.0)}


def test_quiet_rows_are_quiet():
    assert found(front=rows(1), search=rows(2), pay=rows(3)) == set()


def test_availability_that_drops_is_found():
    front = rows()
    front.errors[-3:] = 100
    assert found(front=front, search=rows(2)) == {("front", "error ratio", "up")}


def test_slowness_is_found_and_a_busy_hour_of_all_is_not():
    slow = [rows(seed) for seed in range(5)]
    slow[0].mean_ms[-3:] *= 3
    names = [f"s{number}" for number in range(5)]
    assert found(**dict(zip(names, slow, strict=True))) == {("s0", "mean latency", "up")}
    for red in slow[1:]:
        red.mean_ms[-3:] *= 3
    assert found(**dict(zip(names, slow, strict=True))) == set()


def test_requests_that_stay_away_are_found():
    front = rows()
    front.requests[-3:] = 0
    assert found(front=front, search=rows(2)) == {("front", "traffic", "down")}


def test_traffic_that_falls_below_the_entry_alone_is_none():
    search = rows(2)
    search.requests[-3:] = 0
    services = {"front": rows(), "search": search}
    assert coarse_symptoms(services, GRID, 1.0, entries={"front"}) == []
    assert [s.service for s in coarse_symptoms(services, GRID, 1.0, entries={"front", "search"})] == ["search"]


def test_what_always_fails_and_what_hardly_anybody_asks_for_is_none():
    broken, rare = rows(1), rows(2, requests=3.0)
    broken.errors[:] = broken.requests
    rare.mean_ms[-3:] *= 20
    assert found(broken=broken, rare=rare) == set()


def test_a_night_like_every_night_is_none():
    grid = Grid(MONDAY, STEP, 288 * 5 + 20)
    hours = np.arange(grid.size) % 288 / 12
    level = np.where(hours < 6, 100.0, 1000.0)
    requests = np.random.default_rng(4).poisson(level).astype(float)
    red = Red(requests, np.zeros(grid.size), np.full(grid.size, 50.0), np.full(grid.size, np.nan))
    services = {"front": red}
    assert coarse_symptoms(services, grid, 1.0, seasons_of(services, grid)) == []
    assert [s.measure for s in coarse_symptoms(services, grid, 1.0)] == ["traffic"]


@pytest.mark.parametrize("names", [{"front": "front", "search": "search"}, {"front": "x1", "search": "x0"}])
def test_the_standing_look_finds_a_drop_of_one_row_where_users_come_in(names: dict[str, str]):
    points = [
        point(names[name], row, count, failed)
        for row in range(60)
        for name in ("front", "search")
        for count, failed in ((450.0, False), (50.0 if (name, row) == ("front", 50) else 0.0, True))
    ]
    store = store_of({"metrics": table_of("metrics", points[::-1])})
    watch = CoarseWatch(store, alarms_a_week=1.0, topology={(names["front"], names["search"])}, history_steps=288)
    said = {row: watch.look(MONDAY + timedelta(seconds=STEP * row)) for row in range(1, 61)}
    assert {row for row, signals in said.items() if signals} == {51}
    assert [(s.service, s.measure, s.direction) for s in said[51]] == [(names["front"], "error ratio", "up")]


def point(service: str, row: int, count: float, failed: bool) -> dict[str, object]:
    return {
        "time": MONDAY + timedelta(seconds=STEP * row), "service_name": service,
        "name": "http.server.request.duration", "unit": "s", "kind": "histogram", "temporality": "delta",
        "count": int(count), "value": count * 0.05, "attributes": [("error.type", "_OTHER")] if failed else [],
    }  # fmt: skip
