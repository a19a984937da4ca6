"""Which combinations of attributes' values carry a service's trouble: attribute drill-down with the size of the effect.

In the spirit of Adtributor (Bhagwan et al., NSDI 2014: explanatory power, surprise, succinctness) and Squeeze (Li et
al., ISSRE 2019: within a cause all leaves deviate alike, outside it none does), with tests against the rest.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from watchkeeper.analysis.contrasts import Demand, Figures, Sides, in_errors, in_latency
from watchkeeper.analysis.effects import (
    Extra,
    extra_failures,
    extra_seconds,
    missing_requests,
    spread_ms,
    usual_mean,
    usual_share,
)
from watchkeeper.analysis.leaves import ERRORS, REQUESTS, SPENT, Leaves
from watchkeeper.analysis.series import Floats

Measure = Literal["errors", "latency", "requests"]
Mask = NDArray[np.bool_]

DEEPEST = 3
"""Attributes of a combination: more of them no person keeps in mind, and few requests share them."""
DEEPER = 0.05
"""How much more of the deviations each further attribute has to explain: succinctness."""
MOST_ELEMENTS, MOST_ATTRIBUTES = 3, 4
"""Portions that are told of a service, and attributes that are combined."""
LEAST_FIT = 0.5
"""Of a portion whose requests are fewer or more: below it as much moves elsewhere, as when people come and go."""
LEAST_DROP = 2.0
"""By which factor requests must be fewer (or more) than the rest of the service suggests."""
_CONSEQUENCES = ("status", "error", "exception", "duration", "response", "retry", "resend", "otel.")
_ROLLED_OUT = ("service.version", "service.instance.id", "host.name")
"""Between these requests move whenever something is released or scaled."""
_NAMED_FIRST = ("operation", "service.version", "service.instance.id")


@dataclass(frozen=True)
class Effect:
    """A portion of a service's requests and how much of its trouble it carries."""

    service: str
    attributes: tuple[str, ...]
    values: tuple[str, ...]
    measure: Measure
    sides: Sides
    extra: Extra
    """Failures, seconds, or requests that are missing (negative: too many)."""
    explained: tuple[float, float, float]
    """Share of the service's whole trouble of that measure, with its 95 % interval."""
    times_as_bad: float
    p_value: float
    """Corrected for all combinations that were looked at (Bonferroni)."""
    surprise: float
    """Jensen-Shannon divergence, in bits, of how the measure spreads over the attributes' values, now and expected."""
    fit: float
    """How much of all leaves' deviations it explains that these deviate and no others; at most 1."""

    @property
    def attribute(self) -> str:
        """The attributes as one text."""
        return ", ".join(self.attributes)

    @property
    def value(self) -> str:
        """The values as one text, in the attributes' order."""
        return ", ".join(self.values)


@dataclass(frozen=True)
class _Deviation:
    """One measure of every leaf: as it is, as it was to be expected, and what is chance; each shape (leaves,)."""

    actual: Floats
    expected: Floats
    noise: Floats
    weight: Floats
    """What an addition spreads over: requests."""

    def beyond(self, wanted: Floats) -> Floats:
        """Distance of the actual values from those, without what is chance."""
        return np.maximum(np.abs(self.actual - wanted) - 2 * self.noise, 0.0)

    def fit(self, chosen: Mask, left: Mask) -> float:
        """Squeeze's generalised potential score, in sums: leaves inside deviate alike, those outside not at all."""
        alone = self.beyond(self.expected)
        whole = alone[left].sum()
        if whole <= 0:
            return 0.0
        of = [each[chosen].sum() for each in (self.actual, self.expected, self.weight)]
        added = self.expected + self.weight * (of[0] - of[1]) / max(of[2], 1e-12)
        scaled = self.expected * of[0] / max(of[1], 1e-12)
        inside = min(self.beyond(wanted)[chosen].sum() for wanted in (added, scaled))
        return float(1 - (inside + alone[left & ~chosen].sum()) / whole)


@dataclass(frozen=True)
class _Element:
    attributes: tuple[str, ...]
    values: tuple[str, ...]
    chosen: Mask


def drill_down(leaves: Leaves, measure: Measure, demand: Demand | None = None) -> list[Effect]:
    """The portions that carry the trouble, at most three that do not overlap, what explains most first.

    Not told apart: what is nearly all of the service's requests, and attributes that only failures have. Attributes
    that always go together are named once. The search is bounded: a combination is looked at only where it alone
    carries a material share of the extra. Of requests both drops and surges are told.
    """
    how, leaves = demand or Demand(), focused(leaves, measure)
    told = list(leaves.attributes)
    deviation = _deviation(leaves, measure)
    left = np.ones(len(leaves.values), dtype=bool)
    found: list[Effect] = []
    while len(found) < MOST_ELEMENTS:
        elements, looked_at = _elements(leaves, told, deviation, left, how)
        tests = max(1, 2 * looked_at)
        effects = [(e, effect) for e in elements if (effect := _effect(leaves, e, left, measure, how, tests))]
        if not effects:
            break
        element, effect = _best(effects, deviation, left)
        if measure == "requests" and effect.fit < LEAST_FIT:
            break
        found.append(effect)
        left = left & ~element.chosen
    return found


def told_attributes(leaves: Leaves) -> list[str]:
    """Attributes in the order in which they are named: each partition of the leaves once, and no consequences."""
    order = {name: place for place, name in enumerate(_NAMED_FIRST)}
    seen: set[tuple[int, ...]] = set()
    kept: list[str] = []
    for name in sorted(leaves.attributes, key=lambda n: (order.get(n, len(order)), n)):
        column = leaves.column(name)
        has = np.array([value is not None for value in column], dtype=bool)
        both = (leaves.now + leaves.usual)[has].sum(axis=0)
        codes: dict[object, int] = {}
        partition = tuple(codes.setdefault(value, len(codes)) for value in column)
        is_consequence = any(mark in name.lower() for mark in _CONSEQUENCES) or both[REQUESTS] <= both[ERRORS]
        if not is_consequence and len(codes) > 1 and partition not in seen:
            seen.add(partition)
            kept.append(name)
    return kept


def focused(leaves: Leaves, measure: Measure) -> Leaves:
    """The leaves by the few attributes over whose values the measure spreads most unlike its expectation.

    With more of them nearly every request would be a leaf of its own, and chance hide what deviates.
    """
    told = [name for name in told_attributes(leaves) if measure != "requests" or name not in _ROLLED_OUT]
    alone = {name: leaves.by((name,)) for name in told}
    surprising = sorted(told, key=lambda name: (-_spread(_deviation(alone[name], measure)), told.index(name)))
    return leaves.by(tuple(name for name in told if name in surprising[:MOST_ATTRIBUTES]))


def _deviation(leaves: Leaves, measure: Measure) -> _Deviation:
    whole, requests = leaves.sides(np.ones(len(leaves.values), dtype=bool)).usual, leaves.now[:, REQUESTS]
    if measure == "requests":
        expected = leaves.scale * leaves.usual[:, REQUESTS] * _drift(leaves)
        noise = np.sqrt(np.maximum(np.maximum(expected, requests), 1.0))
        return _Deviation(requests, expected, noise, expected)
    usual = [Figures(int(n), int(failed), *rest) for n, failed, *rest in leaves.usual.tolist()]
    if measure == "errors":
        expected = requests * np.array([usual_share(each, whole) for each in usual])
        return _Deviation(leaves.now[:, ERRORS], expected, np.sqrt(np.maximum(expected, 0.25)), requests)
    expected = requests * np.array([usual_mean(each, whole) for each in usual])
    spread = np.array([spread_ms(each if each.requests > 1 else whole) for each in usual])
    return _Deviation(leaves.now[:, SPENT], expected, spread * np.sqrt(np.maximum(requests, 1.0)), requests)


def _spread(deviation: _Deviation) -> float:
    """Jensen-Shannon divergence, in bits, of how a measure spreads and how it was to be expected to; 0 for nothing."""
    sides = (deviation.actual, deviation.expected)
    if min(side.sum() for side in sides) <= 0:
        return 0.0
    now, usual = (side / side.sum() for side in sides)
    middle = np.maximum((now + usual) / 2, 1e-300)
    return float(sum(stats.entropy(p, middle, base=2) for p in (now, usual)) / 2)


def _drift(leaves: Leaves) -> float:
    """How all requests went up or down together: the median over leaves, each weighing as its usual requests."""
    usual, now = leaves.scale * leaves.usual[:, REQUESTS], leaves.now[:, REQUESTS]
    known = usual > 0
    if not known.any():
        return 1.0
    ratios, weights = now[known] / usual[known], usual[known]
    order = np.argsort(ratios, kind="stable")
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return max(float(ratios[order][middle]), 0.1)


def _elements(
    leaves: Leaves, told: list[str], deviation: _Deviation, left: Mask, how: Demand
) -> tuple[list[_Element], int]:
    """Combinations that carry a material share of what deviates in one direction, those of few attributes first.

    And how many there were: each might have stood out by chance.
    """
    columns = {name: leaves.column(name) for name in told}
    gain = np.where(left, deviation.actual - deviation.expected, 0.0)
    more, less = (how.carried * max(side.clip(min=0).sum(), 1e-12) for side in (gain, -gain))
    found, looked_at = [], 0
    for names in (names for depth in range(1, DEEPEST + 1) for names in combinations(told, depth)):
        places: dict[tuple[str | None, ...], list[int]] = {}
        for row, values in enumerate(zip(*(columns[name] for name in names), strict=True)):
            if None not in values:
                places.setdefault(values, []).append(row)
        looked_at += len(places)
        for values, rows in places.items():
            carried = gain[rows].sum()
            if carried >= more or -carried >= less:
                chosen = np.zeros(left.size, dtype=bool)
                chosen[rows] = True
                found.append(_Element(names, tuple(str(value) for value in values), chosen & left))
    return found, looked_at


def _best(effects: list[tuple[_Element, Effect]], deviation: _Deviation, left: Mask) -> tuple[_Element, Effect]:
    """The one that explains most, where every further attribute has to explain more; ties go to what came first."""
    fits = [deviation.fit(element.chosen, left) for element, _ in effects]
    scores = [fit - DEEPER * (len(element.attributes) - 1) for fit, (element, _) in zip(fits, effects, strict=True)]
    place = int(np.argmax(np.round(scores, 9)))
    element, effect = effects[place]
    return element, replace(effect, fit=fits[place])


def _effect(leaves: Leaves, element: _Element, left: Mask, measure: Measure, how: Demand, tests: int) -> Effect | None:
    part, whole = leaves.sides(element.chosen), leaves.sides(left)
    if not _can_be_told_apart(part, whole, measure, how):
        return None
    everything = leaves.sides(np.ones(left.size, dtype=bool))
    drift = leaves.scale * _drift(leaves)
    if measure == "requests":
        told = _in_requests(part, whole, drift, how, tests)
        told = told if told and _is_beyond_bursts(leaves, element, left, how.significance / tests) else None
    else:
        contrast = (in_errors if measure == "errors" else in_latency)(part, whole, how, tests)
        told = None if contrast is None else (contrast.lift, contrast.p_value)
    if told is None:
        return None
    extra, others = (_extra(sides, everything, measure, drift) for sides in (part, everything.without(part)))
    if measure == "requests" and extra.amount < 0:
        explained = _turned(extra).share_with(_turned(others))
    else:
        explained = extra.share_with(others)
    surprise = _spread(_deviation(leaves.by(element.attributes), measure))
    return Effect(
        leaves.service, element.attributes, element.values, measure, part, extra, explained, *told, surprise, 0.0
    )


def _can_be_told_apart(part: Sides, whole: Sides, measure: Measure, how: Demand) -> bool:
    of, all_ = (part.usual, whole.usual) if measure == "requests" else (part.now, whole.now)
    if measure == "requests" and part.now.requests > part.usual.requests:
        of, all_ = part.now, whole.now
    rest = all_.requests - of.requests
    return of.requests >= how.requests and rest >= max(how.requests, how.rest_share * all_.requests)


def _extra(sides: Sides, everything: Sides, measure: Measure, drift: float) -> Extra:
    if measure == "errors":
        return extra_failures(sides, everything)
    return extra_seconds(sides, everything) if measure == "latency" else missing_requests(sides, drift)


def _turned(extra: Extra) -> Extra:
    return Extra(-extra.amount, -extra.high, -extra.low)


def _is_beyond_bursts(leaves: Leaves, element: _Element, left: Mask, significance: float) -> bool:
    """Whether a portion's requests deviate by more than those of the other leaves do: people come in bursts.

    The variance of counts is taken as so many times Poisson's as the other leaves show.
    """
    deviation, others = _deviation(leaves, "requests"), left & ~element.chosen
    distance = deviation.actual - deviation.expected
    variance = np.maximum(deviation.expected * (1 + leaves.scale), 1.0)
    bursts = max(1.0, float(np.mean(distance[others] ** 2 / variance[others]))) if others.any() else 1.0
    z = abs(distance[element.chosen].sum()) / np.sqrt(bursts * variance[element.chosen].sum())
    return bool(2 * stats.norm.sf(z) <= significance)


def _in_requests(part: Sides, whole: Sides, drift: float, how: Demand, tests: int) -> tuple[float, float] | None:
    """Whether a portion's requests went down or up against the rest's: how many times, and the p-value (Fisher)."""
    rest = whole.without(part)
    usual, now = drift * part.usual.requests, part.now.requests
    usual_rest, now_rest = drift * rest.usual.requests, rest.now.requests
    ratio = ((now + 0.5) / (usual + 0.5)) / ((now_rest + 0.5) / (usual_rest + 0.5))
    times = 1 / ratio if ratio < 1 else ratio
    is_material = times >= LEAST_DROP and abs(usual - now) >= how.requests
    both = (part.now.requests + part.usual.requests, whole.now.requests + whole.usual.requests)
    law = stats.hypergeom(both[1], both[0], whole.now.requests)
    p = float(law.cdf(now) if ratio < 1 else law.sf(now - 1))
    return (times, min(1.0, p * tests)) if is_material and p <= how.significance / tests else None
