"""Which symptoms the vitals show at their end."""

from dataclasses import replace
from datetime import datetime

import numpy as np

from watchkeeper.analysis.excess import Parts, common_slowdown
from watchkeeper.analysis.series import Red, added
from watchkeeper.analysis.symptoms import (
    Sensitivity,
    Stretch,
    Symptom,
    error_symptom,
    request_symptoms,
    resource_symptom,
    silence_symptom,
)
from watchkeeper.evidence.vitals import Vitals


def symptoms_of(vitals: Vitals, how: Sensitivity) -> list[Symptom]:
    """Everything that is wrong at the end of the grid, the weightiest first.

    Each stretch up to the end that is looked at is compared with what lies before it; the longer ones share one
    significance. Silence is told from a system that stopped reporting altogether only by the services that still
    report: where nothing reports any more, every service is silent.
    """
    shared = how.significance / max(1, len(how.longer_seconds))
    longer = [replace(how, recent_seconds=seconds, significance=shared) for seconds in how.longer_seconds]
    found: dict[tuple[str, str, str], Symptom] = {}
    for stretch in (how, *(each for each in longer if _has_past(vitals, each))):
        for symptom in _in_stretch(vitals, stretch):
            key = (symptom.service, symptom.measure, symptom.operation)
            if key not in found or symptom.weight > found[key].weight:
                found[key] = symptom
    whole = {(s.service, s.measure) for s in found.values() if not s.operation}
    kept = (s for s in found.values() if not s.operation or (s.service, s.measure) not in whole)
    return sorted(kept, key=lambda s: (-s.weight, s.service, s.measure, s.operation))


def _has_past(vitals: Vitals, how: Sensitivity) -> bool:
    """Whether anything reported for long enough before the stretch."""
    at = Stretch.at_end(vitals.grid, how)
    if at is None:
        return False
    seen = max((int((rows[at.past] > 0).sum()) for rows in vitals.presence.values()), default=0)
    return seen * vitals.grid.step_seconds >= how.past_seconds


def _in_stretch(vitals: Vitals, how: Sensitivity) -> list[Symptom]:
    """What is wrong in one stretch up to the end, against what lies before it; nothing where that is too short."""
    at = Stretch.at_end(vitals.grid, how)
    if at is None:
        return []
    slowdown = common_slowdown(vitals.services, vitals.calls, Parts(at.past, at.recent))
    found = request_symptoms({(name,): red for name, red in vitals.services.items()}, at, how, slowdown)
    found += [
        s for s in request_symptoms(vitals.operations, at, how, slowdown) if (s.service, s.measure) not in _seen(found)
    ]
    found += _felt_by_callers(vitals, at, how, _seen(found))
    for name, presence in vitals.presence.items():
        silent = silence_symptom(name, presence, vitals.grid, how)
        if silent is not None:
            found.append(silent)
    for (service, kind), usage in vitals.resources.items():
        exhausted = resource_symptom(service, kind, usage, at, how)
        if exhausted is not None:
            found.append(exhausted)
    return found


def all_silent_since(vitals: Vitals, how: Sensitivity) -> datetime | None:
    """When telemetry of everybody ended, where all of several services are silent at the end of the grid."""
    last = [int(np.flatnonzero(rows > 0)[-1]) for rows in vitals.presence.values() if rows.any()]
    if len(last) < 2 or (vitals.grid.size - 1 - max(last)) * vitals.grid.step_seconds < how.silence_seconds:
        return None
    return vitals.grid.time_of(max(last) + 1)


def _felt_by_callers(vitals: Vitals, at: Stretch, how: Sensitivity, known: set[tuple[str, str]]) -> list[Symptom]:
    """Callees whose callers see more failures, though the callee itself may have nothing to report any more."""
    by_callee: dict[str, list[Red]] = {}
    for (_, callee, _), red in vitals.calls.items():
        by_callee.setdefault(callee, []).append(red)
    tests = (error_symptom((callee,), added(reds), at, how, len(by_callee)) for callee, reds in by_callee.items())
    found = (s for s in tests if s is not None and (s.service, s.measure) not in known)
    return [replace(s, is_felt_by_callers=True) for s in found]


def _seen(symptoms: list[Symptom]) -> set[tuple[str, str]]:
    return {(s.service, s.measure) for s in symptoms}
