"""Vitals that are kept from look to look are those that a question about the whole stretch answers."""

from datetime import timedelta

import numpy as np

from made_shop import Shop, at
from watchkeeper.domain import Window
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.vitals import Vitals, take_vitals
from watchkeeper.telemetry.sources import Answer, RedQuery
from watchkeeper.telemetry.store import Store
from watchkeeper.watch.rolling import RollingVitals

LOOKBACK = 200.0


class Counting:
    """A store that remembers over how many seconds it was asked for requests."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[float] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def red(self, query: RedQuery, *rest: object) -> Answer:
        self.asked.append(query.window.duration.total_seconds())
        return self._store.red(query)


def assert_same(one: Vitals, other: Vitals) -> None:
    assert one.grid == other.grid
    assert one.uninstrumented == other.uninstrumented
    assert one.presence.keys() == other.presence.keys()
    assert all(np.array_equal(one.presence[name], other.presence[name]) for name in one.presence)
    for field in ("services", "operations", "calls", "answered"):
        ours, theirs = getattr(one, field), getattr(other, field)
        assert ours.keys() == theirs.keys()
        for key, red in ours.items():
            assert np.array_equal(red.requests, theirs[key].requests)
            assert np.array_equal(red.errors, theirs[key].errors)
            assert np.allclose(red.mean_ms, theirs[key].mean_ms, equal_nan=True)
            assert np.allclose(red.p95_ms, theirs[key].p95_ms, equal_nan=True)
    assert one.resources.keys() == other.resources.keys()
    for kind, usage in one.resources.items():
        assert np.allclose(usage.values, other.resources[kind].values, equal_nan=True)


def test_what_is_kept_is_what_would_be_asked():
    store = Shop(slow={"checkout": 120}, failing={"payment": 0.3}, silent=("gateway",)).store()
    rolling = RollingVitals(store, LOOKBACK)
    for second in range(120, 301, 15):
        whole = take_vitals(store, Window.before(at(second), LOOKBACK), Ledger())
        assert_same(rolling.until(at(second)), whole)


def test_a_look_asks_for_little_once_it_knows_the_rest():
    store = Counting(Shop().store())
    rolling = RollingVitals(store, LOOKBACK)  # type: ignore[arg-type]
    for second in (250, 255, 260):
        rolling.until(at(second))
    assert store.asked[0] == LOOKBACK
    assert max(store.asked[2:]) < LOOKBACK / 4


def test_going_back_in_time_asks_for_everything_again():
    store = Shop().store()
    rolling = RollingVitals(store, LOOKBACK)
    rolling.until(at(300))
    earlier = at(300) - timedelta(seconds=60)
    assert_same(rolling.until(earlier), take_vitals(store, Window.before(earlier, LOOKBACK), Ledger()))
