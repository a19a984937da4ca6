from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from watchkeeper.analysis.golden import golden_grid, golden_names, golden_series, role_of
from watchkeeper.analysis.series import Grid
from watchkeeper.domain import Window
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import MetricBucketQuery

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
GRID = Grid(NOON, 300.0, 3)
WINDOW = Window(start=NOON, end=NOON + timedelta(seconds=900))


def point(step: float, value: float, **more: object) -> dict[str, object]:
    return {"time": NOON + timedelta(seconds=300 * step), "service_name": "shop", "value": value, **more}


def histogram(step: float, seconds: float, count: int, **more: object) -> dict[str, object]:
    kind = {"name": "http.server.request.duration", "unit": "s", "kind": "histogram", "temporality": "delta"}
    return point(step, seconds, count=count, **{**kind, **more})


def counter(step: float, name: str, value: float, **more: object) -> dict[str, object]:
    return point(step, value, name=name, kind="sum", temporality="cumulative", is_monotonic=True, **more)


def gauge(step: float, name: str, value: float, **more: object) -> dict[str, object]:
    return point(step, value, name=name, kind="gauge", **more)


def series(rows: list[dict[str, object]], grid: Grid = GRID):
    return golden_series(table_of("metrics", rows), grid)


def test_a_delta_histogram_gives_requests_failures_and_the_mean():
    failed = {"attributes": [("error.type", "timeout")]}
    rows = [histogram(0, 5, 50), histogram(1, 9, 30), histogram(1, 3, 10, **failed)]
    red = series(rows)["shop"]
    assert red.requests.tolist() == [50, 40, 0]
    assert red.errors.tolist() == [0, 10, 0]
    assert red.mean_ms[:2].tolist() == pytest.approx([100, 300])
    assert np.isnan(red.mean_ms[2])


def test_a_status_of_5xx_is_a_failure_and_4xx_is_none():
    rows = [
        histogram(0, 1, 7, attributes=[("http.response.status_code", "404")]),
        histogram(0, 1, 3, attributes=[("http.response.status_code", "503")]),
    ]
    assert series(rows)["shop"].errors[0] == 3


def test_a_cumulative_histogram_is_read_by_its_increments_and_may_begin_anew():
    cumulative = {"temporality": "cumulative"}
    rows = [histogram(0, 10, 100, **cumulative), histogram(1, 16, 120, **cumulative), histogram(2, 1, 10, **cumulative)]
    red = series(rows)["shop"]
    assert red.requests.tolist() == [0, 20, 10]
    assert red.mean_ms[1:].tolist() == pytest.approx([300, 100])


def test_counters_in_prometheus_names_are_read():
    rows = [
        counter(step, name, value)
        for name, values in {
            "shop_request_duration_seconds_sum": (1, 2, 5),
            "shop_request_duration_seconds_count": (10, 20, 30),
            "shop_errors_total": (0, 1, 6),
        }.items()
        for step, value in enumerate(values)
    ]
    red = series(rows)["shop"]
    assert red.requests.tolist() == [0, 10, 10]
    assert red.errors.tolist() == [0, 1, 5]
    assert red.mean_ms[1:].tolist() == pytest.approx([100, 300])


def test_gauges_of_availability_and_latency_are_read_in_their_units():
    rows = [
        gauge(0, "requests", 200),
        gauge(0, "availability", 98.5, unit="%"),
        gauge(0, "latency.average", 80, unit="ms"),
    ]
    red = series(rows)["shop"]
    assert (red.requests[0], red.mean_ms[0]) == (200, 80)
    assert red.errors[0] == pytest.approx(3)


def test_without_a_count_of_requests_each_step_is_taken_for_one():
    red = series([gauge(0, "availability", 0.75), gauge(1, "availability", 1.0)])["shop"]
    assert red.requests.tolist() == [1, 1, 0]
    assert red.errors.tolist() == [0.25, 0, 0]


def test_two_metrics_of_the_same_requests_are_not_added_up():
    rows = [histogram(1, 5, 50), counter(0, "http_requests_total", 0), counter(1, "http_requests_total", 52)]
    assert series(rows)["shop"].requests[1] == 50


def test_instances_are_added_up():
    rows = [histogram(0, 1, 10, service_instance_id="a"), histogram(0, 3, 10, service_instance_id="b")]
    red = series(rows)["shop"]
    assert (red.requests[0], red.mean_ms[0]) == (20, pytest.approx(200))


def test_what_a_client_measured_is_not_the_service_s_own():
    for name in ("http.client.request.duration", "db.client.operation.duration", "go.gc.duration", "process.cpu.time"):
        assert role_of(name, "histogram") is None
    assert golden_names(table_of("metrics", [histogram(0, 1, 1, name="rpc.client.duration")])) == ()


def test_the_grid_has_the_period_and_the_phase_of_the_points():
    rows = [histogram(step + 0.4, 1, 10) for step in range(3)]
    grid = golden_grid(table_of("metrics", rows), WINDOW)
    assert grid.step_seconds == 300
    assert (NOON - grid.start).total_seconds() == 180
    assert grid.time_of(grid.size) >= WINDOW.end
    assert series(rows, grid)["shop"].requests.tolist() == [0, 10, 10, 10]


def test_frequent_points_are_laid_on_steps_of_a_minute():
    rows = [histogram(second / 300, 1, 10) for second in range(0, 900, 15)]
    grid = golden_grid(table_of("metrics", rows), WINDOW)
    assert (grid.step_seconds, grid.size) == (60, 15)
    assert series(rows, grid)["shop"].requests.tolist() == [40] * 15


def test_buckets_of_the_store_say_the_same_as_points():
    rows = [histogram(0, 5, 50), histogram(1, 9, 30), gauge(0, "availability", 0.9), gauge(1, "availability", 0.8)]
    store = store_of({"metrics": table_of("metrics", rows)})
    buckets = store.metric_buckets(MetricBucketQuery(window=WINDOW, step_seconds=300)).rows
    from_buckets, from_points = golden_series(buckets, GRID)["shop"], series(rows)["shop"]
    assert from_buckets.requests.tolist() == from_points.requests.tolist()
    assert from_buckets.errors.tolist() == from_points.errors.tolist()


def test_the_order_of_rows_does_not_matter():
    rows = [counter(step, "http_requests_total", value) for step, value in enumerate((5, 9, 20))]
    assert series(rows)["shop"].requests.tolist() == series(rows[::-1])["shop"].requests.tolist() == [0, 4, 11]


def test_no_metrics_are_no_series():
    assert series([]) == {}
    assert golden_grid(table_of("metrics", []), WINDOW).size == 15
