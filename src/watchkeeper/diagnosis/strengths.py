"""How strongly something speaks for each component, from 0 to 1: processors, load that enters, time lost on the way."""

from collections.abc import Mapping, Sequence

import numpy as np

from watchkeeper.analysis.call_habits import MissingCall
from watchkeeper.analysis.excess import Parts, latency_excess
from watchkeeper.analysis.requests import OwnTime
from watchkeeper.analysis.resources import rise_share
from watchkeeper.analysis.robust import rank_shift
from watchkeeper.analysis.series import Floats, Red
from watchkeeper.diagnosis.fusion import squashed
from watchkeeper.evidence.vitals import Vitals

CORE_NOISE, CORE_HALF = 0.01, 0.05
"""Of a processor, as a share of a core: what readings scatter at least, and the rise that counts half."""
LEAST_LOAD, PLAIN_LOAD = 1.5, 3.0
"""Times the usual requests that enter at a component from which they are more than usual, and as plain as can be."""
ENTERING_SHARE = 0.2
"""Share of a component's requests that come from nobody in sight, from which on the load enters at it."""
LEAST_GAP_MS, GAP_GROWN = 2.0, 1.5
"""What is lost on the way must grow by so much and to so many times what it was."""
GAP_SIGNIFICANCE = 0.01
LEAST_GAIN_MS, GAINED = 2.0, 1.3
"""The same of time that a kind of span takes by itself."""
HALF_PLAIN = 4.0
"""The weight (−log10 p) of calls that are missing that is half plain; likewise of a pause."""
REPORTS_SHARE, LEAST_PAUSE, LEAST_CHANCE = 0.9, 2, 0.05
"""Share of the usual steps in which somebody reports whose pause says something, of so many steps; how
improbable a single step without a report is at most."""
LEAST_PEERS = 3
"""Components that report, of which one alone may fall silent."""

Edge = tuple[str, str]


def processors(vitals: Vitals, parts: Parts) -> dict[str, float]:
    """Whose processor is busier than its requests explain."""
    found = {}
    for (service, kind), usage in vitals.resources.items():
        if kind == "cpu":
            before, now = usage.values[parts.usual], usage.values[parts.incident]
            found[service] = rise_share(before, now, load(vitals, parts, service), CORE_NOISE, CORE_HALF)
    return {service: share for service, share in found.items() if share > 0}


def load(vitals: Vitals, parts: Parts, service: str) -> float:
    """Requests a step in the incident as a multiple of the usual; 1 where there were none."""
    red = vitals.services.get(service)
    return _times(red.requests, parts) if red is not None else 1.0


def hushes(vitals: Vitals, parts: Parts) -> dict[str, float]:
    """Who usually reports in nearly every step and has not reported at the end, while most others do.

    Long before a pause is a symptom by itself: it grows with how improbable it would be by chance.
    """
    rows = {name: reports > 0 for name, reports in vitals.presence.items() if reports[parts.usual].any()}
    if len(rows) < LEAST_PEERS:
        return {}
    told = np.mean(list(rows.values()), axis=0) > 0.5
    found = {}
    for name, reports in rows.items():
        share = float(reports[parts.usual].mean())
        pause = int(told[int(np.flatnonzero(reports)[-1]) + 1 :].sum())
        if share >= REPORTS_SHARE and pause >= LEAST_PAUSE:
            found[name] = squashed(-pause * float(np.log10(max(1.0 - share, LEAST_CHANCE))), HALF_PLAIN)
    return found


def surges(vitals: Vitals, parts: Parts) -> dict[str, float]:
    """At whom far more requests enter the system than usual: what its callers in sight send is taken off."""
    called: dict[str, Floats] = {}
    for (caller, callee, _), red in vitals.calls.items():
        if caller != callee:
            called[callee] = called.get(callee, np.zeros(vitals.grid.size)) + red.requests
    found = {}
    for service, red in vitals.services.items():
        entering = np.maximum(red.requests - called.get(service, np.zeros(vitals.grid.size)), 0.0)
        if entering[parts.usual].sum() >= ENTERING_SHARE * red.requests[parts.usual].sum():
            times = _times(entering, parts)
            found[service] = min(1.0, float(np.log(times / LEAST_LOAD) / np.log(PLAIN_LOAD / LEAST_LOAD)))
    return {service: share for service, share in found.items() if share > 0}


def _times(requests: Floats, parts: Parts) -> float:
    usual, now = requests[parts.usual], requests[parts.incident]
    if not usual.size or not now.size or usual.mean() <= 0:
        return 1.0
    return max(float(now.mean() / usual.mean()), 1e-3)


def own_work(own_times: list[OwnTime], vitals: Vitals, parts: Parts) -> dict[str, float]:
    """Each component's part of all time that spans take by themselves beyond the usual.

    What a call loses between its two ends is nobody's own: it is left to `ways`.
    """
    answered = {(caller, call) for caller, _, call in vitals.answered}
    gains: dict[str, float] = {}
    for own in own_times:
        gain = own.after_ms - own.before_ms * parts.slowdown
        red = vitals.services.get(own.service)
        is_longer = gain > LEAST_GAIN_MS and own.after_ms > GAINED * own.before_ms * parts.slowdown
        if is_longer and red is not None and (own.service, own.name) not in answered:
            gains[own.service] = gains.get(own.service, 0.0) + gain * red.total(parts.incident)[0]
    whole = sum(gains.values())
    return {service: gain / whole for service, gain in gains.items()} if whole > 0 else {}


def leaving_out(missing: Sequence[MissingCall]) -> dict[str, tuple[float, MissingCall]]:
    """Whose requests leave out calls that usually follow and yet do not fail: how plainly, and the plainest of them.

    Where the requests without a call fail, they broke off: then the failure says more. Where they take longer, they
    gave up waiting, and whom they waited for says more.
    """
    found: dict[str, tuple[float, MissingCall]] = {}
    for each in missing:
        plain = squashed(-float(np.log10(max(each.p_value, 1e-300))), HALF_PLAIN) * (1.0 - each.failing) * each.early
        if plain > found.get(each.service, (0.0, each))[0]:
            found[each.service] = (plain, each)
    return found


def ways(vitals: Vitals, parts: Parts) -> dict[str, float]:
    """Around whom calls lose time between their two ends: its part of that, and how many of its calls do.

    A slow network around one component delays all calls to it and by it; of one link between two, few of either's.
    """
    lost = lost_on_the_way(vitals, parts)
    between = {edge: amount for edge, amount in lost.items() if edge in _answered(vitals)}
    whole, felt = sum(between.values()), _felt(vitals, parts, sum(between.values()))
    names = {name for edge in between for name in edge}
    part = {name: sum(x for edge, x in between.items() if name in edge) / whole for name in names}
    return {name: felt * part[name] * covered(name, lost, vitals) for name in sorted(names)}


def _answered(vitals: Vitals) -> set[Edge]:
    return {(caller, callee) for caller, callee, _ in vitals.answered}


def _felt(vitals: Vitals, parts: Parts, whole: float) -> float:
    """How much of the worst service's extra time that is, at most 1."""
    worst = max((latency_excess(red, parts) for red in vitals.services.values()), default=0.0)
    return min(1.0, whole / worst) if worst > 0 else 0.0


def covered(name: str, lost: Mapping[Edge, float], vitals: Vitals) -> float:
    """Which part of the links of a component, to whom it calls and from whom it is called, lose time."""
    links = {(caller, callee) for caller, callee, _ in vitals.calls if name in (caller, callee) and caller != callee}
    return sum(edge in lost for edge in links) / len(links) if links else 0.0


def lost_on_the_way(vitals: Vitals, parts: Parts) -> dict[Edge, float]:
    """Milliseconds beyond the usual that calls lose between their two ends, by caller and callee, where that is clear.

    Of a callee that reports nothing the whole call is on the way.
    """
    found: dict[Edge, float] = {}
    for key, red in vitals.calls.items():
        edge = (key[0], key[1])
        gap = _gap(red, vitals.answered.get(key))
        before, now = gap[parts.usual], gap[parts.incident]
        usual, grown = _mean(before, red, parts.usual) * parts.slowdown, _mean(now, red, parts.incident)
        is_longer = grown - usual >= LEAST_GAP_MS and grown >= GAP_GROWN * usual
        if is_longer and rank_shift(now, before * parts.slowdown) <= GAP_SIGNIFICANCE:
            found[edge] = found.get(edge, 0.0) + (grown - usual) * red.total(parts.incident)[0]
    return found


def _gap(calls: Red, answered: Red | None) -> Floats:
    """Milliseconds a call that are not the callee's, by step."""
    return calls.mean_ms if answered is None else np.maximum(calls.mean_ms - answered.mean_ms, 0.0)


def _mean(gap: Floats, red: Red, part: slice) -> float:
    known = np.isfinite(gap) & (red.requests[part] > 0)
    return float(np.average(gap[known], weights=red.requests[part][known])) if known.any() else float("nan")
