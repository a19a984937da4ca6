"""Processes that started anew though nobody deployed them."""

from collections.abc import Sequence
from datetime import datetime

from watchkeeper.diagnosis.timing import Timing
from watchkeeper.domain import Change
from watchkeeper.evidence.vitals import Vitals

BEFORE_SECONDS = 15.0
"""How long before the onset's earliest moment a start still counts."""


def restarts_of(vitals: Vitals, changes: Sequence[Change], timing: Timing) -> dict[str, list[datetime]]:
    """When processes of each service came up around or after the onset without a deploy that explains them, sorted."""
    grid = vitals.grid
    since = grid.position_of(timing.onset.at) - (timing.onset.uncertainty_seconds + BEFORE_SECONDS) / grid.step_seconds
    found = {}
    for service, instances in vitals.instances.items():
        born = [first for first, _ in instances.values() if first >= max(since, 3)]
        own = [c for c in changes if c.service == service]
        unexplained = [step for step in born if not any(_explains(c, grid.time_of(step).timestamp()) for c in own)]
        if unexplained and len(instances) > 1:
            found[service] = sorted(grid.time_of(step) for step in unexplained)
    return found


def _explains(change: Change, moment: float) -> bool:
    end = change.ended_at or change.began_at
    return change.began_at.timestamp() - 15 <= moment <= end.timestamp() + 30
