from datetime import UTC, datetime, timedelta

from watchkeeper.diagnosis.fusion import fuse
from watchkeeper.diagnosis.measured_only import Measured, conclude_measured, ground_of_measured
from watchkeeper.diagnosis.traits import of_metrics
from watchkeeper.domain import Cost, Signal, Window
from watchkeeper.evidence.golden import READINGS, derive_excess, take_golden, trouble_in
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WINDOW = Window(start=NOON, end=NOON + timedelta(minutes=30))
CALLS = {("front", "shop"), ("front", "stock")}
ALARM = Signal(kind="alert", at=NOON + timedelta(minutes=21), service="front", measure="mean latency", direction="up")
SLOW = {"front": 30.0, "stock": 30.0}


def points(slow: dict[str, float], times: float) -> list[dict[str, object]]:
    """Every five minutes 100 requests of .1 s; from the twentieth on so many more requests, and seconds."""
    return [
        {
            "time": NOON + timedelta(minutes=minute),
            "service_name": name,
            "name": "http.server.request.duration",
            "unit": "s",
            "kind": "histogram",
            "temporality": "delta",
            "value": (10 + 0.1 * (minute % 3)) * (times if minute >= 20 else 1)
            + (slow.get(name, 0.0) if minute >= 20 else 0.0),
            "count": round(100 * (times if minute >= 20 else 1)),
        }
        for minute in range(0, 30, 5)
        for name in ("front", "shop", "stock")
    ]


def diagnosed(slow: dict[str, float], times: float = 1.0):
    source, ledger = store_of({"metrics": table_of("metrics", points(slow, times))}), Ledger(readings=READINGS)
    golden = take_golden(source, ledger.ask, WINDOW, (), CALLS)
    trouble = trouble_in(golden, ALARM)
    assert trouble is not None
    seen = Measured(golden, trouble, derive_excess(ledger, golden, ALARM, WINDOW), WINDOW)
    recheck = Recheck(ledger.evidence, source, READINGS)
    ground = ground_of_measured(seen, recheck, WINDOW.end)
    fused = fuse(of_metrics(trouble, ground.components, ground.latest_onset, {"always": 1.0}))
    return conclude_measured(seen, fused, recheck, (), WINDOW.end, Cost(seconds=0.0, queries=1))


def test_the_callee_that_explains_the_alarm_is_told_with_claims_that_hold():
    found = diagnosed(SLOW)
    first = found.hypotheses[0]
    assert (found.status, first.component, first.kind) == ("diagnosed", "stock", "latency")
    assert {claim.role for claim in first.claims} == {"cause", "timing"}
    assert found.struck == ()


def test_trouble_that_comes_with_far_more_requests_is_a_surge():
    first = diagnosed(SLOW, times=3.0).hypotheses[0]
    assert (first.component, first.kind) == ("stock", "surge")
    assert any("requests of stock" in claim.text for claim in first.claims)


def test_as_many_requests_as_ever_are_no_surge():
    assert all("requests of" not in claim.text for claim in diagnosed(SLOW).hypotheses[0].claims)
