"""Whether a symptom stands by itself, or comes from what befell everybody: a pause, a busy host, slower answers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from watchkeeper.analysis.beyond import Movements, beyond_shared, movements
from watchkeeper.analysis.series import Grid, Red
from watchkeeper.analysis.symptoms import Sensitivity, Stretch, Symptom, silence_symptom, traffic_symptom
from watchkeeper.evidence.vitals import Vitals

Steps = NDArray[np.bool_]
Seen = Sequence[tuple[Stretch, Movements | None]]
DURATIONS = ("mean latency", "p95 latency")
LEAST_SERVICES = 2
"""Services of which none must report before a step says nothing of anybody."""


def standing_alone(symptoms: Sequence[Symptom], vitals: Vitals, how: Sensitivity) -> list[Symptom]:
    """Those of the symptoms, in their order, that nothing else explains which is no incident of that service.

    Steps in which nobody at all reported are unknown, not empty: a host that stood still, a pipeline that was held up.
    Whoever waits longer for an answer asks less often, though the slowness itself may be a busy host's. And where
    everybody is much slower, one who is so by chance a little more is no culprit.
    """
    known = _known_steps(vitals)
    all_seen = [
        (at, movements(vitals.services, vitals.answered, at))
        for at in (_stretches(vitals.grid, how) if any(each.measure in DURATIONS for each in symptoms) else ())
    ]
    return [each for each in symptoms if _stands(each, vitals, how, known, all_seen)]


def _stands(symptom: Symptom, vitals: Vitals, how: Sensitivity, known: Steps, all_seen: Seen) -> bool:
    if symptom.measure == "traffic":
        return _has_fallen(symptom, vitals, how, known)
    if symptom.measure == "silence":
        rows = vitals.presence[symptom.service][known]
        return silence_symptom(symptom.service, rows, _shortened(vitals.grid, known), how) is not None
    if symptom.measure in DURATIONS:
        return _is_beyond_all(symptom, vitals, how, all_seen)
    return True


def _has_fallen(symptom: Symptom, vitals: Vitals, how: Sensitivity, known: Steps) -> bool:
    red = _red_of(symptom, vitals)
    if red is None:
        return True
    kept = Red(red.requests[known], red.errors[known], red.mean_ms[known], red.p95_ms[known])
    key = (symptom.service, symptom.operation) if symptom.operation else (symptom.service,)
    for at in _stretches(_shortened(vitals.grid, known), how):
        is_slower = kept.mean_over(at.recent) >= how.latency_ratio * kept.mean_over(at.past)
        if not is_slower and traffic_symptom(key, kept, at, how) is not None:
            return True
    return False


def _is_beyond_all(symptom: Symptom, vitals: Vitals, how: Sensitivity, all_seen: Seen) -> bool:
    """Whether a slowdown is plainly beyond what all share, in any stretch; it has passed the budget by itself."""
    red = _red_of(symptom, vitals)
    if red is None or (not symptom.operation and symptom.observed - symptom.expected >= how.shared_ms):
        return True
    values = red.mean_ms if symptom.measure == "mean latency" else red.p95_ms
    for at, seen in all_seen:
        beyond = None if seen is None else beyond_shared(symptom.service, values, seen, at, how.wobble)
        if beyond is None or (beyond.chance <= how.significance and beyond.ratio >= how.latency_ratio):
            return True
    return False


def _red_of(symptom: Symptom, vitals: Vitals) -> Red | None:
    if symptom.operation:
        return vitals.operations.get((symptom.service, symptom.operation))
    return vitals.services.get(symptom.service)


def _stretches(grid: Grid, how: Sensitivity) -> list[Stretch]:
    found = (
        Stretch.at_end(grid, replace(how, recent_seconds=seconds))
        for seconds in (how.recent_seconds, *how.longer_seconds)
    )
    return [at for at in found if at is not None]


def _shortened(grid: Grid, known: Steps) -> Grid:
    return Grid(grid.start, grid.step_seconds, int(known.sum()))


def _known_steps(vitals: Vitals) -> Steps:
    """Which steps anybody reported in, shape (n,); all of them where there are too few to say."""
    reporting = [rows > 0 for rows in vitals.presence.values()]
    if len(reporting) < LEAST_SERVICES:
        return np.ones(vitals.grid.size, dtype=bool)
    known: Steps = np.any(reporting, axis=0)
    return known
