"""One service that became slower than all others, on hosts as restless as they may be: as symptoms."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from watchkeeper.analysis.beyond import Beyond, beyond_the_others, movements
from watchkeeper.analysis.resources import Usage
from watchkeeper.analysis.robust import level_shift, location_scale
from watchkeeper.analysis.series import Floats, Red
from watchkeeper.analysis.symptoms import Sensitivity, Stretch, Symptom
from watchkeeper.evidence.vitals import Vitals

STEADY = 0.6
"""The share of the least rise that matters which quick steps and the last ones must show as well."""
MOST_WEIGHT = 50.0
BUSY_RATIO = 3.0
"""From this multiple of its usual CPU on, requests taken into account, a service is busy with something else."""
LEAST_CPU = 0.02
"""Cores below which nobody cares how many times that is of what is usual."""
WITNESSED = 0.01
"""The p-value that slowness may have where the service's own CPU, which no other's work moves, speaks for it."""


def symptoms_beyond_others(vitals: Vitals, how: Sensitivity) -> list[Symptom]:
    """Services whose own work became slower than what all share explains, the weightiest first.

    As everywhere, at least `latency_ratio` times and `latency_ms`: of what their requests would take now. The p-value
    must lie below `chance`; where CPU that the service uses beyond its requests lies below it, slowness is expected,
    and need only be `WITNESSED`.
    """
    found: dict[str, Symptom] = {}
    for seconds in (how.recent_seconds, *how.longer_seconds):
        at = Stretch.at_end(vitals.grid, replace(how, recent_seconds=seconds))
        seen = None if at is None else movements(vitals.services, vitals.answered, at)
        if at is None or seen is None:
            continue
        for name, beyond in beyond_the_others(seen, vitals.services, at, how.wobble).items():
            red = vitals.services[name]
            is_busy = _is_busy(vitals.resources.get((name, "cpu")), red, at, how)
            limit = max(how.chance, WITNESSED) if is_busy else how.chance
            if beyond.chance <= limit and _matters(beyond, red, at, how):
                symptom = _symptom(name, beyond, red, at)
                found[name] = max(symptom, found.get(name, symptom), key=lambda each: each.weight)
    return sorted(found.values(), key=lambda each: (-each.weight, each.service))


def with_beyond(symptoms: Iterable[Symptom], beyond: Iterable[Symptom]) -> list[Symptom]:
    """Both, the weightiest first, one of each figure of a service; what was there before stands."""
    known = list(symptoms)
    seen = {(each.service, each.measure) for each in known if not each.operation}
    new = [each for each in beyond if (each.service, each.measure) not in seen]
    return sorted([*known, *new], key=lambda each: -each.weight)


def _matters(beyond: Beyond, red: Red, at: Stretch, how: Sensitivity) -> bool:
    least = how.latency_ratio - 1
    if red.total(at.recent)[0] < how.requests or beyond.excess_ms < how.latency_ms or beyond.share < least:
        return False
    return beyond.share * (beyond.steady_ratio - 1) / (beyond.ratio - 1) >= STEADY * least


def _is_busy(cpu: Usage | None, red: Red, at: Stretch, how: Sensitivity) -> bool:
    """Whether a service uses far more CPU than usual, by more than chance and more requests explain."""
    if cpu is None:
        return False
    values = np.maximum(cpu.values, LEAST_CPU)
    usual, now = (location_scale(values[part])[0] for part in (at.past, at.recent))
    requests, before = (_a_step(red.requests[part]) for part in (at.recent, at.past))
    if not now >= BUSY_RATIO * usual * max(1.0, requests / before):
        return False
    return level_shift(values[at.recent], values[at.past], how.wobble) <= how.chance


def _a_step(requests: Floats) -> float:
    """Requests a step, of those steps that had any: before a service began there were none, and that is no past."""
    served = requests[requests > 0]
    return float(served.mean()) if served.size else 1.0


def _symptom(name: str, beyond: Beyond, red: Red, at: Stretch) -> Symptom:
    observed = location_scale(red.mean_ms[at.recent])[0]
    weight = min(MOST_WEIGHT, float(-np.log10(max(beyond.chance, 10.0**-MOST_WEIGHT))))
    return Symptom(name, "mean latency", "up", observed, observed / (1 + beyond.share), weight)
