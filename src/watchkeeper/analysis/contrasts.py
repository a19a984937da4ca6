"""Whether some requests do worse than others, by more than chance and by enough to matter: in failures and in time."""

import math
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from watchkeeper.analysis.robust import ratio_rise

_BORROWED_REQUESTS = 20.0
"""Requests of the whole service that a portion's own usual share of failures is smoothed with."""


@dataclass(frozen=True)
class Demand:
    """How much worse is worse: shares, ratios, ms; the p-value before correction for many comparisons."""

    significance: float = 1e-3
    """Divided by the number of comparisons."""
    requests: int = 10
    """Requests that a portion needs, and the rest; in the incident, and usually where durations are compared."""
    rest_share: float = 0.02
    """Of the service's requests, for the rest: a portion that is nearly everything is not told apart."""
    carried: float = 0.15
    """Of the service's extra failures or extra time."""
    errors: int = 5
    error_share: float = 0.02
    error_lift: float = 2.0
    latency_ratio: float = 1.3
    latency_lift: float = 1.5
    latency_ms: float = 5.0
    whole_ms: float = 20.0
    """What a service as a whole must gain, as everything gets a little slower on a busy host."""
    steep_ratio: float = 3.0
    """A rise of the whole by this multiple matters from `latency_ms` on."""


@dataclass(frozen=True)
class Figures:
    """Some requests in sums, so that what is left without a part can be told; durations in ms and their logarithms."""

    requests: int = 0
    errors: int = 0
    spent_ms: float = 0.0
    logs: float = 0.0
    squares: float = 0.0
    """Of the logarithms."""
    p95_ms: float | None = None
    """None where it is not known, as of what is left without a part."""

    @property
    def error_share(self) -> float:
        """Failed requests per request, 0 without requests."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def mean_ms(self) -> float:
        """NaN without requests."""
        return self.spent_ms / self.requests if self.requests else float("nan")

    @property
    def log_mean(self) -> float:
        """NaN without requests."""
        return self.logs / self.requests if self.requests else float("nan")

    @property
    def log_variance(self) -> float:
        """Squared standard error of `log_mean`; infinite for fewer than two requests, never quite 0."""
        if self.requests < 2:
            return float("inf")
        spread = (self.squares - self.logs**2 / self.requests) / (self.requests - 1)
        return max(spread, 1e-6) / self.requests

    def without(self, part: "Figures") -> "Figures":
        """What is left when a part of these requests is taken away; never less than nothing."""
        requests = max(self.requests - part.requests, 0)
        if not requests:
            return Figures()
        errors = min(max(self.errors - part.errors, 0), requests)
        spent, squares = max(self.spent_ms - part.spent_ms, 0.0), max(self.squares - part.squares, 0.0)
        return Figures(requests, errors, spent, self.logs - part.logs, squares)


@dataclass(frozen=True)
class Sides:
    """Requests in the incident and usually."""

    now: Figures = Figures()
    usual: Figures = Figures()

    def without(self, part: "Sides") -> "Sides":
        """What is left of both without a part."""
        return Sides(self.now.without(part.now), self.usual.without(part.usual))


@dataclass(frozen=True)
class Contrast:
    """By how much some requests do worse than others."""

    measure: Literal["errors", "latency"]
    lift: float
    """How many times as bad: extra failures per request against the rest's, or the rise of the mean duration against
    the rest's rise; of a whole service, against its own past."""
    carried: float
    """Share of the service's extra failures or extra time."""
    p_value: float
    """Corrected for the number of comparisons (Bonferroni), at most 1."""
    strength: float
    """A chi-squared statistic with one degree of freedom: ranks contrasts of either measure."""


def in_errors(part: Sides, whole: Sides, demand: Demand, tests: int) -> Contrast | None:
    """Whether a portion fails more than the rest (Fisher's exact test) and more than it used to (binomial tail)."""
    rest, expected = whole.without(part), _usual_share(part, whole)
    n, failed, others = part.now.requests, part.now.errors, rest.now.requests
    extra = failed - expected * n
    extra_rest = max(rest.now.errors - _usual_share(rest, whole) * others, 0.0)
    lift = extra / n / (max(extra_rest, 0.5) / others)
    carried = extra / (extra + extra_rest) if extra > 0 else 0.0
    borrowed = part.usual.requests + _BORROWED_REQUESTS
    p = max(
        float(stats.hypergeom.sf(failed - 1, n + others, failed + rest.now.errors, n)),
        ratio_rise(failed, n, expected * borrowed, borrowed),
    )
    is_material = extra >= demand.errors and failed / n >= demand.error_share and carried >= demand.carried
    if not is_material or lift < demand.error_lift or p > demand.significance / tests:
        return None
    gain = _likelihood_gain(failed, n, rest.now.errors, others)
    return Contrast("errors", lift, carried, min(1.0, p * tests), gain)


def in_latency(part: Sides, whole: Sides, demand: Demand, tests: int) -> Contrast | None:
    """Whether a portion's durations rose more than the rest's: a difference of differences of mean logarithms.

    A portion that is new is compared with what the whole service usually took.
    """
    rest = whole.without(part)
    usual = part.usual if part.usual.requests >= demand.requests else whole.usual
    if min(usual.requests, rest.usual.requests) < demand.requests:
        return None
    if min(usual.mean_ms, rest.usual.mean_ms, rest.now.mean_ms) <= 0:
        return None
    ratio, ratio_rest = part.now.mean_ms / usual.mean_ms, rest.now.mean_ms / rest.usual.mean_ms
    gain = (part.now.mean_ms - usual.mean_ms) * part.now.requests
    gain_rest = max((rest.now.mean_ms - rest.usual.mean_ms) * rest.now.requests, 0.0)
    lift = ratio / ratio_rest
    carried = gain / (gain + gain_rest) if gain > 0 else 0.0
    is_material = ratio >= demand.latency_ratio and gain / part.now.requests >= demand.latency_ms
    if not is_material or lift < demand.latency_lift or carried < demand.carried:
        return None
    difference = part.now.log_mean - usual.log_mean - rest.now.log_mean + rest.usual.log_mean
    variance = sum(figures.log_variance for figures in (part.now, usual, rest.now, rest.usual))
    return _by_normal(difference, variance, lift, carried, demand, tests)


def of_whole_in_errors(whole: Sides, demand: Demand, tests: int) -> Contrast | None:
    """Whether a service as a whole fails more than it used to."""
    now, usual = whole.now, whole.usual
    p = ratio_rise(now.errors, now.requests, usual.errors, usual.requests)
    if now.errors < demand.errors or now.error_share < demand.error_share or p > demand.significance / tests:
        return None
    lift = now.error_share / ((usual.errors + 0.5) / (usual.requests + 1.0))
    if lift < demand.error_lift:
        return None
    gain = _likelihood_gain(now.errors, now.requests, usual.errors, usual.requests)
    return Contrast("errors", lift, 1.0, min(1.0, p * tests), gain)


def of_whole_in_latency(whole: Sides, demand: Demand, tests: int) -> Contrast | None:
    """Whether a service as a whole takes longer than it used to (Welch's test of mean logarithms, large samples)."""
    now, usual = whole.now, whole.usual
    if min(now.requests, usual.requests) < demand.requests:
        return None
    if usual.mean_ms <= 0:
        return None
    ratio, gain = now.mean_ms / usual.mean_ms, now.mean_ms - usual.mean_ms
    is_much = ratio >= demand.latency_lift and gain >= demand.whole_ms
    if not is_much and not (ratio >= demand.steep_ratio and gain >= demand.latency_ms):
        return None
    variance = now.log_variance + usual.log_variance
    return _by_normal(now.log_mean - usual.log_mean, variance, ratio, 1.0, demand, tests)


def _usual_share(part: Sides, whole: Sides) -> float:
    """A portion's usual share of failures, smoothed with its service's, which is never quite 0."""
    of_whole = (whole.usual.errors + 0.5) / (whole.usual.requests + 1.0) if whole.usual.requests else 0.01
    return (part.usual.errors + _BORROWED_REQUESTS * of_whole) / (part.usual.requests + _BORROWED_REQUESTS)


def _by_normal(
    difference: float, variance: float, lift: float, carried: float, demand: Demand, tests: int
) -> Contrast | None:
    z = difference / math.sqrt(variance)
    p = float(stats.norm.sf(z))
    if not p <= demand.significance / tests:
        return None
    return Contrast("latency", lift, carried, min(1.0, p * tests), z**2)


def _likelihood_gain(a: int, of_a: int, b: int, of_b: int) -> float:
    """Twice the logarithm of how much likelier two shares make it than one (the G statistic)."""

    def fit(events: int, trials: int) -> float:
        share = events / trials if trials else 0.0
        return sum(k * math.log(q) for k, q in ((events, share), (trials - events, 1 - share)) if k)

    return max(0.0, 2 * (fit(a, of_a) + fit(b, of_b) - fit(a + b, of_a + of_b)))
