from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from watchkeeper.analysis.drilldown import drill_down
from watchkeeper.analysis.metric_leaves import metric_leaves
from watchkeeper.domain import Window
from watchkeeper.tables import table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
USUAL = Window(start=NOON, end=NOON + timedelta(minutes=10))
INCIDENT = Window(start=USUAL.end, end=USUAL.end + timedelta(minutes=10))


def points(*, cumulative: bool, ms: float = 20.0, failing: int = 30, requests: int = 40) -> pa.Table:
    """Forty requests a minute of each region and route; from minute ten on those from Europe to /buy are hit."""
    rows: list[dict[str, object]] = []
    sums: dict[tuple[str, ...], list[float]] = {}
    for minute in range(-1, 20):
        for region in ("eu", "us", "asia"):
            for route in ("/buy", "/list"):
                is_hit = minute >= 10 and (region, route) == ("eu", "/buy")
                bad = failing if is_hit else 0
                total = requests if is_hit else 40
                for status, count in (("200", total - bad), ("503", bad)):
                    labels = (region, route, status)
                    level = sums.setdefault(labels, [0.0, 0.0])
                    gain = [count, count * (ms if is_hit else 20.0) / 1e3]
                    level[:] = [a + b for a, b in zip(level, gain, strict=True)] if cumulative else gain
                    names = ("region", "http.route", "http.response.status_code")
                    rows.append(
                        {
                            "time": NOON + timedelta(minutes=minute, seconds=1),
                            "service_name": "pay",
                            "name": "http.server.request.duration",
                            "kind": "histogram",
                            "unit": "s",
                            "temporality": "cumulative" if cumulative else "delta",
                            "count": int(level[0]),
                            "value": level[1],
                            "attributes": list(zip(names, labels, strict=True)),
                        }
                    )
    return table_of("metrics", rows)


@pytest.mark.parametrize("cumulative", [True, False])
def test_the_labels_that_carry_failures_are_told(cumulative: bool) -> None:
    leaves = metric_leaves(points(cumulative=cumulative), "pay", USUAL, INCIDENT)
    assert leaves.attributes == ("http.route", "region")
    (found,) = drill_down(leaves, "errors")
    assert (found.attribute, found.value) == ("http.route, region", "/buy, eu")
    assert (found.sides.now.requests, found.sides.now.errors) == (400, 300)


def test_the_labels_that_got_slow_are_told_in_seconds() -> None:
    (found,) = drill_down(metric_leaves(points(cumulative=True, ms=220, failing=0), "pay", USUAL, INCIDENT), "latency")
    assert (found.value, found.extra.amount) == ("/buy, eu", pytest.approx(80, rel=0.05))


def test_the_labels_whose_requests_stopped_are_told() -> None:
    leaves = metric_leaves(points(cumulative=True, failing=0, requests=0), "pay", USUAL, INCIDENT)
    (found,) = drill_down(leaves, "requests")
    assert (found.value, found.extra.amount) == ("/buy, eu", 400)


def test_another_service_has_no_leaves() -> None:
    leaves = metric_leaves(points(cumulative=True), "cart", USUAL, INCIDENT)
    assert leaves.values == ()
    assert drill_down(leaves, "errors") == drill_down(leaves, "requests") == []
