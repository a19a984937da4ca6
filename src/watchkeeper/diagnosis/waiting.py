"""Waiting that a slow callee brings about in its caller: threads and connections held longer make queues upstream.

A caller that is slow in itself without computing more, while what it calls became slower, most likely queues because of
that: a saturated caller spares its callee, it does not slow it down.
"""

from dataclasses import replace

from watchkeeper.analysis.excess import Excess, Parts
from watchkeeper.analysis.robust import location_scale
from watchkeeper.evidence.vitals import Vitals

COMPUTING_SHARE = 0.2
"""Share of the extra own time that must be extra CPU time before it is work and not waiting."""
SLOWER = 1.5
"""How much slower a callee must be before its caller's waiting can be its doing; from twice that on all of it is."""


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
    """0 where no callee is clearly slower, 1 where one is far slower."""
    ratios = [
        red.mean_over(parts.incident) / (red.mean_over(parts.usual) * parts.slowdown)
        for (caller, callee, _), red in vitals.answered.items()
        if caller == name and (caller, callee) in excess.edges
    ]
    worst = max((ratio for ratio in ratios if ratio == ratio), default=1.0)
    return min(1.0, max(0.0, (worst - SLOWER) / SLOWER + 0.5)) if worst >= SLOWER else 0.0


def _is_computing(name: str, own_ms: float, vitals: Vitals, parts: Parts) -> bool:
    """Whether extra CPU time makes up a good part of the extra own time; also where CPU is not reported."""
    usage = vitals.resources.get((name, "cpu"))
    if usage is None:
        return True
    before, now = (location_scale(usage.values[part])[0] for part in (parts.usual, parts.incident))
    seconds = (parts.incident.stop - parts.incident.start) * vitals.grid.step_seconds
    return not (now - before) * seconds * 1e3 < COMPUTING_SHARE * own_ms
