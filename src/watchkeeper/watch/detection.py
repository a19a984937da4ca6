"""One look at the present: what is wrong with any service, as signals."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from watchkeeper.analysis.budget import chance_of
from watchkeeper.analysis.symptoms import Sensitivity
from watchkeeper.domain import Signal, Window
from watchkeeper.evidence.anew import began_anew
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.symptoms import all_silent_since, symptoms_of
from watchkeeper.evidence.vitals import Vitals, take_vitals
from watchkeeper.telemetry.sources import Sources
from watchkeeper.watch.beyond import symptoms_beyond_others, with_beyond
from watchkeeper.watch.coarse import EVERY_SECONDS as COARSE_EVERY_SECONDS
from watchkeeper.watch.coarse import CoarseWatch
from watchkeeper.watch.news import NewsWatch
from watchkeeper.watch.objectives import Objectives, Promise, main_entries
from watchkeeper.watch.rolling import RollingVitals
from watchkeeper.watch.standing import standing_alone
from watchkeeper.watch.wording import nobody, signal_of

LAG_SECONDS = 5.0
"""How long telemetry may be under way: what is younger is not looked at yet."""
LOOKBACK_SECONDS = 1800.0
EVERY_SECONDS = 5.0
NOBODY_SECONDS = 60.0
"""How long nobody must have reported before that is noticed."""
ALARMS_A_WEEK = 1.0
LASTING_SECONDS = 15.0
"""How long failures must have lasted: what a restart or a lost packet breaks is over by then."""
SILENCE_SECONDS = 35.0
"""How long a service must have been silent: on a busy host an export may come half a minute late."""

LONGER_SECONDS = (60.0, 80.0)
"""Longer stretches that are looked at too: where the past is short, a minute of trouble must not pass for the usual."""


class Detector:
    """Looks again and again, and keeps what it asked for: a look asks for what is new.

    Every figure that is wrong is a signal of its own, the clearest first: which of them are one incident, `intake`
    decides by the call graph, as it does for alerts of anybody else.
    """

    def __init__(
        self,
        sources: Sources,
        *,
        lookback_seconds: float = LOOKBACK_SECONDS,
        lag_seconds: float = LAG_SECONDS,
        sensitivity: Sensitivity | None = None,
        alarms_a_week: float = ALARMS_A_WEEK,
        promises: Sequence[Promise] = (),
        topology: Iterable[tuple[str, str]] = (),
    ) -> None:
        """`promises` are the objectives of services; `topology` who calls whom where spans do not tell.

        A standing watch is at least as patient as `LASTING_SECONDS` and `SILENCE_SECONDS`, whatever the sensitivity.
        """
        self._sources, self._lag = sources, timedelta(seconds=lag_seconds)
        how = sensitivity or Sensitivity()
        self._how = replace(
            how,
            lasting_seconds=max(how.lasting_seconds, LASTING_SECONDS),
            silence_seconds=max(how.silence_seconds, SILENCE_SECONDS),
            longer_seconds=how.longer_seconds or LONGER_SECONDS,
        )
        self._alarms = alarms_a_week
        self._rolling = RollingVitals(sources, lookback_seconds)
        self._objectives = Objectives(sources, promises)
        self._coarse = CoarseWatch(sources, alarms_a_week=alarms_a_week, promises=promises, topology=topology)
        self._news = NewsWatch(sources, alarms_a_week)
        self._slowly_at: datetime | None = None
        self._slow: list[Signal] = []

    def look(self, at: datetime) -> tuple[Signal, ...]:
        """What is wrong at that moment, the clearest first; empty when nothing is, or when nothing can be seen."""
        end = at - self._lag
        vitals = self._rolling.until(end)
        began = began_anew(vitals)
        if began is not None:
            vitals = take_vitals(self._sources, Window(start=began, end=end), Ledger())
        how = replace(self._how, chance=self._chance(series_in(vitals)))
        if (ended := all_silent_since(vitals, how)) is not None:
            # One thing is wrong, not as many as there are services; and a moment's pause of the pipeline is not one.
            return (nobody(at, ended),) if (end - ended).total_seconds() >= NOBODY_SECONDS else ()
        beyond = symptoms_beyond_others(vitals, replace(how, chance=self._chance(len(vitals.services))))
        symptoms = standing_alone(symptoms_of(vitals, how), vitals, how)
        signals = [signal_of(symptom, at) for symptom in with_beyond(symptoms, beyond)]
        return _each_once([*signals, *self._slowly(vitals, at, end)])

    def _chance(self, series: int) -> float:
        """The p-value that each of so many series may have: those by themselves and those beside others, half each."""
        return chance_of(self._alarms / 2, series, self._how.recent_seconds)

    def _slowly(self, vitals: Vitals, at: datetime, end: datetime) -> list[Signal]:
        """What changes by the minute is looked at by the minute, and stands until then."""
        since = None if self._slowly_at is None else (end - self._slowly_at).total_seconds()
        if since is None or not 0 <= since < COARSE_EVERY_SECONDS:
            called = {callee for _, callee, _ in vitals.calls}
            entries = main_entries({name: red for name, red in vitals.services.items() if name not in called})
            self._slow = [
                *self._objectives.look(end, entries),
                *self._coarse.look(end, vitals.services),
                *self._news.look(end),
            ]
            self._slowly_at = end
        return [signal.model_copy(update={"at": at}) for signal in self._slow]


def detect(
    sources: Sources,
    at: datetime,
    *,
    lookback_seconds: float = LOOKBACK_SECONDS,
    lag_seconds: float = LAG_SECONDS,
    sensitivity: Sensitivity | None = None,
) -> tuple[Signal, ...]:
    """A single look, with nothing kept; see `Detector`."""
    return Detector(sources, lookback_seconds=lookback_seconds, lag_seconds=lag_seconds, sensitivity=sensitivity).look(
        at
    )


def watch_over(
    sources: Sources,
    begins: datetime,
    ends: datetime,
    *,
    lookback_seconds: float = LOOKBACK_SECONDS,
    lag_seconds: float = LAG_SECONDS,
    sensitivity: Sensitivity | None = None,
    every_seconds: float = EVERY_SECONDS,
    topology: Iterable[tuple[str, str]] = (),
) -> Iterator[tuple[datetime, tuple[Signal, ...]]]:
    """Look every few seconds between two moments, as the standing watch does; each moment with what it raised."""
    detector = Detector(
        sources,
        lookback_seconds=lookback_seconds,
        lag_seconds=lag_seconds,
        sensitivity=sensitivity,
        topology=topology,
    )
    at = begins
    while at <= ends:
        yield at, detector.look(at)
        at += timedelta(seconds=every_seconds)


def series_in(vitals: Vitals) -> int:
    """How many series a look tests: failures and durations of services, operations and calls, resources, presence."""
    reds = len(vitals.services) + len(vitals.operations)
    return 2 * reds + len(vitals.calls) + len(vitals.resources) + len(vitals.presence)


def _each_once(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """The first of those that say the same figure of the same service."""
    return tuple({(each.service, each.measure or each.kind): each for each in reversed(list(signals))}.values())[::-1]
