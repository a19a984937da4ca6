from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.analysis.series import Grid, groups, red_series
from watchkeeper.domain import Window
from watchkeeper.tables import TIME

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
GRID = Grid(NOON, 5.0, 12)


def answer(*rows: tuple[float, str | None, float, float, float]) -> pa.Table:
    seconds, names, requests, errors, mean = zip(*rows, strict=True)
    return pa.table(
        {
            "time": pa.array([NOON + timedelta(seconds=s) for s in seconds], TIME),
            "service_name": pa.array(names, pa.string()),
            "requests": pa.array(requests),
            "errors": pa.array(errors),
            "mean_ms": pa.array(mean),
            "p95_ms": pa.array(mean),
        }
    )


def test_rows_of_one_key_and_step_add_up_and_durations_weigh_by_requests():
    table = answer((5, "cart", 10, 1, 20.0), (7, "cart", 30, 2, 40.0), (5, "web", 1, 0, 1.0))
    red = red_series(table, ["service_name"], GRID)["cart",]
    assert (red.requests[1], red.errors[1], red.mean_ms[1], red.p95_ms[1]) == (40, 3, 35.0, 40.0)
    assert np.isnan(red.mean_ms[0])


def test_rows_outside_the_grid_are_left_out():
    assert red_series(answer((-1, "cart", 1, 0, 1.0), (60, "cart", 1, 0, 1.0)), ["service_name"], GRID) == {}


def test_rows_of_a_service_without_a_name_are_left_out():
    table = answer((0, None, 1, 0, 1.0), (0, "", 1, 0, 1.0), (0, "b", 1, 0, 1.0))
    assert [key for key, _, _ in groups(table, ["service_name"], GRID)] == [("b",)]


@given(st.permutations(range(6)))
def test_the_order_of_rows_does_not_matter(order: list[int]):
    rows = [(5.0 * i, "ab"[i % 2], 1.0 + i, 0.0, 2.0 * i) for i in range(6)]
    plain, mixed = (red_series(answer(*r), ["service_name"], GRID) for r in (rows, [rows[i] for i in order]))
    assert plain.keys() == mixed.keys()
    assert all(np.array_equal(plain[k].mean_ms, mixed[k].mean_ms, equal_nan=True) for k in plain)


def test_a_grid_holds_the_whole_steps_of_a_window():
    grid = Grid.over(Window(start=NOON, end=NOON + timedelta(seconds=62)), 5.0)
    assert grid.size == 12
    assert grid.time_of(2) == NOON + timedelta(seconds=10)
    assert grid.position_of(NOON + timedelta(seconds=12.5)) == pytest.approx(2.5)
    assert grid.index_of(NOON + timedelta(seconds=12.5)) == 3
