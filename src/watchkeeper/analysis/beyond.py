"""What one service takes longer beyond what all services share at the same time.

A host that is busy, or less busy than before, moves everybody's durations together, moment by moment: that part is
told from the other services and taken off. What is left moves little, so that one service's trouble shows in it
although the whole system is restless. Of a service only its own time counts: what its callees themselves say they
took is their affair.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from watchkeeper.analysis.busy import LEAST, OWN_FLOOR, PLAINLY
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats, Key, Red
from watchkeeper.analysis.symptoms import Stretch

PAST_STEPS = 12
RECENT_STEPS = 3
"""Known steps of a service that a comparison needs on each side."""
USUAL_SENSITIVITY = 1.0
SENSITIVITY_SCALE = 0.5
"""How a service follows what all share, before its past is known: as the others do, give or take."""
MOST_SENSITIVE = 2.0
RESTLESSNESS = 0.3
"""Spread of a logarithm of durations around what all share that is usual, for the weight of that prior knowledge."""
BEYOND_THE_KNOWN = 0.2
"""By how much a service may follow otherwise where what all share is where it never was: what waits for a clock
feels nothing of a busy host, and what queues feels more than its share. Per unit of the logarithm."""
MOST_ALIKE = 0.9
"""The largest first autocorrelation that is reckoned with (Bartlett)."""
PRIOR_STEPS = 10.0
"""How many steps' worth the other services' spread counts for one service's own (Smyth, 2004: moderated t)."""


@dataclass(frozen=True)
class Beyond:
    """How much slower one service's own work became than the others' explains."""

    chance: float
    """The one-sided p-value of that."""
    ratio: float
    """By which factor its own time is longer than it would be."""
    steady_ratio: float
    """The same of the lower quartile of the recent steps, and of the last ones: the lesser of both."""
    excess_ms: float
    """What that is a request."""
    share: float
    """The same as a share of what its requests would take."""


@dataclass(frozen=True)
class Movements:
    """How all services that can be compared moved in a stretch."""

    own: dict[str, Floats]
    """Their own durations, ms, shape (n,)."""
    moved: dict[str, Floats]
    """The logarithms of these around the past's median."""
    shared: dict[str, Floats]
    """By service: how the others moved, the median of each step; NaN where fewer than `LEAST` - 1 are known."""


def own_durations(services: Mapping[str, Red], answered: Mapping[Key, Red]) -> dict[str, Floats]:
    """Mean duration of a request of each service without what its callees say they took, ms, shape (n,).

    Gaps on the way to callees, and callees that report nothing themselves, stay with the caller. `answered` by
    (caller, callee, operation), with durations as the callee saw them.
    """
    waits = {name: np.zeros_like(red.requests) for name, red in services.items()}
    for (caller, _, _), call in answered.items():
        if caller in waits:
            waits[caller] += np.nan_to_num(call.mean_ms) * call.requests
    out: dict[str, Floats] = {}
    for name, red in services.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            own = np.maximum(red.mean_ms - waits[name] / red.requests, OWN_FLOOR * red.mean_ms)
        out[name] = np.where((red.requests > 0) & (own > 0), own, np.nan)
    return out


def movements(services: Mapping[str, Red], answered: Mapping[Key, Red], at: Stretch) -> Movements | None:
    """What the services' own durations did; None where fewer than `LEAST` can be compared."""
    own = {name: values for name, values in own_durations(services, answered).items() if _is_known(values, at)}
    if len(own) < LEAST:
        return None
    moved = {name: _around_past(values, at) for name, values in own.items()}
    return Movements(own, moved, dict(zip(moved, _medians_of_others(np.stack(list(moved.values()))), strict=True)))


def beyond_the_others(seen: Movements, services: Mapping[str, Red], at: Stretch, wobble: float) -> dict[str, Beyond]:
    """By service, of its own time. `wobble`: the least spread of a logarithm that is reckoned with."""
    all_rests = {name: _rest(values, seen.shared[name], at, wobble) for name, values in seen.moved.items()}
    rests = {name: rest for name, rest in all_rests.items() if rest is not None}
    usual_spread = float(np.median([rest.spread for rest in rests.values()] or [wobble]))
    return {
        name: _compared(rest, seen.own[name], services[name].mean_ms, at, usual_spread) for name, rest in rests.items()
    }


def beyond_shared(service: str, values: Floats, seen: Movements, at: Stretch, wobble: float) -> Beyond | None:
    """The same of any duration of a service, ms, shape (n,), its callees' time left in it, where a busy host is plain.

    None where it is not plain that what the other services do themselves became slower, or it cannot be compared.
    """
    positive = np.where(np.nan_to_num(values) > 0, values, np.nan)
    shared = seen.shared.get(service)
    if shared is None or not _is_known(positive, at):
        return None
    rest = _rest(_around_past(positive, at), shared, at, wobble)
    if rest is None or _median(shared[at.recent]) - _median(shared[at.past]) < np.log(PLAINLY):
        return None
    return _compared(rest, positive, positive, at, rest.spread)


def _around_past(values: Floats, at: Stretch) -> Floats:
    logs = np.log(values)
    out: Floats = logs - _median(logs[at.past])
    return out


def _median(values: Floats) -> float:
    """Of the finite values; NaN where there is none."""
    return location_scale(values)[0]


def _medians_of_others(table: Floats) -> Floats:
    """For each row the median of all other rows' known values, column by column; shape (rows, n).

    Sorted once: without its own value, which sits at its rank, the others' middle is the next one or the same.
    """
    known = np.isfinite(table)
    ordered, ranks = np.sort(table, axis=0), np.argsort(np.argsort(table, axis=0), axis=0)
    others = known.sum(axis=0) - known
    rank = np.where(known, ranks, len(table))
    columns = np.arange(table.shape[1])
    middles = [np.maximum(place, 0) for place in ((others - 1) // 2, others // 2)]
    low, high = (ordered[np.minimum(place + (place >= rank), len(table) - 1), columns] for place in middles)
    out: Floats = np.where(others >= LEAST - 1, (low + high) / 2, np.nan)
    return out


@dataclass(frozen=True)
class _Rest:
    """One service's logarithms with what all share taken off, around their usual level, shape (n,)."""

    values: Floats
    spread: float
    inflation: float
    """By how much more its steps scatter together than independent ones."""
    past: int
    recent: int
    shared: float
    """What it is expected to have moved with all, a logarithm."""
    doubt: float
    """The standard error of that."""


def _is_known(values: Floats, at: Stretch) -> bool:
    known = np.isfinite(values)
    return bool(known[at.past].sum() >= PAST_STEPS and known[at.recent].sum() >= RECENT_STEPS)


def _rest(moved: Floats, shared: Floats, at: Stretch, wobble: float) -> _Rest | None:
    """What is left of a service's movements; its sensitivity is learnt from the past, near 1 where that is calm."""
    if not _is_known(moved + shared, at):
        return None
    both = np.isfinite(moved[at.past] + shared[at.past])
    service, others = moved[at.past][both], shared[at.past][both]
    weight = (RESTLESSNESS / SENSITIVITY_SCALE) ** 2
    seen = float(np.dot(others, others)) + weight
    sensitivity = float(np.clip((np.dot(service, others) + weight * USUAL_SENSITIVITY) / seen, 0.0, MOST_SENSITIVE))
    rest = moved - sensitivity * shared
    level, spread = location_scale(rest[at.past], floor=wobble)
    drawn, inflation = _drawn_in(rest[at.past], level, spread)
    drift = _median(shared[at.recent]) - _median(shared[at.past])
    doubt = abs(drift) * np.sqrt(RESTLESSNESS**2 / seen + BEYOND_THE_KNOWN**2)
    recent = int(np.isfinite(rest[at.recent]).sum())
    return _Rest(
        rest - level, max(spread, float(drawn.std())), inflation, drawn.size, recent, sensitivity * drift, float(doubt)
    )


def _drawn_in(values: Floats, level: float, spread: float) -> tuple[Floats, float]:
    """The known values around their level, wild ones drawn in, and how much less than independent ones they say."""
    drawn = np.clip(values[np.isfinite(values)] - level, -4 * spread, 4 * spread)
    squares = float(np.dot(drawn, drawn))
    alike = float(np.dot(drawn[1:], drawn[:-1])) / squares if squares > 0 else 0.0
    alike = min(max(alike, 0.0), MOST_ALIKE)
    return drawn, (1 + alike) / (1 - alike)


def _compared(rest: _Rest, own: Floats, whole: Floats, at: Stretch, usual_spread: float) -> Beyond:
    degrees = max(2.0, rest.past / rest.inflation - 1)
    variance = (PRIOR_STEPS * usual_spread**2 + degrees * rest.spread**2) / (PRIOR_STEPS + degrees)
    error = np.sqrt(variance * rest.inflation * (1 / rest.recent + 1 / rest.past) + rest.doubt**2)
    recent, last = rest.values[at.recent], rest.values[at.last]
    shift = _median(recent)
    ends = _median(last) if np.isfinite(last).any() else 0.0
    usual = _median(own[at.past]) * np.exp(rest.shared)
    excess = usual * np.expm1(shift)
    # Never less than its own time: what callees took may lie in other steps than the requests that waited for it.
    would_be = max(_median(whole[at.recent]) - excess, usual)
    return Beyond(
        chance=float(stats.t.sf(shift / error, degrees + PRIOR_STEPS)),
        ratio=float(np.exp(shift)),
        steady_ratio=float(np.exp(min(float(np.nanquantile(recent, 0.25)), ends))),
        excess_ms=float(excess),
        share=float(excess / would_be),
    )
