"""How much trouble a portion of requests carries beyond its usual: failures, seconds, requests, with an interval."""

import math
from dataclasses import dataclass

from watchkeeper.analysis.contrasts import Figures, Sides

Z = 1.96
"""Two-sided 95 %."""
_BORROWED = 20.0
"""Requests of the whole that a portion's own usual level is smoothed with, as in `contrasts`."""


@dataclass(frozen=True)
class Extra:
    """An amount beyond the usual, with its 95 % interval: failures, seconds, or requests that are missing."""

    amount: float
    low: float
    high: float

    def share_with(self, rest: "Extra") -> tuple[float, float, float]:
        """Its share of both amounts together, with an interval that is never too narrow; 0 where nothing is extra."""
        ends = ((self.amount, rest.amount), (self.low, rest.high), (self.high, rest.low))
        here, low, high = (_share(max(part, 0.0), max(other, 0.0)) for part, other in ends)
        return here, low, high


def usual_share(part: Figures, whole: Figures) -> float:
    """A portion's usual share of failures, smoothed with its service's, which is never quite 0."""
    of_whole = (whole.errors + 0.5) / (whole.requests + 1.0) if whole.requests else 0.01
    return (part.errors + _BORROWED * of_whole) / (part.requests + _BORROWED)


def usual_mean(part: Figures, whole: Figures) -> float:
    """A portion's usual mean duration in ms, smoothed with its service's; 0 where nothing is known."""
    requests = part.requests + (_BORROWED if whole.requests else 0.0)
    borrowed = _BORROWED * whole.mean_ms if whole.requests else 0.0
    return (part.spent_ms + borrowed) / requests if requests else 0.0


def extra_failures(part: Sides, whole: Sides) -> Extra:
    """Failures beyond the usual share; the interval joins those of both shares (Newcombe 1998, method 10)."""
    n = part.now.requests
    if not n:
        return Extra(0.0, 0.0, 0.0)
    expected = usual_share(part.usual, whole.usual)
    share = part.now.error_share
    low, high = wilson(part.now.errors, n)
    usual_n = part.usual.requests + _BORROWED
    usual_low, usual_high = wilson(expected * usual_n, usual_n)
    under, over = math.hypot(share - low, usual_high - expected), math.hypot(high - share, expected - usual_low)
    gain = share - expected
    return Extra(gain * n, (gain - under) * n, (gain + over) * n)


def extra_seconds(part: Sides, whole: Sides) -> Extra:
    """Seconds spent beyond the usual mean; durations are taken as log-normal for the interval."""
    n = part.now.requests
    if not n:
        return Extra(0.0, 0.0, 0.0)
    expected = usual_mean(part.usual, whole.usual)
    usual = part.usual if part.usual.requests >= 2 else whole.usual
    error = math.sqrt(spread_ms(part.now) ** 2 / n + spread_ms(usual) ** 2 / max(usual.requests, 1))
    gain = part.now.mean_ms - expected
    return Extra(*((gain + z * error) * n / 1e3 for z in (0.0, -Z, Z)))


def missing_requests(part: Sides, scale: float) -> Extra:
    """Requests fewer than usual, negative where there are more; `scale` is how many usual stretches the incident lasts.

    Counts are taken as Poisson's for the interval.
    """
    lost = scale * part.usual.requests - part.now.requests
    error = Z * math.sqrt(max(part.now.requests + scale**2 * part.usual.requests, 1.0))
    return Extra(lost, lost - error, lost + error)


def spread_ms(figures: Figures) -> float:
    """The standard deviation of one request's duration, from that of its logarithm; its mean where that is unknown."""
    if figures.requests < 2:
        return figures.mean_ms if figures.requests else 0.0
    of_log = min(figures.log_variance * figures.requests, 4.0)
    return figures.mean_ms * math.sqrt(math.expm1(of_log))


def wilson(events: float, trials: float) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); 0 and 1 without trials."""
    if trials <= 0:
        return 0.0, 1.0
    share, weight = events / trials, Z**2 / trials
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(max(share * (1 - share), 0.0) / trials + weight / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest > 0 else 0.0
