"""Whether a change can have done it: its time against the onset, and how its version did before."""

from dataclasses import dataclass
from datetime import timedelta

from watchkeeper.diagnosis.timing import Began
from watchkeeper.domain import Change, Window
from watchkeeper.evidence.details import Details
from watchkeeper.evidence.vitals import Vitals

AFTERMATH_SECONDS = 30.0
"""How long after a change is complete its fault may still take to show."""
HEALTHY_REQUESTS = 20
"""Requests that a new version must have answered in the usual way before it counts as cleared."""


@dataclass(frozen=True)
class Trial:
    """One change on trial for one component's trouble."""

    change: Change
    is_guilty: bool
    reason: str


def try_change(change: Change, began: Began, vitals: Vitals, details: Details) -> Trial:
    """Compare the change's own time with the onset; a change that ran well before the onset is cleared."""
    margin = timedelta(seconds=began.uncertainty_seconds + vitals.grid.step_seconds)
    done = change.ended_at or change.began_at
    name = describe(change)
    if change.began_at > began.at + margin:
        return Trial(change, False, f"{name} began only after the trouble had")
    if began.at <= done + timedelta(seconds=AFTERMATH_SECONDS) + margin:
        gap = (began.at - change.began_at).total_seconds()
        return Trial(
            change, True, f"the trouble began {gap:.0f} s after {name} began, ± {margin.total_seconds():.0f} s"
        )
    healthy = _healthy_requests(change, began, vitals, details)
    waited = (began.at - done).total_seconds()
    if healthy >= HEALTHY_REQUESTS:
        return Trial(
            change, False, f"{name} had answered {healthy} requests in {waited:.0f} s before the trouble began"
        )
    return Trial(change, False, f"{name} was complete {waited:.0f} s before the trouble began")


def describe(change: Change) -> str:
    """`deploy 1.4.0 of checkout`."""
    version = f" {change.version}" if change.version else f" {change.id}"
    return f"{change.kind}{version} of {change.service}"


def previous_version(change: Change, details: Details) -> str | None:
    """The version that served most requests besides the change's own."""
    others = {v: float(red.requests.sum()) for (s, v), red in details.versions.items() if s == change.service and v}
    others.pop(change.version or "", None)
    return max(others, key=lambda v: others[v], default=None)


def _healthy_requests(change: Change, began: Began, vitals: Vitals, details: Details) -> int:
    red = details.versions.get((change.service, change.version or ""))
    end = began.at - timedelta(seconds=began.uncertainty_seconds)
    if red is None or end <= change.began_at:
        return 0
    window = Window(start=change.began_at, end=end)
    part = slice(vitals.grid.index_of(window.start), vitals.grid.index_of(window.end))
    requests, errors = red.total(part)
    return int(requests - errors)
