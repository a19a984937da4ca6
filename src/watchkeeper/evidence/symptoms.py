"""Which symptoms the vitals show at their end."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np

from watchkeeper.analysis.busy import busy_factors
from watchkeeper.analysis.excess import Parts
from watchkeeper.analysis.series import Key, Red, added
from watchkeeper.analysis.symptoms import (
    Sensitivity,
    Stretch,
    Symptom,
    error_symptom,
    request_symptoms,
    resource_symptom,
    silence_symptom,
    traffic_symptom,
)
from watchkeeper.evidence.vitals import Vitals

LEAST_SERVICES = 2
"""Services of which all must be silent before that says something of everybody."""
LEAST_REPORTS = 3
"""Steps in which somebody reported, without which nobody knows how far apart reports usually lie."""


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
    slower = busy_factors(vitals.services, vitals.calls, Parts(at.past, at.recent))
    found = request_symptoms({(name,): red for name, red in vitals.services.items()}, at, how, slower)
    found += [
        s
        for s in request_symptoms(vitals.operations, at, how, _with_callees(slower, vitals.calls))
        if (s.service, s.measure) not in _seen(found)
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
    # Who is slow or fails gets fewer requests too: a fall says something where it stands alone.
    return found or _fallen(vitals, at, how)


def _with_callees(slower: Mapping[str, float], calls: Mapping[Key, Red]) -> dict[str, float]:
    """Factors of a service's operations: one of them may be little else than a call of the callee slowed most."""
    worst = dict(slower)
    for caller, callee, _ in calls:
        if caller in worst:
            worst[caller] = max(worst[caller], slower.get(callee, 1.0))
    return worst


def _fallen(vitals: Vitals, at: Stretch, how: Sensitivity) -> list[Symptom]:
    """Traffic that fell where it enters: further down, the callers show what became of it."""
    called = {callee for _, callee, _ in vitals.calls}
    services = {(name,): red for name, red in vitals.services.items()}
    for reds in (services, vitals.operations):
        tests = (traffic_symptom(key, red, at, how) for key, red in reds.items() if key[0] not in called)
        if found := [symptom for symptom in tests if symptom is not None]:
            return found
    return []


def all_silent_since(vitals: Vitals, how: Sensitivity) -> datetime | None:
    """When telemetry of everybody ended, where all of several services are silent at the end of the grid.

    Silent is who pauses for longer than is usual: rows that come every five minutes leave gaps between them.
    """
    reporting = [rows > 0 for rows in vitals.presence.values() if rows.any()]
    if len(reporting) < LEAST_SERVICES:
        return None
    anybody = np.flatnonzero(np.any(reporting, axis=0))
    quiet = vitals.grid.size - 1 - int(anybody[-1])
    if anybody.size < LEAST_REPORTS:
        return None
    usual = float(np.quantile(np.diff(anybody), 0.9))
    if quiet * vitals.grid.step_seconds < how.silence_seconds or quiet < 2 * usual:
        return None
    return vitals.grid.time_of(int(anybody[-1]) + 1)


def _felt_by_callers(vitals: Vitals, at: Stretch, how: Sensitivity, known: set[tuple[str, str]]) -> list[Symptom]:
    """Callees whose callers see more failures, though the callee itself may have nothing to report any more.

    What the callee itself answered and calls no failure is none: a client's span also fails where it is refused what
    it asked for (a card that is declined).
    """
    by_callee: dict[str, list[Red]] = {}
    for key, red in vitals.calls.items():
        by_callee.setdefault(key[1], []).append(_unanswered(red, vitals.answered.get(key)))
    tests = (error_symptom((callee,), added(reds), at, how, len(by_callee)) for callee, reds in by_callee.items())
    found = (s for s in tests if s is not None and (s.service, s.measure) not in known)
    return [replace(s, is_felt_by_callers=True) for s in found]


def _unanswered(calls: Red, answered: Red | None) -> Red:
    """The same calls, with those failures that the callee's own telemetry knows nothing of."""
    return calls if answered is None else replace(calls, errors=np.maximum(calls.errors - answered.errors, 0.0))


def _seen(symptoms: list[Symptom]) -> set[tuple[str, str]]:
    return {(s.service, s.measure) for s in symptoms}
