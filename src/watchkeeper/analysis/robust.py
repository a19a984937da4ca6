"""Location and scale that a few wild values cannot move, and tests of recent values against earlier ones."""

import numpy as np
from scipy import stats

from watchkeeper.analysis.series import Floats

TO_SIGMA = 1.4826
"""The factor that makes the median absolute deviation of a normal sample its standard deviation."""


def location_scale(values: Floats, floor: float = 0.0) -> tuple[float, float]:
    """Median and scaled median absolute deviation of the finite values; the scale is at least `floor`.

    NaN and NaN where nothing is finite.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return float("nan"), float("nan")
    centre = float(np.median(known))
    return centre, max(float(np.median(np.abs(known - centre))) * TO_SIGMA, floor)


def rank_shift(recent: Floats, reference: Floats) -> float:
    """One-sided p-value that recent values tend to lie above the reference (Mann and Whitney, 1947).

    1.0 where either side has fewer than three finite values.
    """
    a, b = recent[np.isfinite(recent)], reference[np.isfinite(reference)]
    if a.size < 3 or b.size < 3:
        return 1.0
    if np.ptp(np.concatenate([a, b])) == 0:
        return 1.0
    return float(stats.mannwhitneyu(a, b, alternative="greater").pvalue)


def ratio_rise(events: float, trials: float, reference_events: float, reference_trials: float) -> float:
    """One-sided p-value that a share rose, by the binomial tail at the reference's share.

    The reference's share is bounded from below by half an event, so that a spotless past does not make one
    failure a sensation.
    """
    if trials <= 0:
        return 1.0
    share = (reference_events + 0.5) / (reference_trials + 1.0) if reference_trials > 0 else 0.01
    return float(stats.binom.sf(events - 1, int(trials), min(share, 1.0)))


def rate_shift(count: float, seconds: float, reference_count: float, reference_seconds: float) -> float:
    """Two-sided p-value that two Poisson rates differ, conditional on their sum (Przyborowski and Wilenski, 1940)."""
    total = count + reference_count
    if total == 0 or seconds <= 0 or reference_seconds <= 0:
        return 1.0
    share = seconds / (seconds + reference_seconds)
    low = float(stats.binom.cdf(count, int(total), share))
    high = float(stats.binom.sf(count - 1, int(total), share))
    return min(1.0, 2 * min(low, high))
