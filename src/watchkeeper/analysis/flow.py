"""Blame that flows down a declared call graph, in proportion to the excess work of those that are called.

What a component suffers beyond the usual is its own doing, less what those it calls explain. All is in units that add
up (seconds, failures), so a caller's excess *is* that of its callees where they caused it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Edge = tuple[str, str]
"""Caller and callee."""


@dataclass(frozen=True)
class Share:
    """How much of the target's blame came by, stays, and is not outdone by any single callee; each from 0 to 1."""

    flow: float
    own: float
    dominance: float

    @property
    def score(self) -> float:
        """What components are ranked by."""
        return (self.own + self.dominance) / 2


@dataclass(frozen=True)
class Flow:
    """The shares of all components that blame could reach, and the calls that were inferred on the way."""

    shares: dict[str, Share]
    inferred: dict[Edge, float] = field(default_factory=dict)
    """How surely each is a call, from 0 to 1."""

    @property
    def ranked(self) -> list[str]:
        """Components with any share, the most blamed first; of equals the one that more blame came by."""

        def rank(name: str) -> tuple[float, float, float, str]:
            share = self.shares[name]
            return -share.score, -share.flow, -share.own, name

        return sorted((n for n, s in self.shares.items() if s.flow > 0), key=rank)


def reachable(edges: Iterable[Edge]) -> dict[str, frozenset[str]]:
    """For every component, all that it calls directly or through others."""
    callees = callees_of(edges)
    found: dict[str, frozenset[str]] = {}
    for start in callees:
        seen: set[str] = set()
        open_ends = [start]
        while open_ends:
            new = [k for k in callees.get(open_ends.pop(), ()) if k not in seen]
            seen.update(new)
            open_ends += new
        found[start] = frozenset(seen)
    return found


def bridged(edges: Iterable[Edge], silent: Iterable[str]) -> set[Edge]:
    """The calls without components of which nothing is known: who calls them calls what they call."""
    known = set(edges)
    for name in sorted(set(silent)):
        callers = {a for a, b in known if b == name and a != name}
        callees = {b for a, b in known if a == name and b != name}
        known = {edge for edge in known if name not in edge} | {(a, b) for a in callers for b in callees if a != b}
    return known


def acyclic(target: str, edges: Iterable[Edge]) -> dict[str, list[str]]:
    """Callees of every component that the target reaches, callers first, without calls that close a circle.

    Within a circle only those calls are followed that lead further from the target.
    """
    callees, below = callees_of(edges), reachable(edges)
    depth, order = {target: 0}, [target]
    for caller in order:
        for callee in sorted(callees.get(caller, ())):
            if callee not in depth:
                depth[callee] = depth[caller] + 1
                order.append(callee)
    kept = {
        caller: [
            k for k in sorted(callees.get(caller, ())) if caller not in below.get(k, ()) or depth[k] > depth[caller]
        ]
        for caller in order
    }
    return _callers_first(target, kept)


def flow(
    target: str, excess: Mapping[str, float], edges: Iterable[Edge], amounts: Mapping[Edge, float] | None = None
) -> dict[str, Share]:
    """Follow the blame from the target, which has all of it, through everything that it calls.

    At a component with excess E whose callees suffer C in all, the share C / max(E, C) goes on to them in
    proportion; of two that call the same callee each passes on its own part. Through calls in `amounts` comes so much
    instead of all of the callee's excess.
    """
    through = amounts or {}
    arrived = {target: 1.0}
    shares: dict[str, Share] = {}
    for caller, callees in acyclic(target, edges).items():
        came = arrived.get(caller, 0.0)
        wanted = [through.get((caller, k), excess.get(k, 0.0)) for k in callees]
        reach = max(excess.get(caller, 0.0), sum(wanted))
        passed = [came * amount / reach if reach > 0 else 0.0 for amount in wanted]
        shares[caller] = Share(came, max(0.0, came - sum(passed)), came - max(passed, default=0.0))
        for callee, amount in zip(callees, passed, strict=True):
            arrived[callee] = arrived.get(callee, 0.0) + amount
    return shares


def callees_of(edges: Iterable[Edge]) -> dict[str, set[str]]:
    """Whom each caller calls; a call to oneself is left out."""
    callees: dict[str, set[str]] = {}
    for caller, callee in edges:
        if caller != callee:
            callees.setdefault(caller, set()).add(callee)
    return callees


def callers_of(edges: Iterable[Edge], name: str) -> list[str]:
    """Who calls a component, directly or through others, the nearest first."""
    callers = callees_of((callee, caller) for caller, callee in edges)
    found, seen = [name], {name}
    for each in found:
        new = sorted(callers.get(each, set()) - seen)
        found += new
        seen.update(new)
    return found[1:]


def _callers_first(target: str, callees: Mapping[str, list[str]]) -> dict[str, list[str]]:
    waiting = {n: 0 for n in callees}
    for called in callees.values():
        for callee in called:
            waiting[callee] += 1
    order, free = dict[str, list[str]](), [target]
    while free:
        caller = free.pop()
        order[caller] = callees[caller]
        for callee in callees[caller]:
            waiting[callee] -= 1
            if waiting[callee] == 0:
                free.append(callee)
    return order
