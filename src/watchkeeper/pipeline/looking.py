"""The first look at a system: what is wrong with it, at the moment that shows what was noticed."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchkeeper.analysis.symptoms import Sensitivity, Symptom
from watchkeeper.diagnosis.dossier import Bearings
from watchkeeper.domain import Signal, Window
from watchkeeper.evidence.anew import began_anew
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.symptoms import all_silent_since, symptoms_of
from watchkeeper.evidence.vitals import Vitals, take_vitals
from watchkeeper.pipeline.scan import Scan
from watchkeeper.telemetry.sources import Sources
from watchkeeper.watch.beyond import symptoms_beyond_others

LONGER_SECONDS = (80.0, 160.0, 320.0, 640.0)
"""A diagnosis is often asked for when the trouble has lasted: stretches that may be all trouble."""

SURELY = 1e-5
"""The p-value of one service beside the others that a diagnosis goes by where nothing else stands out."""


@dataclass(frozen=True)
class Look:
    """The first look at a system, at the moment that shows what was noticed."""

    window: Window
    vitals: Vitals
    symptoms: list[Symptom]
    sensitivity: Sensitivity
    notes: tuple[str, ...]
    """Templates of what a reader must know about the moment that was looked at."""
    is_over: bool = False
    """Whether it shows an earlier moment, as nothing stands out at the later one that was asked for."""


def look_at(
    signal: Signal, sources: Sources, window: Window, how: Scan, ledger: Ledger
) -> tuple[Look, datetime | None]:
    """Look at the window; at an earlier moment where nobody reports any more, or where what was noticed is over.

    The second value is when everybody fell silent, None where somebody reports.
    """
    vitals = take_vitals(sources, window, ledger)
    start, end = (f"{{{{{vitals.evidence['services']}: {edge} | date}}}}" for edge in ("start()", "end()"))
    notes = [f"looked at {start} to {end}"]
    ended = all_silent_since(vitals, how.sensitivity)
    if ended is not None and signal.is_of_everybody:
        return Look(window, vitals, [], how.sensitivity, tuple(notes)), ended
    if ended is not None:
        window = Window.before(ended, how.lookback_seconds)
        vitals = take_vitals(sources, window, ledger)
        end = f"{{{{{vitals.evidence['services']}: end() | date}}}}"
        notes.append(f"no service has reported since {end}: this is how it was until then")
    began = began_anew(vitals)
    if began is not None:
        window = Window(start=began, end=window.end)
        vitals = take_vitals(sources, window, ledger)
        begun = f"{{{{{vitals.evidence['services']}: start() | date}}}}"
        notes.append(f"everything was started anew at {begun}: what was before is no usual past")
    symptoms, keen = _symptoms(signal, vitals, how)
    noticed = signal.at - timedelta(seconds=how.lag_seconds)
    if not symptoms and signal.at < window.end:
        earlier = take_vitals(sources, Window.before(noticed, how.lookback_seconds), ledger)
        then, keen_then = _symptoms(signal, earlier, how)
        if then:
            end = f"{{{{{earlier.evidence['services']}: end() | clock}}}}"
            notes.append(f"no symptom stands out any more: this is how it was at {end}")
            window = Window.before(noticed, how.lookback_seconds)
            return Look(window, earlier, then, keen_then, tuple(notes), is_over=True), ended
    return Look(window, vitals, symptoms, keen, tuple(notes)), ended


def bearings_of(look: Look) -> Bearings:
    """What is known of the system, for whoever looks further."""
    calls = look.vitals.calls
    components = frozenset(look.vitals.presence) | {callee for _, callee, _ in calls}
    edges = frozenset((caller, callee) for caller, callee, _ in calls)
    return Bearings(None, look.window, edges=edges, components=components - {""})


def _symptoms(signal: Signal, vitals: Vitals, how: Scan) -> tuple[list[Symptom], Sensitivity]:
    """What is wrong at the end; where somebody says that something is, look again with sharper eyes."""
    patient = replace(how.sensitivity, longer_seconds=LONGER_SECONDS)
    found = symptoms_of(vitals, patient)
    if not found and signal.kind != "question":
        found = symptoms_beyond_others(vitals, replace(patient, chance=min(patient.chance, SURELY)))
    if found or signal.kind == "question":
        return found, patient
    keen = replace(patient, significance=0.05, error_share=0.005, errors=3, latency_ratio=1.2, latency_ms=2.0)
    return symptoms_of(vitals, keen), keen
