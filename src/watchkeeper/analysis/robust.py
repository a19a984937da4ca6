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
    centre = _median(known)
    return centre, max(_median(np.abs(known - centre)) * TO_SIGMA, floor)


def _median(values: Floats) -> float:
    """As `np.median`, many times faster on few values; there must be one, and none that is NaN."""
    ordered, middle = np.sort(values), values.size // 2
    if values.size % 2:
        return float(ordered[middle])
    return float(ordered[middle - 1] + ordered[middle]) / 2


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


def level_shift(recent: Floats, reference: Floats, smallest: float = 0.0) -> float:
    """One-sided p-value that the level of positive values rose: Student's t of their logarithms, drawn in.

    The reference's spread is robust, its effective number is reduced where neighbours resemble each other (by their
    first autocorrelation, Bartlett), and it is at least `smallest` (in units of the logarithm), so that a series that
    hardly ever moves does not make a trifle a sensation. Recent values count as their median. 1.0 where either side
    has fewer than three finite values. Where a rank test must say the same for few values against few, this one can
    tell how far they moved.
    """
    a, b = (np.log(x[np.isfinite(x) & (x > 0)]) for x in (recent, reference))
    if a.size < 3 or b.size < 3:
        return 1.0
    centre, spread = location_scale(b, floor=max(smallest, 1e-9))
    drawn = np.clip(b - centre, -4 * spread, 4 * spread)
    alike = 0.0 if np.ptp(drawn) == 0 else float(np.dot(drawn[1:], drawn[:-1]) / np.dot(drawn, drawn))
    inflation = (1 + alike) / (1 - alike) if 0 < alike < 0.9 else (19.0 if alike >= 0.9 else 1.0)
    degrees = max(2.0, b.size / inflation - 1)
    error = max(spread, float(drawn.std())) * np.sqrt(inflation * (1 / a.size + 1 / b.size))
    return float(stats.t.sf((float(np.median(a)) - centre) / error, degrees))


def ratio_rise(events: float, trials: float, reference_events: float, reference_trials: float) -> float:
    """One-sided p-value that a share rose, by the binomial tail at the reference's share.

    The reference's share is bounded from below by half an event, so that a spotless past does not make one
    failure a sensation.
    """
    if trials <= 0:
        return 1.0
    share = (reference_events + 0.5) / (reference_trials + 1.0) if reference_trials > 0 else 0.01
    return float(stats.binom.sf(events - 1, int(trials), min(share, 1.0)))


def dispersion(events: Floats, trials: Floats) -> float:
    """By how much a share varies more from step to step than chance alone explains, at least 1; shapes (n,).

    Pearson's chi-square per degree of freedom (McCullagh and Nelder, 1989, section 4.5.2): failures come in bunches.
    """
    known = trials > 0
    e, n = events[known], trials[known]
    share = float(e.sum() / n.sum()) if n.size > 1 else 0.0
    if not 0 < share < 1:
        return 1.0
    return max(1.0, float(((e - n * share) ** 2 / (n * share * (1 - share))).sum() / (n.size - 1)))


def dispersion_of_counts(counts: Floats) -> float:
    """By how much counts vary more from step to step than Poisson's, at least 1, shape (n,); robust to a few wild."""
    if counts.size < 3 or counts.sum() == 0:
        return 1.0
    centre, spread = location_scale(counts)
    drawn = np.clip(counts, centre - 4 * spread, centre + 4 * spread) if spread > 0 else counts
    return max(1.0, float(drawn.var(ddof=1)) / max(float(counts.mean()), 1e-12))


def rate_drop(recent: Floats, reference: Floats) -> float:
    """One-sided p-value that counts a step fell, shapes (n,) and (m,): normal, with the reference's own overdispersion.

    The variance is that of Poisson counts times how much wilder the reference is than those (at least 1).
    """
    if recent.size == 0 or reference.size < 3 or reference.sum() == 0:
        return 1.0
    mean = float(reference.mean())
    error = np.sqrt(mean * dispersion_of_counts(reference) * (1 / recent.size + 1 / reference.size))
    return float(stats.norm.cdf((float(recent.mean()) - mean) / error))


def rate_shift(count: float, seconds: float, reference_count: float, reference_seconds: float) -> float:
    """Two-sided p-value that two Poisson rates differ, conditional on their sum (Przyborowski and Wilenski, 1940)."""
    total = count + reference_count
    if total == 0 or seconds <= 0 or reference_seconds <= 0:
        return 1.0
    share = seconds / (seconds + reference_seconds)
    low = float(stats.binom.cdf(count, int(total), share))
    high = float(stats.binom.sf(count - 1, int(total), share))
    return min(1.0, 2 * min(low, high))
