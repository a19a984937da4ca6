"""Whether a change can have done it: its time against the onset, and how its version did before."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.diagnosis.timing import Began
from watchkeeper.domain import Change
from watchkeeper.evidence.details import Details
from watchkeeper.evidence.vitals import Vitals

AFTERMATH_SECONDS = 30.0
"""How long after a change is complete its fault may still take to show."""
HEALTHY_REQUESTS, HEALTHY_SECONDS = 20, 15.0
"""Requests that a new version must have answered in the usual way, and for how long, before it counts as cleared."""


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
    waited = (began.at - done).total_seconds()
    healthy = _ran_well(change, done, began, vitals, details)
    if healthy:
        return Trial(change, False, f"{name} had answered {healthy} requests well in {waited:.0f} s before it began")
    if began.at <= done + timedelta(seconds=AFTERMATH_SECONDS) + margin:
        gap = (began.at - change.began_at).total_seconds()
        return Trial(
            change, True, f"the trouble began {gap:.0f} s after {name} began, ± {margin.total_seconds():.0f} s"
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


def _ran_well(change: Change, done: datetime, began: Began, vitals: Vitals, details: Details) -> int:
    """Requests that the new version answered well before the onset; 0 where that clears it of nothing.

    As many are needed as make it unlikely (5 %) that none met the fault, at the share of failures seen since; and
    they must not have been on their way to the durations seen since.
    """
    red, service = details.versions.get((change.service, change.version or "")), vitals.services.get(change.service)
    margin = timedelta(seconds=began.uncertainty_seconds + vitals.grid.step_seconds)
    if red is None or service is None or (began.at - margin - done).total_seconds() < HEALTHY_SECONDS:
        return 0
    place = vitals.grid.index_of
    early, since = slice(place(done), place(began.at - margin)), slice(place(began.at), vitals.grid.size)
    requests, errors = red.total(early)
    later, failed = red.total(since)
    share = failed / later if later else 0.0
    needed = max(HEALTHY_REQUESTS, 3.0 / share if share > 0.01 else 0.0)
    usual, before, now = service.mean_over(slice(0, place(change.began_at))), red.mean_over(early), red.mean_over(since)
    was_fast = not before > (usual + now) / 2 or now <= 1.2 * usual
    return int(requests) if requests >= needed and errors <= requests * max(share / 3, 0.01) and was_fast else 0
