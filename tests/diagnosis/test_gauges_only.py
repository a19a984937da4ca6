from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from watchkeeper.diagnosis.fusion import fuse
from watchkeeper.diagnosis.gauges_only import conclude_gauges, of_gauges
from watchkeeper.domain import Cost, Window
from watchkeeper.evidence.gauges import READINGS, derive_changed, take_gauges
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WINDOW = Window(start=NOON, end=NOON + timedelta(minutes=20))
ALERT = NOON + timedelta(minutes=12)
LEVELS = {"server.duration": 0.05, "container.cpu.usage": 0.3, "container.memory.usage": 2e8, "container.sockets": 9.0}


def points(metric: str, factor: float) -> list[dict[str, object]]:
    """Gauges every five seconds; from the eleventh minute on that metric of stock times that factor."""
    rng = np.random.default_rng(3)
    return [
        {
            "time": NOON + timedelta(seconds=second),
            "service_name": service,
            "name": name,
            "kind": "gauge",
            "unit": "1",
            "value": level
            * rng.lognormal(0, 0.05)
            * (factor if (service, name) == ("stock", metric) and second >= 660 else 1),
        }
        for second in range(0, 1200, 5)
        for service in ("front", "stock", "mail")
        for name, level in LEVELS.items()
    ]


def diagnosed(metric: str, factor: float):
    source, ledger = store_of({"metrics": table_of("metrics", points(metric, factor))}), Ledger(readings=READINGS)
    seen = derive_changed(ledger, take_gauges(source, ledger.ask, WINDOW), ALERT, WINDOW)
    assert seen is not None
    fused = fuse(of_gauges(seen, {"always": 1.0}))
    recheck = Recheck(ledger.evidence, source, READINGS)
    return conclude_gauges(seen, fused, recheck, WINDOW, (), WINDOW.end, Cost(seconds=0.0, queries=1))


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("container.cpu.usage", "cpu"),
        ("container.memory.usage", "memory"),
        ("container.sockets", "pool-exhaustion"),
        ("server.duration", "latency"),
    ],
)
def test_the_heaviest_change_tells_the_kind(metric, kind):
    first = diagnosed(metric, 5.0).hypotheses[0]
    assert (first.component, first.kind) == ("stock", kind)


def test_what_is_said_is_checked_and_cites_the_change():
    found = diagnosed("container.cpu.usage", 5.0)
    claims = found.hypotheses[0].claims
    assert {claim.role for claim in claims} == {"cause", "timing"}
    assert all(claim.about == "stock" for claim in claims)
    assert found.struck == ()
    assert "stock" in found.headline or found.status == "inconclusive"


def test_a_service_that_did_not_change_is_not_told():
    assert next(each.component for each in diagnosed("container.cpu.usage", 5.0).hypotheses) == "stock"
    assert "mail" not in [each.component for each in diagnosed("container.cpu.usage", 5.0).hypotheses[:1]]
