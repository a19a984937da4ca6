"""One look at the present: symptoms of any service, as signals."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from watchkeeper.analysis.symptoms import Sensitivity, Symptom, say_symptom
from watchkeeper.domain import Signal, Window
from watchkeeper.evidence.anew import began_anew
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.symptoms import all_silent_since, symptoms_of
from watchkeeper.evidence.vitals import take_vitals
from watchkeeper.telemetry.sources import Sources

LAG_SECONDS = 5.0
"""How long telemetry may be under way: what is younger is not looked at yet."""
LOOKBACK_SECONDS = 1800.0
EVERY_SECONDS = 5.0
NOBODY_SECONDS = 60.0
"""How long nobody must have reported before that is noticed."""


def detect(
    sources: Sources,
    at: datetime,
    *,
    lookback_seconds: float = LOOKBACK_SECONDS,
    lag_seconds: float = LAG_SECONDS,
    sensitivity: Sensitivity | None = None,
) -> tuple[Signal, ...]:
    """What is wrong at that moment, the clearest first; empty when nothing is, or when nothing can be seen."""
    end = at - timedelta(seconds=lag_seconds)
    window = Window(start=end - timedelta(seconds=lookback_seconds), end=end)
    vitals = take_vitals(sources, window, Ledger())
    began = began_anew(vitals)
    if began is not None:
        vitals = take_vitals(sources, Window(start=began, end=end), Ledger())
    how = sensitivity or Sensitivity()
    if (ended := all_silent_since(vitals, how)) is not None:
        # One thing is wrong, not as many as there are services; and a moment's pause of the pipeline is not one.
        return (nobody(at, ended),) if (end - ended).total_seconds() >= NOBODY_SECONDS else ()
    return tuple(signal_of(symptom, at) for symptom in symptoms_of(vitals, how))


def watch_over(
    sources: Sources,
    begins: datetime,
    ends: datetime,
    *,
    lookback_seconds: float = LOOKBACK_SECONDS,
    lag_seconds: float = LAG_SECONDS,
    sensitivity: Sensitivity | None = None,
) -> Iterator[tuple[datetime, tuple[Signal, ...]]]:
    """Look every few seconds between two moments, as the standing watch does; each moment with what it raised."""
    at = begins
    while at <= ends:
        yield (
            at,
            detect(sources, at, lookback_seconds=lookback_seconds, lag_seconds=lag_seconds, sensitivity=sensitivity),
        )
        at += timedelta(seconds=EVERY_SECONDS)


def nobody(at: datetime, since: datetime) -> Signal:
    """That no service reports any more, as one signal about all of them."""
    return Signal(
        kind="silence",
        at=at,
        measure="silence",
        direction="down",
        text=f"no service has reported since {since:%H:%M:%S %Z}",
    )


def signal_of(symptom: Symptom, at: datetime) -> Signal:
    """A symptom as the signal that opens an incident."""
    return Signal(
        kind="silence" if symptom.measure == "silence" else "anomaly",
        at=at,
        service=symptom.service,
        measure=symptom.measure,
        direction=symptom.direction,
        observed=symptom.observed,
        expected=symptom.expected,
        text=say_symptom(symptom),
    )
