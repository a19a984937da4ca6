"""How sure a figure is: intervals of shares and of means, what chance can reach, and exact tests of pairs."""

import math
from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float]

RESAMPLES = 2000
SEED = 20


def of_mean(values: Sequence[float], seed: int = SEED) -> Interval:
    """The 95 % interval of a mean by resampling the cases (percentile bootstrap, Efron 1979); the same for a seed."""
    if not values:
        raise ValueError("a mean of nothing has no interval")
    given = np.asarray(values, dtype=float)
    drawn = np.random.default_rng(seed).integers(0, len(given), (RESAMPLES, len(given)))
    low, high = np.quantile(given[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def of_chance(probabilities: Sequence[float]) -> Interval:
    """Between which shares of hits guessing lies with 95 %, where each case has a probability of its own.

    Exact: the distribution of the number of hits is Poisson's binomial, by convolution.
    """
    if not probabilities:
        raise ValueError("chance needs a case to guess")
    counts = np.ones(1)
    for p in probabilities:
        counts = np.convolve(counts, [1 - p, p])
    below = np.cumsum(counts)
    low = int(np.searchsorted(below, 0.025 - 1e-12))
    high = int(np.searchsorted(below, 0.975 - 1e-12))
    return low / len(probabilities), high / len(probabilities)


def losing(lost: int, won: int) -> float:
    """The chance of losing at least as many pairs as were lost, if losing and winning were equally likely."""
    flips = lost + won
    return sum(math.comb(flips, k) for k in range(lost, flips + 1)) / (1 << flips)


def differing(lost: int, won: int) -> float:
    """The two-sided exact p of McNemar's test: the sign test on the cases that flipped."""
    return min(1.0, 2 * losing(max(lost, won), min(lost, won)))
