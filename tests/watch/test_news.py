"""Errors that were never written before, and business figures that fell."""

from datetime import UTC, datetime, timedelta

import numpy as np

from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.store import Store
from watchkeeper.watch.news import NewsWatch, fallen

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ERROR, INFO = 17, 9


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def line(minutes: float, body: str, severity: int) -> dict[str, object]:
    return {"time": at(minutes), "service_name": "pay", "body": body, "severity_number": severity}


def logged(*errors: tuple[float, str]) -> Store:
    usual = [line(minute / 10, f"served {minute} in 3 ms", INFO) for minute in range(600)]
    return store_of({"logs": table_of("logs", [*usual, *(line(when, body, ERROR) for when, body in errors)])})


def test_an_error_that_was_never_written_before_is_news():
    new = [(58 + number / 20, f"cannot reach ledger after {number} tries") for number in range(40)]
    (signal,) = NewsWatch(logged(*new), 1.0).look(at(60))
    assert (signal.service, signal.measure, signal.observed) == ("pay", "new errors", 40.0)


def test_an_error_that_comes_now_and_then_is_none():
    old = [(number / 2, f"cannot reach ledger after {number} tries") for number in range(120)]
    assert NewsWatch(logged(*old), 1.0).look(at(60)) == []


def test_errors_of_one_moment_are_none():
    blip = [(59.9, f"cannot reach ledger after {number} tries") for number in range(40)]
    assert NewsWatch(logged(*blip), 1.0).look(at(60)) == []


def test_orders_that_stay_away_are_a_business_signal():
    events = [
        {"id": f"{minute}.{part}", "time": at(minute + part / 30), "name": "order placed", "user_id": f"u{part}"}
        for minute in range(60)
        for part in range(30 if minute < 54 else 3)
    ]
    store = store_of({"events": table_of("events", events)})
    watch = NewsWatch(store, 1.0)
    assert watch.look(at(50)) == []
    (signal,) = watch.look(at(60))
    assert (signal.kind, signal.measure, signal.direction) == ("business", "order placed", "down")


def test_few_events_and_a_short_history_say_nothing():
    assert fallen("order", np.r_[np.full(100, 2.0), np.zeros(5)], 1e-3, NOON) is None
    assert fallen("order", np.r_[np.full(10, 50.0), np.zeros(5)], 1e-3, NOON) is None
    assert fallen("order", np.zeros(100), 1e-3, NOON) is None
