"""How far every series moved at every moment, against windows that match: what a release is held against."""

from dataclasses import dataclass

import numpy as np

from watchkeeper.analysis.release_series import LEAST_STEPS, Bools, Ints, Panel, Stretch, Sums
from watchkeeper.analysis.robust import TO_SIGMA
from watchkeeper.analysis.season import CYCLES, DAY, GAIN, HOUR, WEEK
from watchkeeper.analysis.series import Floats

MATCHED = 4
"""Earlier cycles whose move at the same phase is the control, at most."""
TAIL = 0.95
"""Quantile of the size of calm moves that a control by phase must narrow."""
HALF_STEPS = 2
"""Known steps that each half of the time after a moment needs: a move must show in both to count as lasting."""
LEAST_PLACES = 8
"""Calm moments that a series needs before its own wildness is told from its own past."""


@dataclass(frozen=True)
class Windows:
    """How much time is compared: seconds before and after a moment."""

    before_seconds: float = 120.0
    after_seconds: float = 60.0

    def steps(self, step_seconds: float) -> tuple[int, int]:
        """The same in whole steps, at least 3 and 4."""
        return max(3, round(self.before_seconds / step_seconds)), max(4, round(self.after_seconds / step_seconds))


@dataclass(frozen=True)
class Moves:
    """The move of every series at every moment, each of shape (m, n); NaN where too little is known."""

    panel: Panel
    before: Floats
    """Mean before, on the panel's scale."""
    size: Floats
    """Mean after less mean before, less what the same phase of earlier cycles did."""
    error: Floats
    """Its standard error, with the series' own wildness."""
    score: Floats
    """How clearly and lastingly it moved for the worse, in standard errors; -inf where that cannot be told."""
    wildness: Floats
    """Shape (m,): by how much moves in calm times exceed what sampling explains, at least 1."""
    period_seconds: Floats
    """Shape (m,): the cycle whose earlier rounds are the control, 0 where the time right before is."""


def moves_of(sums: Sums, windows: Windows, calm_until: Ints) -> Moves:
    """The move of each series at each moment; `calm_until` (m,) is the first step of its trouble.

    Control windows are the time right before; where at least three cycles of an hour, a day or a week are known and
    it narrows the tail of calm moves to four fifths, also the same phase of up to four earlier cycles: a difference
    of differences in time. A move counts as lasting by the weaker half of the time after it, so that a restart's blip
    is none.
    """
    panel = sums.panel
    b, a = windows.steps(panel.grid.step_seconds)
    rows, place = np.arange(len(panel.names))[:, None], np.arange(panel.grid.size)[None, :]
    before = sums.over(rows, place - b, place)
    end = np.minimum(place + a, panel.grid.size)
    middle = (place + end + 1) // 2
    stretches = ((place, end, LEAST_STEPS), (place, middle, HALF_STEPS), (middle, end, HALF_STEPS))
    parts = [_against(sums, rows, before, sums.over(rows, low, high), least) for low, high, least in stretches]
    calm = place + a <= calm_until[:, None]
    periods = _periods(panel, parts[0], calm)
    matched = [_matched(panel, part, periods) for part in parts]
    sizes, errors = matched[0]
    wild = _wildness(panel, sizes / errors, calm)
    scores = np.array([panel.worse[:, None] * size / (error * wild[:, None]) for size, error in matched])
    score = np.where(np.isfinite(scores).all(axis=0), scores.min(axis=0), -np.inf)
    return Moves(panel, before.mean, sizes, errors * wild[:, None], score, wild, periods)


def _against(sums: Sums, rows: Ints, before: Stretch, after: Stretch, least: int) -> tuple[Floats, Floats]:
    known = before.is_known & (after.steps >= least)
    size = np.where(known, after.mean - before.mean, np.nan)
    return size, np.where(known, sums.error(rows, after, before), np.nan)


def _periods(panel: Panel, moves: tuple[Floats, Floats], calm: Bools) -> Floats:
    """The cycle that narrows the tail of each series' calm moves most, 0 where none narrows it enough.

    The tail, as what a timer starts once an hour moves few of its minutes.
    """
    best = np.zeros(len(panel.names))
    least = GAIN * _tail(np.where(calm, moves[0], np.nan))
    for period in (HOUR, DAY, WEEK):
        if panel.grid.size * panel.grid.step_seconds < CYCLES * period:
            continue
        size, _ = _matched(panel, moves, np.full(len(panel.names), period))
        left = _tail(np.where(calm, size, np.nan))
        is_better = left < least
        best, least = np.where(is_better, period, best), np.where(is_better, left, least)
    return best


def _matched(panel: Panel, moves: tuple[Floats, Floats], periods: Floats) -> tuple[Floats, Floats]:
    """Moves less the mean move at the same phase of earlier cycles, where two of them are known."""
    size, error = moves[0].copy(), moves[1].copy()
    for period in np.unique(periods[periods > 0]):
        rows = periods == period
        lag = round(float(period) / panel.grid.step_seconds)
        past = [_later(moves[0][rows], k * lag) for k in range(1, MATCHED + 1)]
        errors = [_later(moves[1][rows], k * lag) for k in range(1, MATCHED + 1)]
        known = np.isfinite(past)
        count = known.sum(axis=0)
        usual = np.where(known, past, 0.0).sum(axis=0) / np.maximum(count, 1)
        spread = np.sqrt(np.where(known, np.square(errors), 0.0).sum(axis=0)) / np.maximum(count, 1)
        is_matched = count >= CYCLES - 1
        size[rows] = np.where(is_matched, size[rows] - usual, np.nan)
        error[rows] = np.where(is_matched, np.hypot(error[rows], spread), np.nan)
    return size, error


def _later(values: Floats, steps: int) -> Floats:
    out = np.full_like(values, np.nan)
    if steps < values.shape[1]:
        out[:, steps:] = values[:, : values.shape[1] - steps]
    return out


def _tail(values: Floats) -> Floats:
    """What a twentieth of each row's finite values exceeds in size, shape (m,); NaN where there are none."""
    out = np.full(values.shape[0], np.nan)
    for row, each in enumerate(values):
        seen = np.abs(each[np.isfinite(each)])
        if seen.size:
            out[row] = float(np.quantile(seen, TAIL))
    return out


def _spread(values: Floats) -> Floats:
    """Scaled median absolute value of each row's finite values, shape (m,); NaN where there are none."""
    out = np.full(values.shape[0], np.nan)
    for row, each in enumerate(values):
        seen = each[np.isfinite(each)]
        if seen.size:
            out[row] = float(np.median(np.abs(seen))) * TO_SIGMA
    return out


def _wildness(panel: Panel, standard: Floats, calm: Bools) -> Floats:
    """Robust spread of calm moves in standard errors, at least 1; of a series without a past, that of its kind."""
    own = np.where(calm, standard, np.nan)
    wild = np.maximum(_spread(own), 1.0)
    wild[np.isfinite(own).sum(axis=1) < LEAST_PLACES] = np.nan
    for kind in set(panel.kinds):
        rows = np.array([each == kind for each in panel.kinds])
        alike = wild[rows & np.isfinite(wild)]
        wild[rows & ~np.isfinite(wild)] = float(np.median(alike)) if alike.size else 1.0
    return np.asarray(wild, dtype=np.float64)


@dataclass(frozen=True)
class Maxima:
    """The largest of any stretch of a row, by doubling (Bender and Farach-Colton, 2000, the sparse table)."""

    levels: tuple[Floats, ...]
    """Shape (m, n) each: the k-th holds the largest of the 2^k steps from each on, clipped to the end."""

    @classmethod
    def of(cls, values: Floats) -> "Maxima":
        """Of values (m, n) without NaN."""
        levels, width, n = [values], 1, values.shape[1]
        while 2 * width <= n:
            last = levels[-1]
            ahead = np.concatenate([last[:, width:], np.repeat(last[:, -1:], width, axis=1)], axis=1)
            levels.append(np.maximum(last, ahead))
            width *= 2
        return cls(tuple(levels))

    def over(self, rows: Ints, low: Ints, high: Ints) -> tuple[Floats, Ints]:
        """The largest of each row in [low, high), and the level whose stretches are at least as long; -inf of none."""
        n = self.levels[0].shape[1]
        first, end = np.clip(low, 0, n), np.clip(high, 0, n)
        width = np.maximum(end - first, 0)
        level = np.where(width > 0, np.floor(np.log2(np.maximum(width, 1))), 0).astype(np.int64)
        out = np.full(np.broadcast(rows, low, high).shape, -np.inf)
        rows, first, end, level, width = np.broadcast_arrays(rows, first, end, level, width)
        for k in np.unique(level):
            at = (level == k) & (width > 0)
            table = self.levels[int(k)]
            out[at] = np.maximum(table[rows[at], first[at]], table[rows[at], end[at] - 2 ** int(k)])
        return out, np.minimum(np.ceil(np.log2(np.maximum(width, 1))).astype(np.int64), len(self.levels) - 1)
