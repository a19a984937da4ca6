"""The standing watch over the live store: what it sees becomes alerts like anybody else's, and so does its end."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper import catalogue
from watchkeeper.assembly.sources import latest
from watchkeeper.domain import Alert, Signal
from watchkeeper.errors import SourceUnavailable
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import Sources
from watchkeeper.watch.detection import Detector
from watchkeeper.watch.objectives import Promise

SOURCE = "watch"
FRESH_SECONDS = 60.0
"""Telemetry that is older says nothing about now: that nothing is seen in it is not the end of anything."""
LONGEST_FINGERPRINT = 128

Look = Callable[[datetime], Sequence[Signal] | None]
"""What is wrong at a moment; None where nothing can be seen."""


def look_at(settings: Settings, sources: Sources) -> Look:
    """The looks of the watch, as settings and catalogue have them: each asks for what is new since the one before.

    Raises ConfigError for a catalogue that cannot be read; a look raises SourceUnavailable, StoreUnavailable.
    """
    windows = settings.diagnosis
    detector = Detector(
        sources,
        lookback_seconds=windows.lookback_minutes * 60,
        lag_seconds=windows.lag_seconds,
        alarms_a_week=settings.watch.alarms_a_week,
        promises=promises_of(catalogue.load(settings.home)),
    )

    def look(now: datetime) -> Sequence[Signal] | None:
        try:
            is_fresh = latest(sources) >= now - timedelta(seconds=FRESH_SECONDS)
        except SourceUnavailable:
            return None
        found = detector.look(now)
        return found if is_fresh or found else None

    return look


def promises_of(known: catalogue.Catalogue) -> list[Promise]:
    """The objectives of every service that somebody described."""
    return [
        Promise(name, each.target_percent / 100, each.latency_ms, each.route, each.name)
        for name, service in sorted(known.services.items())
        for each in service.objectives
    ]


@dataclass
class _Seen:
    """An alert of ours that is not over, and since when it has not been seen."""

    alert: Alert
    clear_since: datetime | None = None


class Watch:
    """Looks regularly; raises an alert when something is wrong, and its end when it has not been seen for long."""

    def __init__(
        self,
        look: Look,
        active: Callable[[], Iterable[Alert]],
        receive: Callable[[Sequence[Alert]], object],
        over_after: timedelta,
    ) -> None:
        """`active` are the alerts of the watch that are kept and not resolved: it goes on from them after a restart.

        What `receive` did not take (it raises) is said again at the next look.
        """
        self._look, self._active, self._receive, self._over_after = look, active, receive, over_after
        self._known: dict[str, _Seen] | None = None

    def tick(self, now: datetime) -> None:
        """Look once."""
        if self._known is None:
            self._known = {alert.fingerprint: _Seen(alert) for alert in self._active()}
        try:
            signals = self._look(now)
        except Exception:
            self._doubt_ends()
            raise
        if signals is None:
            self._doubt_ends()
            return
        # The clearest comes first, so that it is the one that opens the incident which the others join.
        seen: dict[str, Signal] = {}
        for signal in signals:
            seen.setdefault(fingerprint_of(signal), signal)
        begun = [firing(signal) for name, signal in seen.items() if name not in self._known]
        for name, each in self._known.items():
            each.clear_since = None if name in seen else each.clear_since or now
        ended = [
            each for each in self._known.values() if each.clear_since and now - each.clear_since >= self._over_after
        ]
        news = [*begun, *(resolved(each.alert, each.clear_since or now) for each in ended)]
        if news:
            self._receive(news)
        self._known |= {alert.fingerprint: _Seen(alert) for alert in begun}
        for each in ended:
            del self._known[each.alert.fingerprint]

    def _doubt_ends(self) -> None:
        """Nothing is over because it cannot be seen."""
        for each in (self._known or {}).values():
            each.clear_since = None


def fingerprint_of(signal: Signal) -> str:
    """The same while the same figure of the same service is wrong."""
    name = f"{signal.service or '-'} {signal.measure or signal.kind}"
    return name if len(name) <= LONGEST_FINGERPRINT else hashlib.sha256(name.encode()).hexdigest()


def firing(signal: Signal) -> Alert:
    """A signal of the watch as an alert; what an alert has no field for is among its labels."""
    figures = {"observed": signal.observed, "expected": signal.expected}
    words = {"kind": signal.kind, "measure": signal.measure, "direction": signal.direction}
    return Alert(
        source=SOURCE,
        fingerprint=fingerprint_of(signal),
        name=(signal.measure or signal.kind)[:256],
        status="firing",
        starts_at=signal.at,
        service=signal.service,
        labels={
            **{name: word for name, word in words.items() if word},
            **{name: f"{value:.6g}" for name, value in figures.items() if value is not None},
        },
        text=signal.text[:4000],
    )


def resolved(alert: Alert, at: datetime) -> Alert:
    """That it is over."""
    return alert.model_copy(update={"status": "resolved", "ends_at": max(at, alert.starts_at)})
