"""How the blame for errors and slowness divides over components and what they wait for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from watchkeeper.analysis.excess import (
    Blame,
    Excess,
    Parts,
    blame,
    common_slowdown,
    excess_of,
    targets_of,
)
from watchkeeper.analysis.series import Key, Red
from watchkeeper.analysis.symptoms import Symptom
from watchkeeper.diagnosis.strengths import covered, lost_on_the_way
from watchkeeper.diagnosis.timing import Timing
from watchkeeper.diagnosis.waiting import without_induced_waiting
from watchkeeper.evidence.vitals import Vitals

LINK_SHARE = 0.6
"""Share of a callee's blame that must arise on the way to it before the way itself is blamed."""
LINK_REQUESTS = 5


@dataclass
class Share:
    """One component's part of the blame, 0 to 1 in each unit, and what it waits for."""

    errors: float = 0.0
    latency: float = 0.0
    waits_for: dict[str, float] = field(default_factory=dict)
    """The part of both that arose at a dependency that reports nothing itself, or on the way to one that does."""


def parts_of(vitals: Vitals, timing: Timing) -> Parts:
    """The usual and the incident steps of the vitals' grid, and how much slower everything became together."""
    grid = vitals.grid
    usual = slice(grid.index_of(timing.usual.start), max(1, grid.index_of(timing.usual.end)))
    parts = Parts(usual, slice(min(grid.index_of(timing.incident.start), grid.size - 1), grid.size))
    return replace(parts, slowdown=common_slowdown(vitals.services, vitals.calls, parts))


def shares_of(vitals: Vitals, timing: Timing, symptoms: list[Symptom]) -> dict[str, Share]:
    """Every component's share of the blame for errors and for latency."""
    parts, showing = parts_of(vitals, timing), {s.service for s in symptoms}
    out: dict[str, Share] = {}
    for is_errors in (True, False):
        excess = excess_of(vitals.operations, vitals.calls, parts, errors=is_errors)
        if not is_errors:
            excess = without_induced_waiting(excess, vitals, parts)
        found = blame(excess, _targets(vitals, excess, symptoms, is_errors=is_errors))
        singled_out = 1.0 if is_errors else _singled_out(vitals, parts, excess)
        for component, amount in found.own.items():
            owners = _owners(vitals, parts, found, component, amount, showing, is_errors=is_errors)
            for owner, waits_for, share in owners:
                _add(out.setdefault(owner, Share()), waits_for, share * singled_out, is_errors=is_errors)
    return out


def _singled_out(vitals: Vitals, parts: Parts, excess: Excess) -> float:
    """The part of the extra time that is left when what everything suffers together is taken off, 0 to 1."""
    if parts.slowdown <= 1.0:
        return 1.0
    everything = excess_of(vitals.operations, {}, replace(parts, slowdown=1.0), errors=False)
    total = sum(everything.nodes.values())
    return min(1.0, sum(excess.nodes.values()) / total) if total > 0 else 1.0


def _targets(vitals: Vitals, excess: Excess, symptoms: list[Symptom], *, is_errors: bool) -> dict[str, float]:
    """Where following begins: the topmost services in excess, if they or what they call show such a symptom."""
    edges = {(caller, callee) for caller, callee, _ in vitals.calls}
    targets = targets_of(excess, edges)
    wanted = ("error ratio",) if is_errors else ("mean latency", "p95 latency")
    showing = {s.service for s in symptoms if s.measure in wanted}
    kept = {n: x for n, x in targets.items() if reachable(n, edges) & showing}
    total = sum(kept.values())
    return {n: x / total for n, x in kept.items()} if total > 0 else targets


def reachable(node: str, edges: set[tuple[str, str]]) -> set[str]:
    """The node and all that lies behind it along the edges."""
    seen, frontier = {node}, [node]
    while frontier:
        here = frontier.pop()
        for caller, callee in edges:
            if caller == here and callee not in seen:
                seen.add(callee)
                frontier.append(callee)
    return seen


def _owners(
    vitals: Vitals,
    parts: Parts,
    found: Blame,
    component: str,
    amount: float,
    showing: set[str],
    *,
    is_errors: bool,
) -> list[tuple[str, str | None, float]]:
    """Who stands for a component's share: itself, or those who call it where it is not ours to look into."""
    sources = found.through.get(component, {})
    if component in vitals.uninstrumented and component not in vitals.presence:
        return [(caller, component, share) for caller, share in sources.items()]
    if not is_errors and sources and component not in showing:
        guilty = _slow_links(vitals, parts, component)
        if guilty:
            return [(c, component if c in guilty else None, x) for c, x in _redirect(sources, guilty, component)]
    return [(component, None, amount)]


def _redirect(sources: Mapping[str, float], guilty: set[str], component: str) -> list[tuple[str, float]]:
    return [(caller if caller in guilty else component, share) for caller, share in sources.items()]


def _slow_links(vitals: Vitals, parts: Parts, callee: str) -> set[str]:
    """Callers whose calls to this callee became slow on the way, while the callee itself answers as usual.

    Empty where the callee is slow itself, or where several callers all see it slow: then it is the callee, or the
    queue right before it. Of an only caller and its callee it is the one of whose other links more lose time as well.
    """
    seen, own = _gains(vitals.calls, parts, callee), _gains(vitals.answered, parts, callee)
    on_the_way = {caller: gain - own.get(caller, 0.0) for caller, gain in seen.items()}
    worst = max(on_the_way.values(), default=0.0)
    if worst <= 0 or worst < LINK_SHARE * max(seen.values()):
        return set()
    slow = {caller for caller, gain in on_the_way.items() if gain >= worst / 3}
    if slow != set(on_the_way):
        return slow
    lost = lost_on_the_way(vitals, parts)
    return {c for c in slow if len(slow) == 1 and covered(c, lost, vitals) >= covered(callee, lost, vitals)}


def _gains(calls: Mapping[Key, Red], parts: Parts, callee: str) -> dict[str, float]:
    """By how much a call to the callee became slower for each caller that still calls it often enough, in ms."""
    totals: dict[str, list[float]] = {}
    for (caller, k, _), red in calls.items():
        requests, before, now = red.total(parts.incident)[0], red.mean_over(parts.usual), red.mean_over(parts.incident)
        if k == callee and requests > 0 and before == before:
            sums = totals.setdefault(caller, [0.0, 0.0])
            sums[0] += requests * (now - before * parts.slowdown)
            sums[1] += requests
    return {caller: work / requests for caller, (work, requests) in totals.items() if requests >= LINK_REQUESTS}


def _add(share: Share, waits_for: str | None, amount: float, *, is_errors: bool) -> None:
    if is_errors:
        share.errors += amount
    else:
        share.latency += amount
    if waits_for is not None:
        share.waits_for[waits_for] = share.waits_for.get(waits_for, 0.0) + amount
