"""What figures over few cases are made of: shares with intervals, times with their spread, each beside its target."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal, Self

from watchkeeper.domain import Noun

Z_95 = 1.959963984540054
ENOUGH = 5
"""Of fewer cases than this, no figure decides whether a target is met."""

Standing = Literal["met", "missed", "undecided", "no data"]


class Share(Noun):
    """A part of a whole, the 95 % interval in which the true share lies, and how that stands to a target."""

    part: int
    whole: int
    value: float | None
    """None where there is no whole yet."""
    low: float | None
    high: float | None
    target: float | None = None
    """More than this is wanted."""
    standing: Standing = "undecided"
    """Met or missed only where the whole interval is on that side of the target."""

    @classmethod
    def of(cls, part: int, whole: int, target: float | None = None) -> Self:
        """The share with Wilson's interval."""
        if whole == 0:
            return cls(part=part, whole=0, value=None, low=None, high=None, target=target, standing="no data")
        low, high = wilson(part, whole)
        standing: Standing = "undecided"
        if target is not None and whole >= ENOUGH and not low <= target <= high:
            standing = "met" if low > target else "missed"
        return cls(part=part, whole=whole, value=part / whole, low=low, high=high, target=target, standing=standing)


class Delay(Noun):
    """How long something took over several incidents, in minutes, beside a target for the mean."""

    count: int
    mean_minutes: float | None
    median_minutes: float | None
    slowest_minutes: float | None
    in_time: Share
    """How many took less than the target."""
    target_minutes: float
    """Less than this is wanted."""
    standing: Standing
    """How the mean stands to the target; undecided while there are few."""

    @classmethod
    def of(cls, minutes: Sequence[float], target_minutes: float) -> Self:
        """The delays of some incidents, none of them below zero."""
        mean = statistics.fmean(minutes) if minutes else None
        return cls(
            count=len(minutes),
            mean_minutes=mean,
            median_minutes=statistics.median(minutes) if minutes else None,
            slowest_minutes=max(minutes, default=None),
            in_time=Share.of(sum(each < target_minutes for each in minutes), len(minutes)),
            target_minutes=target_minutes,
            standing=_standing(mean, len(minutes), target_minutes),
        )


def _standing(mean: float | None, count: int, target: float) -> Standing:
    if mean is None:
        return "no data"
    if count < ENOUGH:
        return "undecided"
    return "met" if mean < target else "missed"


def wilson(part: float, whole: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927): it stays within [0, 1] and holds for few cases.

    Raises ValueError where there is no case at all.
    """
    if whole <= 0:
        raise ValueError("a share of nothing has no interval")
    share, square = part / whole, z * z
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = z * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole)) / (1 + square / whole)
    return max(0.0, middle - half), min(1.0, middle + half)
