"""Whether causes stated with 80 % are right in 80 of 100 cases."""

import statistics
from collections.abc import Sequence

from watchkeeper.casebook.figures import Share
from watchkeeper.domain import Noun

BINS = 5


class Bin(Noun):
    """The judged causes whose stated probability lies in [low, high), in the last one [low, high]."""

    low: float
    high: float
    mean_probability: float | None
    confirmed: Share


class Calibration(Noun):
    """Stated probabilities against what engineers confirmed; `partly` counts as not confirmed."""

    count: int
    brier: float | None
    """The mean square of probability less outcome: 0 is perfect, 1 is always surely wrong (Brier 1950)."""
    brier_of_the_mean: float | None
    """The same, had each cause been stated with the share that was confirmed over all: no skill."""
    bins: tuple[Bin, ...]


def calibration(stated: Sequence[tuple[float, bool]]) -> Calibration:
    """The figures of judged causes, each with its stated probability and whether it was confirmed."""
    outcomes = [float(is_confirmed) for _, is_confirmed in stated]
    share = statistics.fmean(outcomes) if outcomes else None
    return Calibration(
        count=len(stated),
        brier=statistics.fmean((p - is_confirmed) ** 2 for p, is_confirmed in stated) if stated else None,
        brier_of_the_mean=None if share is None else share * (1 - share),
        bins=tuple(_bin(number, stated) for number in range(BINS)),
    )


def _bin(number: int, stated: Sequence[tuple[float, bool]]) -> Bin:
    inside = [(p, is_confirmed) for p, is_confirmed in stated if min(int(p * BINS), BINS - 1) == number]
    return Bin(
        low=number / BINS,
        high=(number + 1) / BINS,
        mean_probability=statistics.fmean(p for p, _ in inside) if inside else None,
        confirmed=Share.of(sum(is_confirmed for _, is_confirmed in inside), len(inside)),
    )
