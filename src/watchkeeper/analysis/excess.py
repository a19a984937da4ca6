"""Blame as conservation of excess work: how much of what an entry suffers comes from which component.

Work is in units that add up over the call graph: milliseconds spent beyond what is usual, or failures beyond what is
usual. What a caller suffers is its own doing less what its callees made it suffer; following the excess down
from the services that show the symptom gives every component a share of the blame.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from watchkeeper.analysis.series import Key, Red, added

NOISE = 2.0
"""Standard errors of excess that count as nothing."""


@dataclass(frozen=True)
class Parts:
    """Which steps are usual and which belong to the incident."""

    usual: slice
    incident: slice
    slowdown: float = 1.0
    """By how much everything became slower together (a shared host): what nobody in particular is to blame for."""


@dataclass(frozen=True)
class Excess:
    """Excess work of components and of calls between them, in one unit (ms, or failures); zero is left out."""

    nodes: dict[str, float] = field(default_factory=dict)
    edges: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Blame:
    """How the suffering of the targets divides over components, and through which calls it came."""

    own: dict[str, float]
    """Shares by component; they add up to 1 or less."""
    through: dict[str, dict[str, float]]
    """For each component that nobody instrumented or that is only a link: the callers its share came from."""


def latency_excess(red: Red, parts: Parts) -> float:
    """Milliseconds beyond the usual in the incident: requests × (mean − usual mean), less what is noise; ≥ 0."""
    usual = _trimmed_mean(red, parts.usual) * parts.slowdown
    if not np.isfinite(usual):
        return 0.0
    requests = red.requests[parts.incident]
    known = requests > 0
    if not known.any():
        return 0.0
    gain = float(((red.mean_ms[parts.incident][known] - usual) * requests[known]).sum())
    return max(0.0, gain - NOISE * _standard_error(red, parts) * float(requests.sum()))


def error_excess(red: Red, parts: Parts) -> float:
    """Failures beyond the usual share of the incident's requests, less what is noise; ≥ 0."""
    requests, errors = red.total(parts.incident)
    past_requests, past_errors = red.total(parts.usual)
    share = past_errors / past_requests if past_requests else 0.0
    noise = NOISE * np.sqrt(max(requests * share * (1 - share), 1.0))
    return max(0.0, errors - requests * share - float(noise))


def common_slowdown(services: Mapping[str, Red], calls: Mapping[Key, Red], parts: Parts, least: int = 4) -> float:
    """By how much three quarters of all components became slower at least, in their own work; at least 1.

    Components are services, calls taken off, and callees that report nothing themselves. 1 where fewer than `least`
    can be compared: then nobody can tell one culprit from all.
    """
    ratios = []
    for name, red in services.items():
        before, after = (_own_mean(name, red, calls, part) for part in (parts.usual, parts.incident))
        ratios.append(after / before if before > 0 else float("nan"))
    for (_, callee, _), red in calls.items():
        before = red.mean_over(parts.usual)
        if callee not in services and before > 0:
            ratios.append(red.mean_over(parts.incident) / before)
    known = [ratio for ratio in ratios if np.isfinite(ratio)]
    return max(1.0, float(np.quantile(known, 0.25))) if len(known) >= least else 1.0


def _own_mean(name: str, red: Red, calls: Mapping[Key, Red], part: slice) -> float:
    """Mean duration of a service's requests without its calls, ms; at least a fiftieth of the whole."""
    requests = red.total(part)[0]
    if requests == 0:
        return float("nan")
    waiting = sum(
        float(np.nansum(call.mean_ms[part] * call.requests[part]))
        for (caller, _, _), call in calls.items()
        if caller == name
    )
    mean = red.mean_over(part)
    return max(mean - waiting / requests, 0.02 * mean)


def excess_of(red: Mapping[Key, Red], calls: Mapping[Key, Red], parts: Parts, *, errors: bool) -> Excess:
    """Excess by component and edge. `red` by (service, operation), `calls` by (caller, callee, operation)."""
    measure = error_excess if errors else latency_excess
    nodes = {key[0]: _sum_of(measure, values, parts) for key, values in _grouped(red, 1).items()}
    edges = {(key[0], key[1]): _sum_of(measure, values, parts) for key, values in _grouped(calls, 2).items()}
    return Excess({n: x for n, x in nodes.items() if x > 0}, {e: x for e, x in edges.items() if x > 0})


def _grouped(series: Mapping[Key, Red], width: int) -> dict[Key, list[Red]]:
    groups: dict[Key, list[Red]] = {}
    for key, values in series.items():
        groups.setdefault(key[:width], []).append(values)
    return groups


def _sum_of(measure: Callable[[Red, Parts], float], operations: list[Red], parts: Parts) -> float:
    """The excess of operations, each against its own past; all together where most requests have no such past.

    That is so where names hold ids, and hardly any comes twice.
    """
    comparable = sum(red.total(parts.incident)[0] for red in operations if red.total(parts.usual)[0] > 0)
    if comparable >= 0.5 * sum(red.total(parts.incident)[0] for red in operations):
        return sum(measure(red, parts) for red in operations)
    return measure(added(operations), parts)


def blame(excess: Excess, targets: Mapping[str, float]) -> Blame:
    """Follow the excess from the targets (weights adding up to 1) down the calls.

    At a component whose callees suffer C in all, the share C / max(own excess, C) goes on to them in proportion, and
    the rest stays. A call that would close a circle is not followed.
    """
    own: dict[str, float] = {}
    through: dict[str, dict[str, float]] = {}
    for target, weight in sorted(targets.items()):
        _follow(excess, target, weight, (target,), own, through)
    return Blame(own, through)


def _follow(
    excess: Excess,
    node: str,
    flow: float,
    path: tuple[str, ...],
    own: dict[str, float],
    through: dict[str, dict[str, float]],
) -> None:
    callees = {k: x for (v, k), x in sorted(excess.edges.items()) if v == node and k not in path}
    total = sum(callees.values())
    reach = max(excess.nodes.get(node, 0.0), total)
    stays = flow if reach <= 0 else flow * (1 - total / reach)
    own[node] = own.get(node, 0.0) + stays
    if len(path) > 1:
        sources = through.setdefault(node, {})
        sources[path[-2]] = sources.get(path[-2], 0.0) + stays
    for callee, amount in callees.items():
        if flow * amount / reach > 0.01:
            _follow(excess, callee, flow * amount / reach, (*path, callee), own, through)


def targets_of(excess: Excess, edges: Iterable[tuple[str, str]]) -> dict[str, float]:
    """The components to start from: those in excess that no component in excess calls; weights add up to 1."""
    suffering = set(excess.nodes) | {v for v, _ in excess.edges}
    called = {k for v, k in edges if v in suffering and v != k}
    tops = {n: excess.nodes.get(n, 0.0) or _outgoing(excess, n) for n in suffering - called}
    if not tops:
        tops = dict(excess.nodes)
    total = sum(tops.values())
    return {n: x / total for n, x in tops.items()} if total > 0 else {}


def _outgoing(excess: Excess, node: str) -> float:
    return sum(x for (v, _), x in excess.edges.items() if v == node)


def _trimmed_mean(red: Red, part: slice) -> float:
    """The request-weighted mean of the steps' means, without the tenth of the steps that were slowest, ms."""
    requests, means = red.requests[part], red.mean_ms[part]
    known = np.flatnonzero(requests > 0)
    if known.size == 0:
        return float("nan")
    kept = known[np.argsort(means[known], kind="stable")][: max(1, int(np.ceil(known.size * 0.9)))]
    return float(np.average(means[kept], weights=requests[kept]))


def _standard_error(red: Red, parts: Parts) -> float:
    """Standard error of the incident's mean as the usual steps scatter, ms."""
    known = red.mean_ms[parts.usual][red.requests[parts.usual] > 0]
    steps = int((red.requests[parts.incident] > 0).sum())
    if known.size < 3 or steps == 0:
        return 0.0
    spread = 1.4826 * float(np.median(np.abs(known - np.median(known))))
    return spread / float(np.sqrt(steps))
