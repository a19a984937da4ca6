"""What is visibly wrong right now: errors, slowness, silence, exhausted resources, by service, and nothing else.

A symptom must be significant (unlikely under the service's own recent past), material (large enough for a
person to care) and lasting (it holds over the recent stretch and still at its end).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from watchkeeper.analysis.resources import ResourceKind, Usage, steady_growth
from watchkeeper.analysis.robust import dispersion, level_shift, location_scale, rank_shift, rate_drop, ratio_rise
from watchkeeper.analysis.series import Floats, Grid, Red

LEAST_MOMENTS = 3
"""Steps with failures in them from which on these are no single blip."""

Measure = Literal["error ratio", "mean latency", "p95 latency", "silence", "traffic", "cpu", "memory", "pool"]


@dataclass(frozen=True)
class Sensitivity:
    """How much of a change is a symptom. Seconds, shares and ratios; p-values before correction for many series."""

    recent_seconds: float = 40.0
    longer_seconds: tuple[float, ...] = ()
    """Longer stretches that are looked at too: trouble that has lasted for long is no usual past."""
    guard_seconds: float = 10.0
    """Steps just before the recent stretch that count neither as recent nor as the past."""
    past_seconds: float = 60.0
    """The least past that a comparison needs."""
    significance: float = 1e-3
    """Divided by the number of series looked at."""
    chance: float = 1.0
    """The largest p-value of one series at one look that an alarm budget allows (`analysis.budget`): of parametric
    tests, which few values can pass too where they moved far. 1 asks for nothing beyond `significance`."""
    lasting_seconds: float = 0.0
    """How long failures must have lasted."""
    error_share: float = 0.02
    errors: int = 5
    broken_share: float = 0.2
    """From here on failures are a symptom even if it was always so."""
    past_requests: int = 30
    """Requests that a comparison of shares needs in the past."""
    latency_ratio: float = 1.5
    latency_ms: float = 20.0
    steep_ratio: float = 3.0
    steep_ms: float = 5.0
    """A rise by this multiple matters from fewer milliseconds on."""
    wobble: float = 0.1
    """Spread of a duration's logarithm from step to step that is usual everywhere."""
    shared_ms: float = 1000.0
    """From here on a slowdown that all services share is a symptom too, of a whole service's mean: less of it is a busy
    host. A second is what breaks a user's train of thought (Nielsen, 1993)."""
    requests: int = 10
    tail_demand: float = 2.0
    """By how much more a percentile of few requests must rise than a mean, and of how many more requests."""
    drop_share: float = 0.5
    """Traffic that falls to less than this share of what is usual is a symptom, where nothing else explains it."""
    drop_requests: int = 60
    """Requests that must have been expected for that."""
    silence_seconds: float = 25.0
    cpu_share: float = 0.5
    memory_share: float = 0.15
    memory_bytes: float = 30e6
    memory_doubles_seconds: float = 1800.0
    """Memory that takes longer to double is a trend, no alarm."""


@dataclass(frozen=True)
class Symptom:
    """One figure of one service that is wrong at the end of the grid. `weight` ranks symptoms: -log10 p, at most 50."""

    service: str
    measure: Measure
    direction: Literal["up", "down"]
    observed: float
    expected: float
    weight: float
    operation: str = ""
    is_felt_by_callers: bool = False
    """Whether its callers show it, and not its own telemetry."""


@dataclass(frozen=True)
class Stretch:
    """The recent steps of a grid, and the past they are compared with."""

    past: slice
    recent: slice
    last: slice
    """The final third of the recent steps."""
    step_seconds: float = 5.0

    @classmethod
    def at_end(cls, grid: Grid, how: Sensitivity) -> "Stretch | None":
        """The stretch that ends with the grid, or None where the past is too short."""
        recent = max(3, round(how.recent_seconds / grid.step_seconds))
        guard = round(how.guard_seconds / grid.step_seconds)
        past = grid.size - recent - guard
        if past * grid.step_seconds < how.past_seconds:
            return None
        return cls(
            slice(0, past),
            slice(grid.size - recent, grid.size),
            slice(grid.size - max(1, recent // 3), grid.size),
            grid.step_seconds,
        )


def error_symptom(key: tuple[str, ...], red: Red, at: Stretch, how: Sensitivity, series: int) -> Symptom | None:
    """Whether the share of failed requests rose. `series` is how many were looked at, for the correction."""
    requests, errors = red.total(at.recent)
    past_requests, past_errors = red.total(at.past)
    if requests == 0 or errors < how.errors or red.total(at.last)[1] == 0 or not _lasts(red.errors, at, how):
        return None
    share, expected = errors / requests, past_errors / past_requests if past_requests else 0.0
    if share >= how.broken_share and requests >= how.requests:
        p = min(ratio_rise(errors, requests, past_errors, past_requests), 1e-6)
        return _symptom(key, "error ratio", share, expected, p)
    if past_requests < how.past_requests:
        return None
    p = ratio_rise(errors, requests, past_errors, past_requests)
    if share < max(how.error_share, 3 * expected) or p > how.significance / series:
        return None
    wild = dispersion(red.errors[at.past], red.requests[at.past])
    if ratio_rise(errors / wild, requests / wild, past_errors / wild, past_requests / wild) > how.chance:
        return None
    return _symptom(key, "error ratio", share, expected, p)


def _lasts(errors: Floats, at: Stretch, how: Sensitivity) -> bool:
    """Whether failures are no single blip: over that long, and not in two moments only."""
    if how.lasting_seconds <= 0:
        return True
    seen = np.flatnonzero(errors[at.recent] > 0)
    return seen.size >= LEAST_MOMENTS and (seen[-1] - seen[0] + 1) * at.step_seconds >= how.lasting_seconds


def latency_symptom(
    key: tuple[str, ...], red: Red, at: Stretch, how: Sensitivity, series: int, slowdown: float = 1.0
) -> Symptom | None:
    """Whether requests take longer, in the mean or in the 95th percentile, than a `slowdown` of everything explains."""
    requests = red.total(at.recent)[0]
    measures: tuple[tuple[Measure, Floats, float], ...] = (
        ("mean latency", red.mean_ms, 1.0),
        ("p95 latency", red.p95_ms, how.tail_demand),
    )
    for measure, values, demand in measures:
        is_typical = len(key) == 1 and measure == "mean latency"
        slack = 1.0 if is_typical and _rose_by(values, at) >= how.shared_ms else slowdown
        if requests < demand * how.requests or not _is_slower(values, at, how, demand, slack):
            continue
        p = rank_shift(values[at.recent], values[at.past])
        if p <= how.significance / series and _is_beyond_chance(values, at, how):
            expected, observed = (location_scale(values[part])[0] for part in (at.past, at.recent))
            return _symptom(key, measure, observed, expected, p)
    return None


def _rose_by(values: Floats, at: Stretch) -> float:
    return location_scale(values[at.recent])[0] - location_scale(values[at.past])[0]


def _is_slower(values: Floats, at: Stretch, how: Sensitivity, demand: float, slowdown: float) -> bool:
    """Whether durations rose by enough to matter, much in ms or very much as a multiple, and still do."""
    expected, observed, latest = (location_scale(values[part])[0] for part in (at.past, at.recent, at.last))
    steady = min(latest, _lower_quartile(values[at.recent]))
    for ratio, gain_ms in ((how.latency_ratio, how.latency_ms), (how.steep_ratio, how.steep_ms)):
        shared = 1 + demand * (slowdown - 1)
        rise = max((shared * (1 + demand * (ratio - 1)) - 1) * expected, demand * gain_ms)
        if observed - expected >= rise and steady - expected >= 0.6 * rise:
            return True
    return False


def _is_beyond_chance(values: Floats, at: Stretch, how: Sensitivity) -> bool:
    """Whether values rose by more than chance explains, where a budget of alarms asks for that."""
    return how.chance >= 1 or level_shift(values[at.recent], values[at.past], how.wobble) <= how.chance


def _lower_quartile(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, 0.25)) if known.size else float("nan")


def silence_symptom(service: str, presence: Floats, grid: Grid, how: Sensitivity) -> Symptom | None:
    """Whether a service that always reported has stopped. `presence`: rows of any telemetry a step, shape (n,)."""
    seen = np.flatnonzero(presence > 0)
    if seen.size == 0:
        return None
    quiet = grid.size - 1 - int(seen[-1])
    past = presence[: grid.size - quiet]
    if quiet * grid.step_seconds < how.silence_seconds or past.size * grid.step_seconds < how.past_seconds:
        return None
    usual = float(np.mean(past[-round(how.past_seconds / grid.step_seconds) :] > 0))
    if usual < 0.8:
        return None
    return Symptom(service, "silence", "down", 0.0, float(np.median(past)), min(50.0, 2.0 + 5 * usual * quiet))


def resource_symptom(service: str, kind: ResourceKind, usage: Usage, at: Stretch, how: Sensitivity) -> Symptom | None:
    """Whether a resource of a service runs out: busy CPU, memory that only grows, a pool with a queue before it."""
    values = usage.values
    expected, scale = location_scale(values[at.past])
    observed, _ = location_scale(values[at.recent])
    if not np.isfinite(expected) or not np.isfinite(observed):
        return None
    if kind == "memory":
        least = max(how.memory_share * expected, how.memory_bytes)
        # No climb gains more than all values differ by: that is quick to tell.
        if np.nanmax(values) - np.nanmin(values) < least:
            return None
        growth = steady_growth(values)
        if growth is None or growth.gained < least:
            return None
        if growth.gained * how.memory_doubles_seconds < expected * growth.steps * at.step_seconds:
            return None
        return Symptom(service, "memory", "up", observed, expected, 10.0)
    is_busy = kind == "cpu" and observed >= how.cpu_share and observed >= expected + max(0.3, 4 * scale)
    is_waited_for = kind == "pool" and observed >= 1.0 and observed >= expected + max(1.0, 4 * scale)
    if not is_busy and not is_waited_for:
        return None
    p = rank_shift(values[at.recent], values[at.past])
    return _symptom((service,), "cpu" if is_busy else "pool", observed, expected, p) if p <= how.significance else None


def traffic_symptom(key: tuple[str, ...], red: Red, at: Stretch, how: Sensitivity) -> Symptom | None:
    """Whether far fewer requests come than usual, or none, where there always were some."""
    past, recent = red.requests[at.past], red.requests[at.recent]
    if past.size == 0:
        return None
    usual = float(np.median(past))
    if usual * recent.size < how.drop_requests:
        return None
    if max(float(recent.mean()), float(red.requests[at.last].mean())) > how.drop_share * usual:
        return None
    p = rate_drop(recent, past)
    if p > min(how.significance, how.chance):
        return None
    per_second = 1 / at.step_seconds
    return replace(_symptom(key, "traffic", float(recent.mean()) * per_second, usual * per_second, p), direction="down")


def request_symptoms(
    red: Mapping[tuple[str, ...], Red], at: Stretch, how: Sensitivity, slower: Mapping[str, float] | None = None
) -> list[Symptom]:
    """Errors and slowness over all keys (service, or service and operation), the weightiest first.

    `slower` is by which factor each service is slower for what all share: a busy host is no incident of a service.
    """
    shared = slower or {}
    found: list[Symptom] = []
    for key, values in red.items():
        tests = (
            error_symptom(key, values, at, how, max(1, len(red))),
            latency_symptom(key, values, at, how, max(1, len(red)), shared.get(key[0], 1.0)),
        )
        found += [symptom for symptom in tests if symptom is not None]
    return sorted(found, key=lambda s: (-s.weight, s.service, s.measure, s.operation))


def _symptom(key: tuple[str, ...], measure: Measure, observed: float, expected: float, p: float) -> Symptom:
    operation = key[1] if len(key) > 1 else ""
    return Symptom(key[0], measure, "up", observed, expected, float(min(50.0, -np.log10(max(p, 1e-50)))), operation)


def say_symptom(symptom: Symptom) -> str:
    """`p95 latency of checkout: 312 ms, usually 45 ms`."""
    where = f"{symptom.service} {symptom.operation}".strip()
    if symptom.measure == "silence":
        return f"{where} sends no metrics, logs or spans any more"
    if symptom.measure == "traffic":
        return f"traffic of {where}: {symptom.observed:.2g} requests a second, usually {symptom.expected:.2g}"
    now, usual = _figure(symptom, symptom.observed), _figure(symptom, symptom.expected)
    return f"{symptom.measure} of {where}: {now}, usually {usual}"


def _figure(symptom: Symptom, value: float) -> str:
    if symptom.measure in ("error ratio", "cpu"):
        return f"{value:.1%}"
    if symptom.measure == "memory":
        return f"{value / 1e6:.0f} MB"
    return f"{value:.0f} ms" if symptom.measure.endswith("latency") else f"{value:.1f}"
