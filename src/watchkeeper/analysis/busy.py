"""How much slower each service would be if nothing but the machines under all of them were busy.

A busy host slows what everybody computes, and no single service is to blame. What services compute themselves and what
they wait for outside of the system (databases, banks) slow down by different factors; how much of which a service's
requests are made of tells what a shared slowdown does to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from watchkeeper.analysis.excess import Parts
from watchkeeper.analysis.series import Key, Red

LEAST = 4
"""Services below which nobody can tell one culprit from all."""
PLAINLY = 1.3
"""Half of all services being slower by this factor makes a busy host plain."""
OWN_FLOOR = 0.02
"""The least share of its time that a service is taken to compute itself."""


@dataclass(frozen=True)
class _Part:
    """What one service's requests are made of, ms a request, in the usual part."""

    own_ms: float
    waits_ms: dict[str, float]
    """By callee."""

    @property
    def mean_ms(self) -> float:
        return self.own_ms + sum(self.waits_ms.values())


def busy_factors(services: Mapping[str, Red], calls: Mapping[Key, Red], parts: Parts) -> dict[str, float]:
    """By which factor each service's requests take longer for what all have in common; at least 1.

    The factor of what is computed is the median over services of own time (calls taken off), that of waiting the
    median over callees that report nothing themselves: half of either must be slower before anything is shared. All 1
    where fewer than `LEAST` services can be compared. `calls` by (caller, callee, operation).
    """
    usual = {name: _part(name, red, calls, parts.usual) for name, red in services.items()}
    now = {name: _part(name, red, calls, parts.incident) for name, red in services.items()}
    both = [name for name, part in usual.items() if part is not None and now[name] is not None]
    if len(both) < LEAST:
        return dict.fromkeys(services, 1.0)
    ratios = [_ratio(now[name], usual[name]) for name in both]
    own = max(1.0, float(np.median(ratios)))
    # Who is busy is not equally busy: where it is plain that all are, the slower ones are no news either.
    own = float(np.quantile(ratios, 0.75)) if own >= PLAINLY else own
    shared = _Shared({n: p for n, p in usual.items() if p is not None}, own, _outside(services, calls, parts))
    return {name: shared.factor(name) for name in services}


def _ratio(now: _Part | None, usual: _Part | None) -> float:
    assert now is not None
    assert usual is not None
    return now.own_ms / usual.own_ms


def _part(name: str, red: Red, calls: Mapping[Key, Red], part: slice) -> _Part | None:
    """None where it got no requests in that part, or took no time."""
    requests, mean = red.total(part)[0], red.mean_over(part)
    if requests == 0 or not mean > 0:
        return None
    waits: dict[str, float] = {}
    for (caller, callee, _), call in calls.items():
        if caller == name:
            waited = float(np.nansum(call.mean_ms[part] * call.requests[part])) / requests
            waits[callee] = waits.get(callee, 0.0) + waited
    return _Part(max(mean - sum(waits.values()), OWN_FLOOR * mean), waits)


def _outside(services: Mapping[str, Red], calls: Mapping[Key, Red], parts: Parts) -> float:
    """The factor of waiting for what reports nothing itself; 1 where fewer than three can be compared."""
    usual: dict[str, list[float]] = {}
    for (_, callee, _), call in calls.items():
        if callee not in services:
            was, is_now = call.mean_over(parts.usual), call.mean_over(parts.incident)
            if was > 0 and np.isfinite(is_now):
                usual.setdefault(callee, []).append(is_now / was)
    ratios = [float(np.median(each)) for each in usual.values()]
    return max(1.0, float(np.median(ratios))) if len(ratios) >= LEAST - 1 else 1.0


@dataclass
class _Shared:
    """What is slower for everybody, and what that makes of each service's requests."""

    usual: Mapping[str, _Part]
    own: float
    outside: float
    known: dict[str, float] = field(default_factory=dict)

    def factor(self, name: str) -> float:
        """From its own time and, below it, those of whom it calls; a circle of calls counts once."""
        part = self.usual.get(name)
        if part is None:
            return self.outside
        if name not in self.known:
            self.known[name] = 1.0
            waited = sum(ms * self.factor(callee) for callee, ms in part.waits_ms.items())
            self.known[name] = max(1.0, (part.own_ms * self.own + waited) / part.mean_ms)
        return self.known[name]
