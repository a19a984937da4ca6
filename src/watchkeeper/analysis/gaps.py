"""Calls that nobody declared, inferred where excess of the same shape and size lies beyond the known calls."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from watchkeeper.analysis.flow import Edge, Flow, Share, callees_of, flow, reachable
from watchkeeper.analysis.series import Floats

UNEXPLAINED = 0.15
"""From this share of the blame on, whatever stays at a component is worth a look for a call that nobody declared."""
ALIKE = 1 / 3
"""The least overlap of two series of excess from which one may explain the other."""
SHARED = 1 / 3
"""By what power an excess counts for less that is larger than what it is to explain: others may call it, too."""
DEEPER = 0.5
"""By what power one that costs more than its supposed caller counts for less."""
MOST_INFERRED = 8

Cost = tuple[float, float]
"""Seconds of work a step, and a request, when all is well; NaN where not known."""


@dataclass(frozen=True)
class Gap:
    """A call that is missing among the declared ones, and how much excess would come through it."""

    edge: Edge
    likeness: float
    """From 0 to 1: how much of what stays the callee's excess overlaps with."""
    amount: float


def flow_with_gaps(
    target: str, excess: Mapping[str, Floats], edges: Iterable[Edge], costs: Mapping[str, Cost] | None = None
) -> Flow:
    """`flow` for excess by step, each shape (n,), where the declared graph may lack calls, or all of them.

    Where much blame stays at a component, one that is no caller of it is taken for a callee by as much as its excess,
    so far as nobody else accounts for it, overlaps with what stays. Of several that overlap alike, such as a whole
    chain of callers and callees, the one that costs less (`costs`) is the callee.
    """
    known, found = set(edges), list[Gap]()
    totals = {name: float(steps.sum()) for name, steps in excess.items()}
    while True:
        amounts = {gap.edge: gap.amount for gap in found}
        shares = flow(target, totals, known, amounts)
        search = _Search(target, excess, shares, known, amounts, costs or {})
        gap = None if len(found) == MOST_INFERRED else search.gap()
        if gap is None:
            return Flow(shares, {each.edge: each.likeness for each in found})
        known.add(gap.edge)
        found.append(gap)


def overlap(one: Floats, other: Floats) -> float:
    """How far one series of excess explains another, from 0 (not) to 1 (the same).

    What they have in common, of all that either has; an excess that is larger is shrunk before, and counts for less.
    """
    total, wanted = float(one.sum()), float(other.sum())
    if total <= 0 or wanted <= 0:
        return 0.0
    shrunk = min(1.0, wanted / total)
    common, either = np.minimum(one * shrunk, other).sum(), np.maximum(one * shrunk, other).sum()
    return float(common / either * shrunk**SHARED)


@dataclass(frozen=True)
class _Search:
    """One look for the call that explains best what stays at the component where most stays."""

    target: str
    excess: Mapping[str, Floats]
    shares: Mapping[str, Share]
    edges: set[Edge]
    amounts: Mapping[Edge, float]
    costs: Mapping[str, Cost]

    def gap(self) -> Gap | None:
        """The call to add; None where no blame is left that any would explain."""
        callees, below = callees_of(self.edges), reachable(self.edges)
        for caller in sorted(self.shares, key=lambda n: (-self.shares[n].own, n)):
            if self.shares[caller].own <= UNEXPLAINED:
                return None
            direct = callees.get(caller, set())
            stays = self._stays(caller, direct)
            strangers = (n for n in sorted(self.excess) if n != caller and n not in direct)
            likely = {n: overlap(self._free(n), stays) for n in strangers if caller not in below.get(n, ())}
            best = max(likely, key=lambda n: likely[n] * self._is_deeper(caller, n), default=None)
            if best is not None and likely[best] * self._is_deeper(caller, best) >= ALIKE:
                return Gap((caller, best), likely[best], likely[best] * float(stays.sum()))
        return None

    def _stays(self, caller: str, direct: Iterable[str]) -> Floats:
        """What of the caller's excess its known callees do not account for, by step."""
        left = np.array(self.excess.get(caller, np.zeros(1)))
        for callee in direct:
            if callee in self.excess:
                total = float(self.excess[callee].sum())
                amount = self.amounts.get((caller, callee), total)
                left -= self.excess[callee] * (amount / total if total > 0 else 0.0)
        return np.maximum(left, 0.0)

    def _free(self, name: str) -> Floats:
        """Its excess, so far as blame that already came by does not account for it."""
        came = self.shares[name].flow if name in self.shares else 0.0
        total = float(self.excess[name].sum())
        if came <= 0 or total <= 0:
            return self.excess[name]
        suffered = float(self.excess.get(self.target, np.zeros(1)).sum())
        return self.excess[name] * max(0.0, 1 - came * suffered / total)

    def _is_deeper(self, caller: str, callee: str) -> float:
        """1 where the callee costs no more than the caller, a step and a request, and less the more it does."""
        unknown = (float("nan"), float("nan"))
        factor = 1.0
        for above, under in zip(self.costs.get(caller, unknown), self.costs.get(callee, unknown), strict=True):
            if np.isfinite(above) and np.isfinite(under) and under > above:
                factor *= (above / under) ** DEEPER
        return factor
