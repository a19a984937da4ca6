"""Our own watch: what it sees is an alert once, its end is told, and it survives restarts and blindness."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from kept_cases import at
from made_shop import Shop
from made_shop import at as second
from watchkeeper import settings
from watchkeeper.assembly.watching import SOURCE, Watch, firing, look_at
from watchkeeper.domain import Alert, Signal
from watchkeeper.errors import RecordsUnavailable, SourceUnavailable

OVER_AFTER = timedelta(minutes=5)


def slow(minutes: float = 0) -> Signal:
    return Signal(
        kind="anomaly", at=at(minutes), service="checkout", measure="p95 latency", direction="up",
        observed=0.9, expected=0.1, text="p95 latency of checkout: 900 ms, usually 100 ms",
    )  # fmt: skip


class Shown:
    """A look that shows what a test wants."""

    def __init__(self, known: Sequence[Alert] = ()) -> None:
        self.signals: Sequence[Signal] | None = ()
        self.told: list[Alert] = []
        self.is_refused = False
        self.watch = Watch(lambda _: self.signals, lambda: known, self._receive, OVER_AFTER)

    def _receive(self, alerts: Sequence[Alert]) -> None:
        if self.is_refused:
            raise RecordsUnavailable("read-only")
        self.told += alerts

    def look(self, minutes: float, *signals: Signal) -> list[str]:
        self.signals, self.told = signals, []
        self.watch.tick(at(minutes))
        return [each.status for each in self.told]


def test_what_is_seen_again_and_again_is_told_once_and_so_is_its_end() -> None:
    shown = Shown()
    assert shown.look(0, slow()) == ["firing"]
    alert = shown.told[0]
    assert (alert.source, alert.service, alert.labels["measure"]) == (SOURCE, "checkout", "p95 latency")
    assert shown.look(1, slow(1)) == []
    assert shown.look(2) == []
    assert shown.look(6.9) == []
    assert shown.look(7) == ["resolved"]
    assert (shown.told[0].fingerprint, shown.told[0].ends_at) == (alert.fingerprint, at(2))
    assert shown.look(8, slow(8)) == ["firing"]


def test_what_comes_back_before_it_is_over_was_never_over() -> None:
    shown = Shown()
    shown.look(0, slow())
    shown.look(4)
    assert shown.look(5, slow(5)) == []
    assert shown.look(9.5) == []


def test_after_a_restart_it_goes_on_from_what_is_kept() -> None:
    shown = Shown(known=[firing(slow())])
    assert shown.look(1, slow(1)) == []
    shown.look(2)
    assert shown.look(7) == ["resolved"]


def test_nothing_is_over_because_it_cannot_be_seen() -> None:
    shown = Shown()
    shown.look(0, slow())
    shown.look(1)
    shown.signals = None
    shown.watch.tick(at(4))
    assert shown.look(7) == []
    assert shown.look(12) == ["resolved"]


def test_what_could_not_be_kept_is_told_again() -> None:
    shown = Shown()
    shown.is_refused = True
    with pytest.raises(RecordsUnavailable):
        shown.look(0, slow())
    shown.is_refused = False
    assert shown.look(1, slow(1)) == ["firing"]


class Nothing:
    """A store that holds no telemetry."""

    def extent(self, *_: object) -> object:
        raise SourceUnavailable("the store is away")


def test_a_look_sees_what_is_wrong_and_says_when_it_sees_nothing() -> None:
    look = look_at(settings.load(), Shop(seconds=300, slow={"checkout": 150}).store())
    found = look(second(295))
    assert found
    assert {each.service for each in found} >= {"checkout"}
    assert look(second(3000)) is None
    assert look_at(settings.load(), Nothing())(second(1)) is None  # type: ignore[arg-type]
