"""Baselines that every figure of ours is shown beside: simple, well known, and as honestly run as our own."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import pyarrow.compute as pc

from watchkeeper.datasets.cases import Case, Tables
from watchkeeper.evaluation.baseline_scores import baro, max_z, nsigma
from watchkeeper.evaluation.baseline_traversal import traversal

Baseline = Callable[[Case, Tables], Sequence[str]]
"""Components or commits, the likeliest first, each once; nothing where the baseline has nothing to go by."""


def latest_deploy(case: Case, tables: Tables) -> Sequence[str]:
    """Commits of all deploys that had begun by the signal, the latest deploy first."""
    return tuple(dict.fromkeys(commit for _, commit in _deployed(case, tables)))


def service_deploy(case: Case, tables: Tables) -> Sequence[str]:
    """Commits of the alerting service's deploys that had begun by the signal, the latest deploy first."""
    alerting = case.trigger.signal.service
    return tuple(dict.fromkeys(commit for service, commit in _deployed(case, tables) if service == alerting))


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        "max_z": max_z,
        "nsigma": nsigma,
        "baro": baro,
        "traversal": traversal,
        "latest_deploy": latest_deploy,
        "service_deploy": service_deploy,
    }
)
"""By the name under which a suite asks for it."""


def _deployed(case: Case, tables: Tables) -> list[tuple[str, str]]:
    """Service and commit, the latest first."""
    changes = tables.get("changes")
    needed = ["time", "kind", "service_name", "commits"]
    if changes is None or not set(needed) <= set(changes.column_names):
        return []
    known_by = min(case.trigger.signal.at, case.trigger.until)
    rows = changes.filter(pc.is_valid(changes["time"])).select(needed).to_pylist()
    deploys = [row for row in rows if row["kind"] == "deploy" and row["time"] <= known_by]
    deploys.sort(key=lambda row: row["time"], reverse=True)
    return [(row["service_name"], commit) for row in deploys for commit in row["commits"] or ()]
