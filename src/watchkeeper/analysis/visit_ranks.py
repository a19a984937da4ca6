"""Medians, ranks and distances of two sides in many strata at once, without a loop over strata."""

from typing import NamedTuple

import numpy as np

from watchkeeper.analysis.robust import TO_SIGMA
from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.spans import Ints


class Side(NamedTuple):
    """Values of strata 0 to s, each shape (n,)."""

    values: Floats
    stratum: Ints


def evenly(stratum: Ints, most: int) -> Ints:
    """At most so many rows of each stratum, spread evenly over its rows; `stratum` rises. Their places, rising."""
    counts = np.bincount(stratum)
    if not (counts > most).any():
        return np.arange(stratum.size)
    first = np.cumsum(counts) - counts
    many = np.flatnonzero(counts > most)
    chosen = first[many, None] + np.linspace(0, counts[many] - 1, most, axis=1).astype(np.int64)
    few = np.flatnonzero(counts[stratum] <= most)
    return np.sort(np.concatenate([few, chosen.ravel()]))


def medians(side: Side, strata: int) -> Floats:
    """Of each stratum, shape (s,); 0 where there is nothing."""
    ordered = side.values[np.lexsort((side.values, side.stratum))]
    counts = np.bincount(side.stratum, minlength=strata)
    first = np.cumsum(counts) - counts
    out, some = np.zeros(strata), counts > 0
    first, counts = first[some], counts[some]
    out[some] = (ordered[first + (counts - 1) // 2] + ordered[first + counts // 2]) / 2
    return out


def rank_sums(past: Side, present: Side, strata: int) -> tuple[Floats, Floats]:
    """By how much the present's rank sums exceed what is expected, and their variances, each shape (s,).

    Ties share their mean rank (Mann and Whitney, 1947). Both are 0 where a side has nothing.
    """
    n, m = (np.bincount(side.stratum, minlength=strata).astype(np.float64) for side in (past, present))
    values, stratum = (np.concatenate(pair) for pair in zip(past, present, strict=True))
    order = np.lexsort((values, stratum))
    values, stratum, is_now = values[order], stratum[order], order >= past.values.size
    starts = np.flatnonzero(np.r_[True, (np.diff(values) != 0) | (np.diff(stratum) != 0)][: values.size])
    ties = np.diff(np.r_[starts, values.size])
    total = n + m
    before = np.cumsum(total) - total
    rank = np.repeat(starts - before[stratum[starts]] + (ties + 1) / 2, ties)
    sums = np.bincount(stratum[is_now], weights=rank[is_now], minlength=strata)
    tied = np.bincount(stratum[starts], weights=ties.astype(np.float64) ** 3 - ties, minlength=strata)
    variance = n * m / 12 * (total + 1 - tied / np.maximum(total * (total - 1), 1.0))
    both = (n > 0) & (m > 0)
    return np.where(both, sums - m * (total + 1) / 2, 0.0), np.where(both, variance, 0.0)


def leaps(past: Side, present: Side, strata: int, least: Floats, floor: float) -> tuple[Floats, Floats]:
    """Differences of the medians of logarithms times the number of the present, and their variances, shape (s,).

    `least` is added to the values of each stratum before their logarithms are taken, `floor` the least standard
    deviation that they are taken to have. Both are 0 where a side has fewer than two.
    """
    added = np.maximum(least, 1e-3)
    earlier, later = (
        Side(np.log(np.maximum(side.values, 0.0) + added[side.stratum]), side.stratum) for side in (past, present)
    )
    centre = medians(earlier, strata)
    apart = Side(np.abs(earlier.values - centre[earlier.stratum]), earlier.stratum)
    spread = np.maximum(medians(apart, strata) * TO_SIGMA, floor)
    n, m = (np.bincount(side.stratum, minlength=strata).astype(np.float64) for side in (past, present))
    both = (n >= 2) & (m >= 2)
    variance = m**2 * spread**2 * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1))
    return np.where(both, m * (medians(later, strata) - centre), 0.0), np.where(both, variance, 0.0)
