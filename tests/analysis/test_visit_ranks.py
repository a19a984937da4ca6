"""Figures of many strata at once are those of each stratum by itself."""

import numpy as np
import pytest
from scipy import stats

from watchkeeper.analysis.robust import TO_SIGMA
from watchkeeper.analysis.visit_ranks import Side, evenly, leaps, medians, rank_sums

STRATA = 7
EMPTY = 5
"""A stratum in which there is nothing."""


def side(seed: int, size: int = 400) -> Side:
    random = np.random.default_rng(seed)
    stratum = np.sort(random.choice([i for i in range(STRATA) if i != EMPTY], size))
    return Side(np.round(random.lognormal(size=size), 1), stratum)


def of(whole: Side, number: int) -> np.ndarray:
    return whole.values[whole.stratum == number]


def test_medians_are_those_of_each_stratum_and_zero_where_there_is_nothing():
    found = medians(side(1), STRATA)
    expected = [float(np.median(of(side(1), i))) if i != EMPTY else 0.0 for i in range(STRATA)]
    assert found.tolist() == pytest.approx(expected)


def test_rank_sums_are_the_statistic_of_mann_and_whitney():
    past, present = side(1), side(2)
    surplus, variance = rank_sums(past, present, STRATA)
    for number in set(range(STRATA)) - {EMPTY}:
        a, b = of(past, number), of(present, number)
        told = stats.mannwhitneyu(b, a, alternative="greater", method="asymptotic", use_continuity=False)
        assert surplus[number] == pytest.approx(told.statistic - a.size * b.size / 2)
        assert stats.norm.sf(surplus[number] / np.sqrt(variance[number])) == pytest.approx(told.pvalue)
    assert (surplus[EMPTY], variance[EMPTY]) == (0, 0)


def test_a_leap_is_the_difference_of_medians_of_logarithms():
    past, present = side(1), side(2)
    found, variance = leaps(past, present, STRATA, np.full(STRATA, 0.5), floor=0.01)
    a, b = np.log(of(past, 0) + 0.5), np.log(of(present, 0) + 0.5)
    spread = np.median(np.abs(a - np.median(a))) * TO_SIGMA
    assert found[0] == pytest.approx(b.size * (np.median(b) - np.median(a)))
    assert variance[0] == pytest.approx(b.size**2 * spread**2 * (1 / a.size + 1 / b.size))


def test_rows_are_thinned_evenly_and_few_are_all_kept():
    stratum = np.repeat([0, 2], [1000, 3])
    rows = evenly(stratum, 5)
    assert rows.tolist() == [0, 249, 499, 749, 999, 1000, 1001, 1002]
