"""Whether a change can have done it: its time against the onset, and how its version did before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from watchkeeper.analysis.series import Key, Red
from watchkeeper.diagnosis.timing import Began
from watchkeeper.domain import Change
from watchkeeper.evidence.vitals import Vitals

AFTERMATH_SECONDS = 30.0
"""How long after a change is complete its fault may still take to show."""
HEALTHY_REQUESTS, HEALTHY_SECONDS = 20, 15.0
"""Requests that a new version must have answered in the usual way, and for how long, before it counts as cleared."""

Outcome = Literal["fits", "began after", "ran well", "long before"]


@dataclass(frozen=True)
class Trial:
    """One change on trial for its service's trouble; times in seconds."""

    change: Change
    outcome: Outcome
    onset: datetime
    gap_seconds: float
    """From the change's begin to the onset."""
    waited_seconds: float
    """From the change's end to the onset."""
    margin_seconds: float
    answered: int
    """Requests that the new version answered well before the onset; 0 where that clears it of nothing."""

    @property
    def is_guilty(self) -> bool:
        """Whether nothing clears it."""
        return self.outcome == "fits"


def try_change(change: Change, began: Began, vitals: Vitals, versions: Mapping[Key, Red]) -> Trial:
    """Compare the change's own time with the onset; a change that ran well before the onset is cleared.

    `versions` are requests by (service, version) on the vitals' grid.
    """
    margin = timedelta(seconds=began.uncertainty_seconds + vitals.grid.step_seconds)
    done = change.ended_at or change.began_at
    answered, outcome = 0, "fits"
    if change.began_at > began.at + margin:
        outcome = "began after"
    elif answered := _ran_well(change, done, began, vitals, versions):
        outcome = "ran well"
    elif began.at > done + timedelta(seconds=AFTERMATH_SECONDS) + margin:
        outcome = "long before"
    return Trial(
        change=change,
        outcome=outcome,  # type: ignore[arg-type]
        onset=began.at,
        gap_seconds=(began.at - change.began_at).total_seconds(),
        waited_seconds=(began.at - done).total_seconds(),
        margin_seconds=margin.total_seconds(),
        answered=answered,
    )


def describe(change: Change) -> str:
    """`deploy 1.4.0 of checkout`."""
    version = f" {change.version}" if change.version else f" {change.id}"
    return f"{change.kind}{version} of {change.service}"


def previous_version(change: Change, versions: Mapping[Key, Red]) -> str | None:
    """The version that served most requests besides the change's own."""
    others = {v: float(red.requests.sum()) for (s, v), red in versions.items() if s == change.service and v}
    others.pop(change.version or "", None)
    return max(others, key=lambda v: others[v], default=None)


def _ran_well(change: Change, done: datetime, began: Began, vitals: Vitals, versions: Mapping[Key, Red]) -> int:
    """Requests that the new version answered well before the onset; 0 where that clears it of nothing.

    As many are needed as make it unlikely (5 %) that none met the fault, at the share of failures seen since; and
    they must not have been on their way to the durations seen since.
    """
    red, service = versions.get((change.service, change.version or "")), vitals.services.get(change.service)
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
