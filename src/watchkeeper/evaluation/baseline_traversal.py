"""A baseline that walks the declared calls from the alarming service down to the deepest one that is anomalous."""

from collections.abc import Collection, Mapping, Sequence

from watchkeeper.datasets.cases import Case, Edge, Tables
from watchkeeper.domain import Signal
from watchkeeper.evaluation.baseline_scores import Moved, since_the_lead, z_score
from watchkeeper.evaluation.baseline_series import Aspect

ANOMALOUS_Z = 3.0


def traversal(case: Case, tables: Tables) -> Sequence[str]:
    """Anomalous services that the alarming one reaches over anomalous services, causes before those that they explain.

    As PetShop's anomaly traversal (Hardt et al., CLeaR 2024): a cause has no anomalous callee of its own; the deepest
    causes come first, then the others that were passed, the deepest first. What is anomalous is said by the figures
    that the signal is about, where there are such. Nothing without an alarming service and declared calls.
    """
    signal, calls = case.trigger.signal, case.trigger.topology
    if signal.service is None or not calls:
        return ()
    strengths = _strengths(list(since_the_lead(case, tables)), signal)
    anomalous = {service for service, zs in strengths.items() if zs[0] > ANOMALOUS_Z} | {signal.service}
    depth = _reached(signal.service, anomalous, calls)
    explained = {caller for caller, callee in calls if callee in anomalous and callee != caller}
    return tuple(sorted(depth, key=lambda s: (s in explained, -depth[s], [-z for z in strengths.get(s, ())], s)))


def _strengths(figures: Sequence[Moved], signal: Signal) -> Mapping[str, list[float]]:
    """The |z| of each service's figures that the signal is about, of all where there are none; the largest first."""
    aspect = _aspect(signal.measure or "")
    about = [moved for moved in figures if moved.aspect == aspect] or figures
    found: dict[str, list[float]] = {}
    for moved in about:
        found.setdefault(moved.service, []).append(z_score(moved))
    # Where these are equal, the others decide before the name does.
    others = {service: sorted((z_score(m) for m in figures if m.service == service), reverse=True) for service in found}
    return {service: sorted(zs, reverse=True) + others[service] for service, zs in found.items()}


def _aspect(measure: str) -> Aspect:
    words = measure.lower()
    if "latency" in words or "duration" in words:
        return "duration"
    if "availability" in words or "error" in words:
        return "errors"
    return "other"


def _reached(start: str, anomalous: Collection[str], calls: Collection[Edge]) -> Mapping[str, int]:
    """How many calls each anomalous service is away from the start, by the shortest way over anomalous ones."""
    depth, edge = {start: 0}, {start}
    while edge:
        found = {callee for caller, callee in calls if caller in edge and callee in anomalous} - depth.keys()
        depth |= dict.fromkeys(found, max(depth.values()) + 1)
        edge = found
    return depth
