"""Blame that flows down a declared call graph, in proportion to the excess work of those that are called.

What a component suffers beyond the usual is its own doing, less what those it calls explain. All is in units that add
up (seconds, failures), so a caller's excess *is* that of its callees where they caused it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from watchkeeper.analysis.series import Floats

Edge = tuple[str, str]
"""Caller and callee."""

UNEXPLAINED = 0.15
"""From this share of the blame on, whatever stays at a component is worth a look for a call that nobody declared."""
SAME_SHAPE = 0.9
"""Cosine from which two series of excess have one shape."""
SAME_SIZE = (0.5, 1.5)
"""By what factor the excess of an undeclared callee may differ from what it is to explain."""
MOST_INFERRED = 4


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
    inferred: tuple[Edge, ...] = ()

    @property
    def ranked(self) -> list[str]:
        """Components with any share, the most blamed first; of equals the one that more blame came by."""

        def rank(name: str) -> tuple[float, float, float, str]:
            share = self.shares[name]
            return -share.score, -share.flow, -share.own, name

        return sorted((n for n, s in self.shares.items() if s.flow > 0), key=rank)


def reachable(edges: Iterable[Edge]) -> dict[str, frozenset[str]]:
    """For every component, all that it calls directly or through others."""
    callees = _callees(edges)
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
    callees, below = _callees(edges), reachable(edges)
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


def flow(target: str, excess: Mapping[str, float], edges: Iterable[Edge]) -> dict[str, Share]:
    """Follow the blame from the target, which has all of it, through everything that it calls.

    At a component with excess E whose callees suffer C in all, the share C / max(E, C) goes on to them in
    proportion; of two that call the same callee each passes on its own part.
    """
    arrived = {target: 1.0}
    shares: dict[str, Share] = {}
    for caller, callees in acyclic(target, edges).items():
        came = arrived.get(caller, 0.0)
        amounts = [excess.get(k, 0.0) for k in callees]
        reach = max(excess.get(caller, 0.0), sum(amounts))
        passed = [came * amount / reach if reach > 0 else 0.0 for amount in amounts]
        shares[caller] = Share(came, max(0.0, came - sum(passed)), came - max(passed, default=0.0))
        for callee, amount in zip(callees, passed, strict=True):
            arrived[callee] = arrived.get(callee, 0.0) + amount
    return shares


def flow_with_gaps(target: str, excess: Mapping[str, Floats], edges: Iterable[Edge]) -> Flow:
    """The same for excess by step, each shape (n,), where the declared graph may lack calls.

    Where much blame stays at a component, a component that the blame could not reach and that is no caller of it is
    taken for a callee, if its excess has the shape and size of what stays.
    """
    known, inferred = set(edges), list[Edge]()
    totals = {name: float(steps.sum()) for name, steps in excess.items()}
    while True:
        shares = flow(target, totals, known)
        gap = None if len(inferred) == MOST_INFERRED else _gap(shares, excess, known)
        if gap is None:
            return Flow(shares, tuple(inferred))
        known.add(gap)
        inferred.append(gap)


def _gap(shares: Mapping[str, Share], excess: Mapping[str, Floats], edges: set[Edge]) -> Edge | None:
    """The call that explains best what stays at the component where most stays."""
    callees, below = _callees(edges), reachable(edges)
    for caller in sorted(shares, key=lambda n: (-shares[n].own, n)):
        if shares[caller].own <= UNEXPLAINED:
            return None
        stays = excess.get(caller, np.zeros(1)) - sum(excess[k] for k in callees.get(caller, ()) if k in excess)
        strangers = (n for n in sorted(excess) if n not in shares and caller not in below.get(n, ()))
        likeness = {n: _likeness(excess[n], np.maximum(stays, 0.0)) for n in strangers}
        best = max(likeness, key=lambda n: likeness[n], default=None)
        if best is not None and likeness[best] > 0:
            return caller, best
    return None


def _likeness(one: Floats, other: Floats) -> float:
    """How well one series of excess explains another, from 0 (not) to 1 (the same)."""
    total, wanted = float(one.sum()), float(other.sum())
    if total <= 0 or wanted <= 0 or not SAME_SIZE[0] <= total / wanted <= SAME_SIZE[1]:
        return 0.0
    cosine = float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
    return cosine * min(total / wanted, wanted / total) if cosine >= SAME_SHAPE else 0.0


def _callees(edges: Iterable[Edge]) -> dict[str, set[str]]:
    callees: dict[str, set[str]] = {}
    for caller, callee in edges:
        if caller != callee:
            callees.setdefault(caller, set()).add(callee)
    return callees


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
