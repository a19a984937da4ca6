from datetime import UTC, datetime, timedelta

import numpy as np

from watchkeeper.domain import Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.evidence.gauges import READINGS, derive_changed, take_gauges
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WINDOW = Window(start=NOON, end=NOON + timedelta(minutes=20))
ALERT = NOON + timedelta(minutes=12)
ONSET_MINUTE = 11
LEVELS = {"server.duration": 0.05, "server.request.rate": 40.0, "container.cpu.usage": 0.3}


def points(times: dict[tuple[str, str], float]) -> list[dict[str, object]]:
    """A gauge every five seconds, with 5 % of noise; from the eleventh minute on times that factor."""
    rng, found = np.random.default_rng(2), list[dict[str, object]]()
    for second in range(0, 1200, 5):
        for service in ("front", "stock", "mail"):
            for name, level in LEVELS.items():
                factor = times.get((service, name), 1.0) if second >= 60 * ONSET_MINUTE else 1.0
                found.append(
                    {
                        "time": NOON + timedelta(seconds=second),
                        "service_name": service,
                        "name": name,
                        "kind": "gauge",
                        "unit": "s" if name == "server.duration" else "1",
                        "value": factor * level * rng.lognormal(0, 0.05),
                    }
                )
    return found


def shop(times: dict[tuple[str, str], float]):
    return store_of({"metrics": table_of("metrics", points(times))})


BUSY = {("stock", "container.cpu.usage"): 4.0, ("front", "server.duration"): 1.4}


def test_gauges_alone_lead_to_the_service_that_changed_most():
    ledger = Ledger(readings=READINGS)
    seen = derive_changed(ledger, take_gauges(shop(BUSY), ledger.ask, WINDOW), ALERT, WINDOW)
    assert seen is not None
    assert next(iter(seen.found.scores)) == "stock"
    assert abs((seen.found.began - NOON).total_seconds() / 60 - ONSET_MINUTE) < 0.5
    assert seen.services == {"front", "stock", "mail"}


def test_what_changed_is_evidence_that_can_be_asked_again():
    source, ledger = shop(BUSY), Ledger(readings=READINGS)
    seen = derive_changed(ledger, take_gauges(source, ledger.ask, WINDOW), ALERT, WINDOW)
    rows = ledger.rows(seen.evidence)
    assert rows.to_pylist()[0]["component"] == "stock"
    assert Recheck(ledger.evidence, source, READINGS).rows(seen.evidence).equals(rows)


def test_without_gauges_nothing_is_said():
    ledger = Ledger(readings=READINGS)
    assert derive_changed(ledger, take_gauges(store_of({}), ledger.ask, WINDOW), ALERT, WINDOW) is None


class Down:
    """A source of metrics that does not answer."""

    def points(self, query, cancel=None):
        raise SourceUnavailable("metrics are down")

    def metric_buckets(self, query, cancel=None):
        raise SourceUnavailable("metrics are down")


def test_a_source_that_is_down_leaves_a_gap():
    ledger = Ledger(readings=READINGS)
    assert derive_changed(ledger, take_gauges(Down(), ledger.ask, WINDOW), ALERT, WINDOW) is None
    assert len(ledger.gaps) == 1
