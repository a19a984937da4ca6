"""The sentence as one plain function: a signal comes in, evidence is gathered, a diagnosis is made."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from watchkeeper.analysis.symptoms import Sensitivity, Symptom
from watchkeeper.diagnosis.conclude import cannot_tell, conclude, nothing_wrong
from watchkeeper.diagnosis.readings import READINGS as COMPUTED
from watchkeeper.diagnosis.readings import gather
from watchkeeper.diagnosis.suspects import suspects_of
from watchkeeper.diagnosis.timing import timing_of
from watchkeeper.diagnosis.verify import Writer
from watchkeeper.domain import CaseFile, Cost, Diagnosis, Signal, Window
from watchkeeper.evidence.answers import Readings
from watchkeeper.evidence.details import take_details
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.readings import READINGS as READ
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.symptoms import all_silent_since, symptoms_of
from watchkeeper.evidence.vitals import Vitals, take_vitals
from watchkeeper.intake.incidents import open_incident
from watchkeeper.telemetry.sources import Sources

READINGS: Readings = {**READ, **COMPUTED}
"""Every analysis whose rows a claim may cite."""

Say = Callable[[str], None]
NOBODY_REPORTS = "no service reports any more: look at the collector, the network and this store before any service"


@dataclass(frozen=True)
class Scan:
    """Which stretch of telemetry a diagnosis looks at, in seconds."""

    lookback_seconds: float = 1800.0
    """What counts as the recent past."""
    follow_seconds: float = 60.0
    """How much of what came after the signal is used, where it is there."""
    lag_seconds: float = 5.0
    """How long telemetry may be under way."""
    sensitivity: Sensitivity = field(default_factory=Sensitivity)
    references: tuple[Window, ...] = ()
    """Stretches that are known to be good, where the minutes before the signal are not."""
    topology: frozenset[tuple[str, str]] = frozenset()
    """Who calls whom (caller, callee), where that is declared and not to be seen in traces."""


def diagnose(
    signal: Signal,
    sources: Sources,
    *,
    now: datetime,
    say: Say = lambda _: None,
    number: int = 1,
    scan: Scan | None = None,
) -> CaseFile:
    """Diagnose one signal with what can be known at `now`. A source that is down leaves a gap, never an exception."""
    how = scan or Scan()
    began, ledger = time.monotonic(), Ledger(readings=READINGS)
    until = min(now, signal.at + timedelta(seconds=how.follow_seconds)) - timedelta(seconds=how.lag_seconds)
    window = Window.before(until, how.lookback_seconds)
    say(f"Looking at {window.start:%H:%M:%S} to {window.end:%H:%M:%S %Z} …")
    look, ended = _look(signal, sources, window, how, ledger)
    say(f"{len(look.symptoms)} symptoms in {len(look.vitals.names)} services.")

    def cost() -> Cost:
        return Cost(seconds=round(time.monotonic() - began, 3), queries=ledger.asked)

    unknown = signal.kind == "question" and signal.service is not None and signal.service not in look.vitals.presence
    writer = Writer(ledger, frozenset({signal.service or "", *look.vitals.names}))
    because = _too_little(signal, look.vitals, ledger.gaps, how, writer)
    notes = [writer.write(note) for note in look.notes]
    if look.symptoms and not unknown:
        diagnosis = _explain(sources, look, ledger, now, say, cost)
        notes += _aside(signal, look.symptoms)
    elif because is None and ended is not None:
        diagnosis = cannot_tell(now, NOBODY_REPORTS, ledger.gaps, cost())
    elif because is not None:
        diagnosis = cannot_tell(now, because, ledger.gaps, cost())
    else:
        diagnosis = nothing_wrong(now, look.vitals.names, ledger.gaps, cost())
    figures = tuple(dict.fromkeys((*diagnosis.figures, *writer.figures)))
    diagnosis = diagnosis.model_copy(update={"notes": tuple(notes), "figures": figures})
    incident = open_incident(signal, number, look.window)
    done = incident.model_copy(update={"state": "diagnosed"})
    return CaseFile(incident=done, evidence=ledger.evidence, diagnoses=(diagnosis,))


@dataclass(frozen=True)
class Look:
    """The first look at a system, at the moment that shows what was noticed."""

    window: Window
    vitals: Vitals
    symptoms: list[Symptom]
    sensitivity: Sensitivity
    notes: tuple[str, ...]
    """Templates of what a reader must know about the moment that was looked at."""


def _look(signal: Signal, sources: Sources, window: Window, how: Scan, ledger: Ledger) -> tuple[Look, datetime | None]:
    """Look at the window; at an earlier moment where nobody reports any more, or where what was noticed is over.

    The second value is when everybody fell silent, None where somebody reports.
    """
    vitals = take_vitals(sources, window, ledger)
    start, end = (f"{{{{{vitals.evidence['services']}: {edge} | date}}}}" for edge in ("start()", "end()"))
    notes = [f"looked at {start} to {end}"]
    ended = all_silent_since(vitals, how.sensitivity)
    if ended is not None:
        window = Window.before(ended, how.lookback_seconds)
        vitals = take_vitals(sources, window, ledger)
        end = f"{{{{{vitals.evidence['services']}: end() | date}}}}"
        notes.append(f"no service has reported since {end}: this is how it was until then")
    symptoms, keen = _symptoms(signal, vitals, how)
    noticed = signal.at - timedelta(seconds=how.lag_seconds)
    if not symptoms and signal.kind != "question" and signal.at < window.end:
        window = Window.before(noticed, how.lookback_seconds)
        vitals = take_vitals(sources, window, ledger)
        symptoms, keen = _symptoms(signal, vitals, how)
        end = f"{{{{{vitals.evidence['services']}: end() | clock}}}}"
        notes.append(f"no symptom stands out any more: this is how it was at {end}")
    return Look(window, vitals, symptoms, keen, tuple(notes)), ended


def _aside(signal: Signal, symptoms: list[Symptom]) -> list[str]:
    """What to say where the service that was asked about is not the one in trouble."""
    if signal.kind != "question" or signal.service is None or signal.service in {s.service for s in symptoms}:
        return []
    return [f"{signal.service} itself shows no symptom; this is what is wrong elsewhere"]


def _too_little(signal: Signal, vitals: Vitals, gaps: tuple[str, ...], how: Scan, writer: Writer) -> str | None:
    """Why having found nothing does not mean that nothing is wrong; None where it does."""
    if gaps:
        return "no symptom is to be seen in what answered, and not everything did"
    if not vitals.names:
        return "there is no telemetry of any service in this window"
    if signal.service is not None and signal.service not in vitals.presence:
        return f"there is no telemetry of {signal.service} in this window, only of {', '.join(vitals.names[:8])}"
    if not vitals.services:
        return "there are no spans in this window, so errors and latency cannot be seen; the rest is as usual"
    needed = how.sensitivity.past_seconds + how.sensitivity.recent_seconds
    rows = [vitals.presence[signal.service]] if signal.service else list(vitals.presence.values())
    seconds = max(float((row > 0).sum()) for row in rows) * vitals.grid.step_seconds
    if seconds < needed:
        figures = {"seconds": seconds, "needed": needed}
        told = "there are only {{seconds | s}} of telemetry in this window, {{needed | s}} are needed to compare"
        return writer.write(told, figures)
    return None


def _symptoms(signal: Signal, vitals: Vitals, how: Scan) -> tuple[list[Symptom], Sensitivity]:
    """What is wrong at the end; where somebody says that something is, look again with sharper eyes."""
    found = symptoms_of(vitals, how.sensitivity)
    if found or signal.kind not in ("alert", "complaints"):
        return found, how.sensitivity
    keen = replace(how.sensitivity, significance=0.05, error_share=0.005, errors=3, latency_ratio=1.2, latency_ms=2.0)
    return symptoms_of(vitals, keen), keen


def _explain(
    sources: Sources, look: Look, ledger: Ledger, now: datetime, say: Say, cost: Callable[[], Cost]
) -> Diagnosis:
    timing = timing_of(look.vitals, look.symptoms)
    say(f"It began at {timing.onset.at:%H:%M:%S %Z} ± {timing.onset.uncertainty_seconds:.0f} s; looking inside …")
    details = take_details(sources, look.vitals, timing.usual, timing.incident, ledger)
    seen = gather(look.vitals, details, timing, look.symptoms, look.sensitivity, ledger)
    suspects = suspects_of(seen)
    say("Asking again for everything that is claimed …")
    return conclude(seen, suspects, Recheck(ledger.evidence, sources, READINGS), now, cost())
