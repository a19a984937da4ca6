"""When a series changed, and how sure that is."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from watchkeeper.analysis.robust import dispersion_of_counts
from watchkeeper.analysis.series import Floats

BEFORE_STEPS = 3
"""Steps that a change needs before it."""
AFTER_STEPS = 2
"""Steps of a level that a change needs after it; counts carry their own weight, one step of them is enough."""


@dataclass(frozen=True)
class Alert:
    """When somebody noticed, as a hint where the change lies: the alert may be late or early."""

    step: float
    slack: float
    """Steps of distance at which a place is e times less likely beforehand; small where alerts are prompt."""


TAMED_ALIKE = 2.7
"""Medians of three neighbours are alike: 1 + 2 × (.6 + .25), their first two autocorrelations."""
GROWING_STEPS = 6
"""Steps that a growth needs before it can be told from noise."""


@dataclass(frozen=True)
class Onset:
    """A change of level, and how sure it is."""

    step: float
    """Steps after the grid's start."""
    uncertainty: float
    """Half a 90 % interval, in steps."""
    before: float
    after: float
    """Medians on both sides."""
    evidence: float
    """Log-likelihood ratio against no change."""
    places: int = 1
    """How many places of the change were compared."""
    alike: float = 1.0
    """By how much less the values say than as many independent ones."""

    @property
    def direction(self) -> Literal["up", "down"]:
        """Which way the level went; a series that did not move went up."""
        return "down" if self.after < self.before else "up"

    def chance(self, series: int = 1) -> float:
        """The p-value of a change this clear anywhere in one of so many series, at most 1.

        Twice the log-likelihood ratio at a given place is chi-square with one degree of freedom (Wilks, 1938); places
        and series are many looks (Bonferroni), which errs on the side of no change.
        """
        return min(
            1.0, float(stats.chi2.sf(2 * max(0.0, self.evidence) / self.alike, 1)) * self.places * max(1, series)
        )


def onset_of_level(values: Floats, since: int = 0, alert: Alert | None = None) -> Onset | None:
    """The one change of level that explains the values best, shape (n,), NaN allowed; None where there is none.

    A normal model with one mean a side and common variance, each place of the change equally likely
    beforehand (Smith, 1975, "A Bayesian approach to inference about a change-point"), on values whose
    outliers are drawn in to five robust spreads of their own side's neighbours. Only changes at or after
    `since` are considered; with an `alert`, places far from it are less likely beforehand.
    """
    known = np.flatnonzero(np.isfinite(values))
    x = _tame(values[known])
    if x.size < BEFORE_STEPS + AFTER_STEPS or np.ptp(x) == 0:
        return None
    cuts = _cuts(known, since, AFTER_STEPS)
    if cuts.size == 0:
        return None
    left, right, n = np.cumsum(x)[cuts - 1], 0.0, x.size
    right = x.sum() - left
    between = left**2 / cuts + right**2 / (n - cuts) - x.sum() ** 2 / n
    total = float(((x - x.mean()) ** 2).sum())
    residual = np.maximum(total - between, 1e-12 * max(total, 1e-12))
    return replace(_posterior(-0.5 * n * np.log(residual / total), cuts, known, values, alert), alike=TAMED_ALIKE)


def onset_of_share(events: Floats, trials: Floats, since: int = 0, alert: Alert | None = None) -> Onset | None:
    """The one change of a share (errors of requests) that explains the counts best, shapes (n,); None if there is none.

    As `onset_of_level`, with binomial counts on both sides of the change.
    """
    known = np.flatnonzero(trials > 0)
    if known.size < BEFORE_STEPS + 1 or events[known].sum() == 0:
        return None
    cuts = _cuts(known, since, 1)
    if cuts.size == 0:
        return None
    e, t = np.cumsum(events[known]), np.cumsum(trials[known])
    fits = _binomial(e[cuts - 1], t[cuts - 1]) + _binomial(e[-1] - e[cuts - 1], t[-1] - t[cuts - 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(trials > 0, events / trials, np.nan)
    return _posterior(fits - _binomial(e[-1:], t[-1:]), cuts, known, shares, alert)


def onset_of_rate(counts: Floats, since: int = 0, alert: Alert | None = None) -> Onset | None:
    """The one change of how often something happens, shape (n,); None where there is none. Up or down alike.

    NaN is a step of which nothing is known, 0 one in which nothing happened: a rate may fall to nothing, and a series
    of few counts has an onset as well. Poisson counts on both sides, the ratio divided by how much wilder they are.
    """
    known = np.flatnonzero(np.isfinite(counts))
    x = counts[known]
    if known.size < BEFORE_STEPS + 1 or x.sum() == 0 or np.ptp(x) == 0:
        return None
    cuts = _cuts(known, since, 1)
    if cuts.size == 0:
        return None
    left, total = np.cumsum(x)[cuts - 1], float(x.sum())
    fits = _poisson(left, cuts.astype(np.float64)) + _poisson(total - left, (x.size - cuts).astype(np.float64))
    gain = fits - _poisson(np.array([total]), np.array([float(x.size)]))
    best = int(cuts[int(np.argmax(gain))])
    wild = max(dispersion_of_counts(x[:best]), dispersion_of_counts(x[best:]))
    return _posterior(gain / wild, cuts, known, counts, alert)


def onset_of_growth(values: Floats) -> Onset | None:
    """The one moment from which on values grow steadily, shape (n,), NaN allowed; None where there is none.

    As `onset_of_level`, with a level before the change and a straight line from there on (a hinge).
    """
    known = np.flatnonzero(np.isfinite(values))
    x = _tame(values[known])
    if x.size < BEFORE_STEPS + GROWING_STEPS or np.ptp(x) == 0:
        return None
    cuts = _cuts(known, 0, GROWING_STEPS)
    if cuts.size == 0:
        return None
    total = float(((x - x.mean()) ** 2).sum())
    ramps = np.maximum(0.0, known[None, :] - known[cuts][:, None]).astype(np.float64)
    ramps -= ramps.mean(axis=1, keepdims=True)
    gained = (ramps @ (x - x.mean())) ** 2 / np.maximum((ramps**2).sum(axis=1), 1e-12)
    residual = np.maximum(total - gained, 1e-12 * max(total, 1e-12))
    return replace(_posterior(-0.5 * x.size * np.log(residual / total), cuts, known, values), alike=TAMED_ALIKE)


def _tame(x: Floats) -> Floats:
    """Single spikes drawn in: a value far above or below both neighbours takes the nearer neighbour's value."""
    if x.size < 3:
        return x
    middle = np.median(np.stack([x[:-2], x[1:-1], x[2:]]), axis=0)
    return np.concatenate([x[:1], middle, x[-1:]])


def _cuts(known: np.ndarray, since: int, after: int) -> np.ndarray:
    places = np.arange(BEFORE_STEPS, known.size - after + 1)
    return places[known[places] >= since] if places.size else places


def _binomial(events: Floats, trials: Floats) -> Floats:
    """The log-likelihood of counts at their own share, constants left out."""
    share = np.clip(events / np.maximum(trials, 1.0), 1e-9, 1 - 1e-9)
    out: Floats = events * np.log(share) + (trials - events) * np.log1p(-share)
    return out


def _poisson(events: Floats, steps: Floats) -> Floats:
    """The log-likelihood of counts at their own rate, constants left out."""
    out: Floats = events * np.log(np.maximum(events, 1e-12) / steps) - events
    return out


def _posterior(
    log_likelihood: Floats, cuts: np.ndarray, known: np.ndarray, values: Floats, alert: Alert | None = None
) -> Onset:
    likely = log_likelihood
    if alert is not None:
        likely = likely - np.abs(known[cuts] - alert.step) / alert.slack
    weights = np.exp(likely - likely.max())
    weights /= weights.sum()
    mass = np.cumsum(weights)
    low, middle, high = (int(np.searchsorted(mass, q)) for q in (0.05, 0.5, 0.95))
    low, middle, high = (min(place, cuts.size - 1) for place in (low, middle, high))
    cut = cuts[middle]
    steps = known[cuts]
    with np.errstate(all="ignore"):
        before, after = np.nanmedian(values[known[:cut]]), np.nanmedian(values[known[cut:]])
    half = max(0.5, (steps[high] - steps[low]) / 2)
    return Onset(float(steps[middle]), float(half), float(before), float(after), float(log_likelihood.max()), cuts.size)
