"""Waiting that a slow callee brings about in its caller: threads and connections held longer make queues upstream.

A caller that is slow in itself without computing more, while what it calls became slower, most likely queues because of
that: a saturated caller spares its callee, it does not slow it down.
"""

from dataclasses import replace

import numpy as np

from watchkeeper.analysis.excess import Excess, Parts
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Red
from watchkeeper.evidence.vitals import Vitals

COMPUTING_SHARE = 0.2
"""Share of the extra own time that must be extra CPU time before it is work and not waiting."""
LONGER = 1.5
"""How much longer a request must await a callee before its caller's waiting can be the callee's doing; from twice that
on all of it is."""


def without_induced_waiting(excess: Excess, vitals: Vitals, parts: Parts) -> Excess:
    """The same excess with the waiting taken off callers whose callees explain it."""
    nodes = dict(excess.nodes)
    for name, total in excess.nodes.items():
        calls = sum(x for (caller, _), x in excess.edges.items() if caller == name)
        own = total - calls
        if own <= 0 or calls <= 0 or _is_computing(name, own, vitals, parts):
            continue
        nodes[name] = calls + own * (1 - _induced_share(name, excess, vitals, parts))
    return replace(excess, nodes=nodes)


def _induced_share(name: str, excess: Excess, vitals: Vitals, parts: Parts) -> float:
    """0 where no callee is awaited much longer, 1 where one is awaited far longer.

    Compared is how long a request of the caller awaits the callee, by the callee's own clock: a callee that is called
    more often holds its caller's workers as much as one that got slower.
    """
    usual, now = (_requests(name, vitals, part) for part in (parts.usual, parts.incident))
    if not usual or not now:
        return 0.0
    awaited: dict[str, list[float]] = {}
    for (caller, callee, _), red in vitals.answered.items():
        if caller == name and (caller, callee) in excess.edges:
            sums = awaited.setdefault(callee, [0.0, 0.0])
            sums[0] += _spent(red, parts.usual) / usual * parts.slowdown
            sums[1] += _spent(red, parts.incident) / now
    worst = max((after / before for before, after in awaited.values() if before > 0), default=1.0)
    return min(1.0, (worst - LONGER) / LONGER + 0.5) if worst >= LONGER else 0.0


def _requests(name: str, vitals: Vitals, part: slice) -> float:
    red = vitals.services.get(name)
    return red.total(part)[0] if red is not None else 0.0


def _spent(red: Red, part: slice) -> float:
    """Milliseconds that all requests of a part took together."""
    return float(np.nansum(red.mean_ms[part] * red.requests[part]))


def _is_computing(name: str, own_ms: float, vitals: Vitals, parts: Parts) -> bool:
    """Whether extra CPU time makes up a good part of the extra own time; also where CPU is not reported."""
    usage = vitals.resources.get((name, "cpu"))
    if usage is None:
        return True
    before, now = (location_scale(usage.values[part])[0] for part in (parts.usual, parts.incident))
    seconds = (parts.incident.stop - parts.incident.start) * vitals.grid.step_seconds
    return not (now - before) * seconds * 1e3 < COMPUTING_SHARE * own_ms
