"""How unlikely something must be to raise an alarm, so that only so many a week are false."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

WEEK_SECONDS = 7 * 86_400.0
TAIL_SHARE = 0.1
"""The share of quiet scores, the largest ones, that a tail is fitted to."""
LEAST_SCORES = 100


def chance_of(alarms_a_week: float, series: int, look_seconds: float) -> float:
    """The p-value that one series may have at one look, between 0 and 1.

    A week holds `WEEK_SECONDS / look_seconds` looks that share no data, each at `series` series. If all were as the
    tests take them to be, `alarms_a_week` of these comparisons would lie below the answer (Bonferroni: dependence
    between series makes it fewer, never more).
    """
    return min(1.0, alarms_a_week * look_seconds / WEEK_SECONDS / max(1, series))


def poisson_interval(count: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a Poisson count's mean (Garwood, 1936): from chi-square quantiles."""
    tail = (1 - level) / 2
    low = float(stats.chi2.ppf(tail, 2 * count) / 2) if count else 0.0
    return low, float(stats.chi2.ppf(1 - tail, 2 * count + 2) / 2)


def threshold_of(quiet_scores: Sequence[float], looks_a_week: float, alarms_a_week: float) -> float:
    """The score that quiet looks exceed `alarms_a_week` times a week, learnt from the largest score of each.

    Peaks over threshold: exceedances over the upper `TAIL_SHARE` are exponential (a generalised Pareto tail of shape 0,
    Pickands 1975), which p-values' logarithms are. Looks whose scores share data are dependent; that makes alarms come
    in bunches, which are one incident. Raises ValueError for fewer than `LEAST_SCORES`.
    """
    scores = np.asarray(quiet_scores, dtype=np.float64)
    if scores.size < LEAST_SCORES:
        raise ValueError(f"expected at least {LEAST_SCORES} quiet looks to learn from, not {scores.size}")
    start = float(np.quantile(scores, 1 - TAIL_SHARE))
    over = scores[scores > start] - start
    if over.size == 0:
        return start
    rate = over.size / scores.size * looks_a_week
    return start + float(over.mean()) * max(0.0, float(np.log(rate / alarms_a_week)))
