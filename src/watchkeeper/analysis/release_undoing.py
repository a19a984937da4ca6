"""Whether taking a release back cured the symptom: strong evidence for it, and where it did not, against it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from watchkeeper.analysis.release_candidates import Candidates, Undoing
from watchkeeper.analysis.release_series import Bools, Ints, Sums
from watchkeeper.analysis.series import Floats

CURED_BY = {"rollback": (0.9, 0.15), "fix-forward": (0.4, 0.2)}
"""How often a symptom is over afterwards where the release was guilty, and where it was not: by itself, by the restart,
or (of a fix) as it was made for this symptom, whatever its cause. Most deploys that follow one are no fix of it."""
STILL_THERE = 0.5
"""Of the effect, that must be left just before a release is taken back: else there was nothing left to cure."""
SETTLE_SECONDS = 20.0
CLEAR = 2.0
"""Standard errors by which a symptom must stand out before its end can be told."""


@dataclass(frozen=True)
class Undone:
    """What taking releases back did; each of shape (c, o)."""

    log_odds: Floats
    """For the release's guilt; 0 where nothing was taken back or nothing can be told."""
    cured: Floats
    """Probability that the symptom was over afterwards; NaN where that cannot be told."""


def undone(
    sums: Sums,
    candidates: Candidates,
    undoings: Sequence[Undoing],
    series: Ints,
    onset: Floats,
    spans: tuple[int, int],
    wildness: Floats,
) -> Undone:
    """For every release that was taken back, whether each symptom ended with that.

    `series` and `onset` (o,) are the symptoms' rows and onsets in steps; `spans` steps before and after a moment are
    compared; `wildness` (m,) widens what sampling alone would say.
    """
    shape = candidates.began.size, series.size
    log_odds, cured = np.zeros(shape), np.full(shape, np.nan)
    if not undoings or not series.size:
        return Undone(log_odds, cured)
    by, which = np.unique([each.by for each in undoings], return_inverse=True)
    found, can_tell = _cured(sums, candidates, by, series, onset, spans, wildness)
    for each, row in zip(undoings, which.ravel().tolist(), strict=True):
        for_it, by_chance = CURED_BY[each.how]
        ratio = np.log(found[row] * for_it / by_chance + (1 - found[row]) * (1 - for_it) / (1 - by_chance))
        better = can_tell[row] & (np.abs(ratio) > np.abs(log_odds[each.undone]))
        log_odds[each.undone] = np.where(better, ratio, log_odds[each.undone])
        cured[each.undone] = np.where(better, found[row], cured[each.undone])
    return Undone(log_odds, cured)


def _cured(
    sums: Sums,
    candidates: Candidates,
    by: Ints,
    series: Ints,
    onset: Floats,
    spans: tuple[int, int],
    wildness: Floats,
) -> tuple[Floats, Bools]:
    """Probability that less than half of each symptom's effect was left after changes (u,), and whether that can be
    told, shape (u, o).
    """
    grid, (b, a) = sums.panel.grid, spans
    first, start = np.floor(onset).astype(np.int64)[None, :], grid.start.timestamp()
    began = np.floor((candidates.began[by] - start) / grid.step_seconds).astype(np.int64)[:, None]
    over = np.ceil((candidates.ended[by] + SETTLE_SECONDS - start) / grid.step_seconds).astype(np.int64)[:, None]
    rows = series[None, :]
    usual = sums.over(rows, first - b, first)
    at_onset = sums.over(rows, first, np.minimum(first + a, began))
    during = sums.over(rows, np.maximum(first, began - a), began)
    after = sums.over(rows, over, over + a)
    effect, left = at_onset.mean - usual.mean, during.mean - usual.mean
    errors = sums.error(rows, during, usual), sums.error(rows, after, usual)
    error = wildness[series] * np.hypot(*errors) / np.sqrt(2)
    known = usual.is_known & at_onset.is_known & during.is_known & after.is_known & (first < began)
    worse = sums.panel.worse[series]
    can_tell = known & (worse * left >= STILL_THERE * worse * effect) & (worse * left > CLEAR * error)
    half = worse * (left / 2 - (after.mean - usual.mean))
    with np.errstate(invalid="ignore", divide="ignore"):
        probability = np.nan_to_num(stats.norm.cdf(half / error), nan=0.5)
    return np.where(can_tell, probability, 0.5), can_tell
