"""How well a release's time fits an onset: effects that show at once, later, or at the next peak or tick."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from watchkeeper.analysis.release_series import Ints
from watchkeeper.analysis.series import Floats

NODES = 15
"""Points of an onset's own distribution that a density is averaged over."""
DEGREES = 3.0
"""Of Student's t that an onset's error follows: its interval holds where one change of level is all that happened."""
INTERVAL = 2.353
"""Half a 90 % interval of that."""


@dataclass(frozen=True)
class Lags:
    """How long the harm that a release does takes to show; shares of 1 and seconds.

    What shows late was in the release as well (a cache that expires, a leak, the next cron or peak), but the longer ago
    a release is, the thinner its probability is spread: a late onset is allowed for, and paid for.
    """

    prompt_share: float = 0.5
    """Shows with the first requests that the new meets."""
    prompt_seconds: float = 5.0
    """Mean time until then from some moment of the roll-out on, exponential."""
    soon_share: float = 0.2
    """Shows while caches, pools and queues fill."""
    soon_seconds: float = 60.0
    awaited_share: float = 0.1
    """Shows at a moment that it waits for, where such moments are known; else it counts as late."""
    late_from_seconds: float = 60.0
    late_until_seconds: float = 86_400.0
    """A late onset is as likely in the second minute as in the second ten minutes or the second hours (log-uniform)."""
    clock_seconds: float = 1.0
    """Error of clocks that every onset has besides its own."""


def densities(
    began: Floats, ended: Floats, onset: Floats, uncertainty: Floats, lags: Lags, awaited: Floats | None = None
) -> Floats:
    """Probability per second that harm of each release (c,) begins at each onset (o,), shape (c, o); all in seconds.

    `uncertainty` is half a 90 % interval of the onset, its grid's resolution in it. Harm begins anywhere while the
    release is rolled out (uniform) and takes an exponential time to show, or a late one. `awaited` (c, k): moments at
    which something next happens that a release may have changed, NaN where there is none.
    """
    spread = np.hypot(uncertainty / INTERVAL, lags.clock_seconds)
    nodes = stats.t.ppf((np.arange(NODES) + 0.5) / NODES, DEGREES)
    moments = np.full((began.size, 1), np.nan) if awaited is None else awaited
    has_awaited = np.isfinite(moments).any(axis=1, keepdims=True)
    late_share = 1.0 - lags.prompt_share - lags.soon_share - lags.awaited_share * has_awaited
    out = np.zeros((began.size, onset.size))
    for node in nodes:
        at = (onset + node * spread)[None, :]
        since, after = at - began[:, None], at - ended[:, None]
        out += lags.prompt_share * _prompt(since, after, lags.prompt_seconds) + late_share * _late(after, lags)
        out += lags.soon_share * _prompt(since, after, lags.soon_seconds)
        if awaited is not None:
            out += lags.awaited_share * has_awaited * _awaited(at, moments, lags.prompt_seconds)
    return np.asarray(out / NODES, dtype=np.float64)


def next_peak(load: Floats, ended: Ints, steps: int, rise: float = 1.2) -> Floats:
    """The first step after each release's end with a load that it had not met, shape (c,); NaN where there is none.

    `load` (n,) is requests a step, taken as running means of `steps`; met is what came in the first `steps` after the
    end, times `rise`.
    """
    out = np.full(ended.shape, np.nan)
    if load.size < 2 * steps:
        return out
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(load))])
    means = (sums[steps:] - sums[:-steps]) / steps
    for place, end in enumerate(ended.tolist()):
        if not 0 <= end < means.size:
            continue
        beyond = np.flatnonzero(means[end + 1 :] > rise * means[end])
        out[place] = float(end + beyond[0] + steps) if beyond.size else np.nan
    return out


def next_ticks(ended: Floats, periods: Sequence[float]) -> Floats:
    """The next whole multiples of periods (an hour's cron, a day's) after each release's end, in seconds since the
    epoch, shape (c, k).
    """
    given = np.asarray(periods, dtype=np.float64)[None, :]
    return np.asarray((np.floor(ended[:, None] / given) + 1) * given, dtype=np.float64)


def _prompt(since: Floats, after: Floats, mean: float) -> Floats:
    """A uniform begin within the release and an exponential wait; a release of no length waits from its begin."""
    length = np.maximum(since - after, 1e-3)
    since = after + length
    grown = np.exp(-np.maximum(after, 0.0) / mean) - np.exp(-np.maximum(since, 0.0) / mean)
    return np.asarray(np.where(since > 0, grown / length, 0.0), dtype=np.float64)


def _late(after: Floats, lags: Lags) -> Floats:
    scale = math.log1p(lags.late_until_seconds / lags.late_from_seconds)
    inside = (after > 0) & (after < lags.late_until_seconds)
    return np.where(inside, 1 / ((np.maximum(after, 0.0) + lags.late_from_seconds) * scale), 0.0)


def _awaited(at: Floats, moments: Floats, mean: float) -> Floats:
    """An exponential wait from one of the moments, all as likely, shape (c, o)."""
    total = np.zeros((moments.shape[0], at.shape[1]))
    for moment in moments.T:
        after = at - np.where(np.isfinite(moment), moment, np.inf)[:, None]
        total += np.where(after >= 0, np.exp(-np.maximum(after, 0.0) / mean) / mean, 0.0)
    return np.asarray(total / np.maximum(np.isfinite(moments).sum(axis=1), 1)[:, None], dtype=np.float64)
