import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from watchkeeper.domain import Signal, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.evidence.golden import READINGS, derive_excess, take_golden, trouble_in
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of

NOON = datetime(2026, 5, 4, 12, 2, tzinfo=UTC)
WINDOW = Window(start=NOON, end=NOON + timedelta(minutes=30))
QUIET = Window(start=NOON - timedelta(days=30), end=NOON - timedelta(days=30) + timedelta(hours=2))
CALLS = {("front", "shop"), ("front", "stock")}
ALARM = Signal(kind="alert", at=NOON + timedelta(minutes=21), service="front", measure="mean latency", direction="up")


def told(source, signal=ALARM, window=WINDOW, calls=CALLS):
    """Who is to blame how much, by component."""
    found = trouble_in(take_golden(source, Ledger().ask, window, (QUIET,), calls), signal)
    assert found is not None
    return {name: share.score for name, share in found.flow.shares.items()}


def rows(window: Window, slow: dict[str, float]) -> list[dict[str, object]]:
    """Every five minutes: 100 requests of .1 s, with that many seconds more from the twentieth minute on."""
    found: list[dict[str, object]] = []
    for minute in range(0, int(window.duration.total_seconds() // 60), 5):
        for name in ("front", "shop", "stock"):
            seconds = 10 + (slow.get(name, 0.0) if minute >= 20 else 0.0) + 0.1 * (minute % 3)
            found.append(
                {
                    "time": window.start + timedelta(minutes=minute),
                    "service_name": name,
                    "name": "http.server.request.duration",
                    "unit": "s",
                    "kind": "histogram",
                    "temporality": "delta",
                    "value": seconds,
                    "count": 100,
                }
            )
    return found


def shop(slow: dict[str, float]):
    return store_of({"metrics": table_of("metrics", rows(QUIET, {}) + rows(WINDOW, slow))})


def test_metrics_alone_lead_from_the_alarm_to_the_cause():
    ledger = Ledger(readings=READINGS)
    golden = take_golden(shop({"front": 30, "stock": 30}), ledger.ask, WINDOW, (QUIET,), CALLS)
    assert (golden.grid.step_seconds, golden.grid.size) == (300, 6)
    assert golden.usual["shop"].requests.sum() == 2400
    found = trouble_in(golden, ALARM)
    assert found is not None
    assert found.flow.ranked[0] == "stock"


def test_the_excess_is_evidence_that_can_be_asked_again():
    source, ledger = shop({"front": 30, "stock": 30}), Ledger(readings=READINGS)
    golden = take_golden(source, ledger.ask, WINDOW, (QUIET,), CALLS)
    number = derive_excess(ledger, golden, ALARM, WINDOW)
    assert ledger.rows(number).to_pylist()[0]["component"] == "stock"
    assert Recheck(ledger.evidence, source, READINGS).rows(number).equals(ledger.rows(number))


def test_a_signal_that_names_nobody_is_looked_at_where_users_come_in():
    golden = take_golden(shop({"front": 30, "shop": 30}), Ledger().ask, WINDOW, (), CALLS)
    found = trouble_in(golden, ALARM.model_copy(update={"service": None, "measure": None}))
    assert found is not None
    assert (found.target, found.flow.ranked[0]) == ("front", "shop")


def test_without_metrics_of_requests_nothing_more_is_asked():
    ledger = Ledger(readings=READINGS)
    golden = take_golden(store_of({}), ledger.ask, WINDOW, (QUIET,), CALLS)
    assert golden.services == {}
    assert len(ledger.evidence) == 1
    assert trouble_in(golden, ALARM) is None


class Down:
    """A source of metrics that does not answer."""

    def points(self, query, cancel=None):
        raise SourceUnavailable("metrics are down")

    def metric_buckets(self, query, cancel=None):
        raise SourceUnavailable("metrics are down")


def test_a_source_that_is_down_leaves_a_gap():
    ledger = Ledger(readings=READINGS)
    assert take_golden(Down(), ledger.ask, WINDOW, (QUIET,), CALLS).services == {}
    assert ledger.gaps == ("Which metrics are there? Not known: metrics are down",)


@pytest.mark.parametrize("late", [0, 300, 600])
def test_a_late_alarm_changes_nothing(late):
    golden = take_golden(shop({"front": 30, "stock": 30}), Ledger().ask, WINDOW, (QUIET,), CALLS)
    found = trouble_in(golden, ALARM.model_copy(update={"at": ALARM.at + timedelta(seconds=late)}))
    assert found is not None
    assert found.flow.ranked[0] == "stock"


SLOW = {"front": 30.0, "stock": 30.0}


def test_the_order_of_rows_decides_nothing():
    mixed = rows(QUIET, {}) + rows(WINDOW, SLOW)
    random.Random(1).shuffle(mixed)
    assert told(store_of({"metrics": table_of("metrics", mixed)})) == told(shop(SLOW))


def test_the_time_zone_decides_nothing():
    far = timezone(timedelta(hours=5, minutes=30))
    window = Window(start=WINDOW.start.astimezone(far), end=WINDOW.end.astimezone(far))
    signal = ALARM.model_copy(update={"at": ALARM.at.astimezone(far)})
    assert told(shop(SLOW), signal, window) == told(shop(SLOW))


@pytest.mark.parametrize(("unit", "factor"), [("ms", 1e3), ("us", 1e6)])
def test_the_unit_of_durations_decides_nothing(unit, factor):
    plain = rows(QUIET, {}) + rows(WINDOW, SLOW)
    other = [{**row, "unit": unit, "value": row["value"] * factor} for row in plain]
    assert told(store_of({"metrics": table_of("metrics", other)})) == pytest.approx(told(shop(SLOW)))


def test_names_decide_nothing():
    new = {"front": "z", "shop": "y", "stock": "a"}
    plain = rows(QUIET, {}) + rows(WINDOW, SLOW)
    renamed = [{**row, "service_name": new[row["service_name"]]} for row in plain]
    signal = ALARM.model_copy(update={"service": new["front"]})
    calls = {(new[a], new[b]) for a, b in CALLS}
    found = told(store_of({"metrics": table_of("metrics", renamed)}), signal, calls=calls)
    assert found == pytest.approx({new[name]: share for name, share in told(shop(SLOW)).items()})


@pytest.mark.parametrize(("measure", "direction"), [("availability", "down"), ("error_ratio", "up")])
def test_failures_are_followed_whichever_way_they_are_told(measure, direction):
    signal = ALARM.model_copy(update={"measure": measure, "direction": direction})
    assert max(told(failing({"front": 40, "stock": 40}), signal).items(), key=lambda item: item[1])[0] == "stock"


def test_fewer_requests_are_asked_of_those_who_make_them():
    fewer = ALARM.model_copy(update={"service": "shop", "measure": "requests", "direction": "down"})
    shares = told(failing({"front": 40, "stock": 40}), fewer)
    assert max(shares, key=lambda name: shares[name]) == "stock"


def test_fewer_requests_that_nobody_fails_over_are_explained_by_nothing():
    fewer = ALARM.model_copy(update={"service": "shop", "measure": "requests", "direction": "down"})
    golden = take_golden(shop({}), Ledger().ask, WINDOW, (QUIET,), CALLS)
    assert trouble_in(golden, fewer) is None


def test_what_a_signal_asked_is_asked_again_in_the_same_way():
    fewer = ALARM.model_copy(update={"service": "shop", "measure": "requests", "direction": "down"})
    source, ledger = failing({"front": 40, "stock": 40}), Ledger(readings=READINGS)
    golden = take_golden(source, ledger.ask, WINDOW, (QUIET,), CALLS)
    found = trouble_in(golden, fewer)
    assert found is not None
    assert ledger.rows(derive_excess(ledger, golden, fewer, WINDOW)).equals(found.rows)


def failing(failed: dict[str, int]):
    """The same requests, of which so many fail from the twentieth minute on."""
    whole = rows(QUIET, {}) + rows(WINDOW, {})
    late = WINDOW.start + timedelta(minutes=20)
    hit = [row for row in whole if row["time"] >= late and row["service_name"] in failed]
    broken = [
        {**row, "count": failed[row["service_name"]], "value": 0.1, "attributes": [("error.type", "_OTHER")]}
        for row in hit
    ]
    return store_of({"metrics": table_of("metrics", whole + broken)})
