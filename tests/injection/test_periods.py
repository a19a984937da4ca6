"""Excess put into figures of each period flows up the declared calls."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from watchkeeper.injection.periods import METRIC, Periods, plan, put_in
from watchkeeper.tables import METRICS, table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
COUNT, REQUESTS = 80, 300
MEAN_SECONDS = {"front": 0.11, "search": 0.04, "pay": 0.05, "table": 0.01}
EDGES = frozenset({("front", "search"), ("front", "pay"), ("search", "table")})
SEEDS = range(40)


@pytest.fixture(scope="module")
def periods() -> Periods:
    random = np.random.default_rng(1)
    rows: list[dict[str, object]] = [
        {
            "time": NOON + timedelta(minutes=5 * period),
            "service_name": node,
            "name": METRIC,
            "unit": "s",
            "kind": "histogram",
            "temporality": "delta",
            "value": REQUESTS * mean * float(random.lognormal(0, 0.02)),
            "count": REQUESTS,
        }
        for node, mean in MEAN_SECONDS.items()
        for period in range(COUNT)
    ]
    return Periods.of(table_of("metrics", rows), EDGES)


def added(periods: Periods, seed: int) -> dict[str, float]:
    """Seconds and failures that the case of a seed has more than the quiet table, by node."""
    made = plan(periods, seed)
    case = Periods.of(put_in(periods, made), made.topology)
    begin, end = periods.index(made.fault.onset), periods.index(made.until)
    late = slice(case.index(made.fault.onset), None)
    rows = [(node, periods.nodes.index(node), case.nodes.index(node)) for node in case.nodes]
    if made.fault.kind == "errors":
        return {node: float(case.failures[there, late].sum()) for node, _, there in rows}
    return {
        node: float(case.seconds[there, late].sum() - periods.seconds[here, begin:end].sum())
        for node, here, there in rows
    }


def test_the_culprit_has_the_most_and_its_callers_a_share_of_it(periods):
    for seed in SEEDS:
        made = plan(periods, seed)
        if made.fault.component == "table" and not made.fault.flow.disturbances and not made.fault.flow.lag_periods:
            found = added(periods, seed)
            assert found["table"] > found["search"] * 0.7 > 0
            assert found["front"] > 0
            assert found["pay"] == pytest.approx(0, abs=1e-6)
            return
    pytest.fail("no seed has a plain fault at the table")


def test_a_caller_alarms_never_an_unrelated_node(periods):
    assert {plan(periods, seed).alarmed for seed in SEEDS} == {"front"}


def test_nothing_is_told_from_after_the_moment_that_may_be_read(periods):
    for seed in SEEDS:
        made = plan(periods, seed)
        table = put_in(periods, made)
        assert pc.max(table["time"]).as_py() < made.until
        assert made.fault.onset < made.alarm_at <= made.until


def test_requests_are_neither_made_nor_lost(periods):
    for seed in SEEDS:
        table = put_in(periods, plan(periods, seed))
        by_node = table.group_by(["service_name", "time"]).aggregate([("count", "sum")])
        assert set(by_node["count_sum"].to_pylist()) == {REQUESTS}


def test_a_series_has_one_point_at_a_time_also_where_requests_failed_before(periods):
    table = periods.table
    broken = table.set_column(
        table.schema.get_field_index("attributes"),
        table.schema.field("attributes"),
        pa.array([[("error.type", "_OTHER")]] * table.num_rows, table.schema.field("attributes").type),
    )
    one = pa.array([1] * table.num_rows, table.schema.field("count").type)
    broken = broken.set_column(table.schema.get_field_index("count"), table.schema.field("count"), one)
    both = Periods.of(pa.concat_tables([table, broken]), EDGES)
    made = next(m for seed in SEEDS if (m := plan(both, seed)).fault.kind == "errors")
    points = [str(row) for row in put_in(both, made).select(["service_name", "time", "attributes"]).to_pylist()]
    assert len(points) == len(set(points))


def test_a_node_that_counts_by_endpoint_gets_its_excess_once(periods):
    twice = Periods.of(pa.concat_tables([by_route(periods.table, route) for route in ("/a", "/b")]), EDGES)
    made = next(m for seed in SEEDS if (m := plan(twice, seed)).fault.kind == "latency")
    row, late = twice.nodes.index(made.fault.component), slice(twice.index(made.fault.onset), twice.index(made.until))
    case = Periods.of(put_in(twice, made), made.topology)
    more = case.seconds[case.nodes.index(made.fault.component), case.index(made.fault.onset) :].sum()
    assert more - twice.seconds[row, late].sum() == pytest.approx(made.excess[row, late].sum())


def by_route(table, route):
    attributes = pa.array([[("http.route", route)]] * table.num_rows, table.schema.field("attributes").type)
    return table.set_column(table.schema.get_field_index("attributes"), table.schema.field("attributes"), attributes)


def test_declared_calls_may_be_lost_and_none_is_invented(periods):
    graphs = [plan(periods, seed).topology for seed in SEEDS]
    assert all(graph <= EDGES for graph in graphs)
    assert any(graph < EDGES for graph in graphs)


def test_the_same_seed_gives_the_same_bytes(periods):
    tables = [put_in(periods, plan(periods, 3)) for _ in range(2)]
    assert tables[0].equals(tables[1])
    assert tables[0].schema.equals(METRICS)


def test_too_few_periods_are_refused(periods):
    few = Periods.of(periods.table.filter(pc.less(periods.table["time"], NOON + timedelta(hours=2))), EDGES)
    with pytest.raises(ValueError, match="too few"):
        plan(few, 1)
