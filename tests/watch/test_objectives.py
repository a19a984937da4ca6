"""Budgets of failures that burn too fast, of what was promised and of what is inferred."""

from datetime import UTC, datetime, timedelta

import numpy as np

from made_shop import Shop, at
from watchkeeper.analysis.series import Key, Red
from watchkeeper.watch.objectives import Objectives, Promise, bad_requests, broken_promises, main_entries

NOW = datetime(2026, 5, 4, 13, tzinfo=UTC)
MINUTES = 120


def served(failing_share: float = 0.0, p95_ms: float = 40.0, requests: float = 600.0) -> Red:
    errors = np.zeros(MINUTES)
    errors[-10:] = failing_share * requests
    return Red(np.full(MINUTES, requests), errors, np.full(MINUTES, 20.0), np.full(MINUTES, p95_ms))


def broken(red: Red, *promises: Promise) -> list[str]:
    reds: dict[Key, Red] = {("shop", ""): red}
    return [signal.text for signal in broken_promises(promises, reds, 60.0, NOW)]


def test_failures_beyond_what_was_promised_are_a_signal():
    (text,) = broken(served(0.5), Promise("shop", 0.995, name="orders get through"))
    assert text == "shop: 50.0% of requests were not good, 100 times what orders get through of 0.995 allows"


def test_a_promise_that_is_kept_is_none():
    assert broken(served(0.001), Promise("shop", 0.995)) == []


def test_slow_requests_break_a_promise_of_speed():
    assert broken(served(p95_ms=900.0), Promise("shop", 0.999, latency_ms=500.0)) != []
    assert broken(served(p95_ms=400.0), Promise("shop", 0.999, latency_ms=500.0)) == []
    assert bad_requests(served(p95_ms=900.0), 500.0)[0] == 30.0


def test_what_is_inferred_opens_no_ticket():
    creeping = served()
    creeping.errors[:] = 2.0
    assert broken(creeping, Promise("shop", is_inferred=True)) == []


def test_a_probe_is_no_entry_that_matters():
    assert main_entries({"shop": served(requests=600.0), "probe": served(requests=2.0)}) == {"shop"}
    assert main_entries({}) == set()


def test_counts_are_kept_and_extended_from_look_to_look():
    store = Shop(seconds=600, onset=300, failing={"payment": 0.3}).store()
    kept = Objectives(store)
    looks = [bool(kept.look(at(second), ["gateway"])) for second in (240, 300, 480, 600)]
    assert looks == [False, False, False, True] or looks == [False, False, True, True]
    fresh = Objectives(store).look(at(600), ["gateway"])
    assert [s.observed for s in fresh] == [s.observed for s in kept.look(at(600), ["gateway"])]
    assert kept.look(at(600) + timedelta(hours=12), ["gateway"]) == []
