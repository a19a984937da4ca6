"""What is usual at this time of the hour, day or week, where history has seen enough of them to tell."""

from dataclasses import dataclass

import numpy as np

from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats, Grid, Steps

HOUR, DAY, WEEK = 3600.0, 86_400.0, 7 * 86_400.0
CYCLES = 3
"""How often a phase must have been seen before it says what is usual."""
GAIN = 0.8
"""A season counts where what it leaves unexplained is at most this share of the spread without it."""
KNOWN = 0.8
"""The share of steps that must be known."""
SLOTS, LEAST_SLOTS = 168, 4
"""Phases of a season: the hours of a week at most."""


@dataclass(frozen=True)
class Season:
    """A usual course: `levels[k]` is what the k-th of `levels.size` equal parts of the period adds to the level."""

    period_seconds: float
    levels: Floats

    def at(self, grid: Grid) -> Floats:
        """What it adds in every step of a grid, shape (n,)."""
        added: Floats = self.levels[_phases(grid, self.period_seconds, self.levels.size)]
        return added


def season_of(values: Floats, grid: Grid) -> Season | None:
    """The season that explains a history best, shape (n,), NaN allowed; None where none does, or none can be told.

    Minutes of the hour, hours of the day and of the week are tried, each phase by its median; a season is judged on
    every other cycle by what it learnt from the ones between. Values that multiply (durations, counts) are given as
    logarithms. Phases are those of UTC: another zone moves where a phase begins and nothing else.
    """
    values, grid = _known(values, grid)
    spread = location_scale(values)[1]
    found: tuple[float, Season] | None = None
    for period in (HOUR, DAY, WEEK) if np.isfinite(spread) and spread > 0 else ():
        slots = int(min(SLOTS, period // grid.step_seconds))
        if slots < LEAST_SLOTS or grid.size * grid.step_seconds < CYCLES * period:
            continue
        cycles = _cycles(values, grid, period, slots)
        left = location_scale(_unexplained(cycles))[1]
        if left <= GAIN * spread and (found is None or left < found[0]):
            found = left, Season(period, _levels(cycles))
    return None if found is None else found[1]


def deseasoned(values: Floats, grid: Grid, until: int) -> Floats:
    """Values without their season, learnt from steps before `until` only; as they are where there is none."""
    season = season_of(values[:until], Grid(grid.start, grid.step_seconds, until))
    return values if season is None else values - season.at(grid)


def _known(values: Floats, grid: Grid) -> tuple[Floats, Grid]:
    """History from its first known step on; nothing of it where it has more gaps than `KNOWN` allows."""
    known = np.flatnonzero(np.isfinite(values))
    first = int(known[0]) if known.size else values.size
    if known.size < KNOWN * (values.size - first):
        first = values.size
    return values[first:], Grid(grid.time_of(first), grid.step_seconds, values.size - first)


def _begins(grid: Grid) -> Floats:
    """Seconds since the epoch at which the steps begin, shape (n,)."""
    return np.asarray(grid.start.timestamp() + np.arange(grid.size) * grid.step_seconds, dtype=np.float64)


def _phases(grid: Grid, period: float, slots: int) -> Steps:
    phases: Steps = np.asarray(_begins(grid) % period / period * slots, dtype=np.int64) % slots
    return phases


def _cycles(values: Floats, grid: Grid, period: float, slots: int) -> Floats:
    """The means by cycle and phase, shape (cycles, slots), NaN where nothing is known."""
    rows = (_begins(grid) // period).astype(np.int64)
    rows -= rows[0]
    known = np.isfinite(values)
    sums, counts = np.zeros((int(rows[-1]) + 1, slots)), np.zeros((int(rows[-1]) + 1, slots))
    at = rows[known], _phases(grid, period, slots)[known]
    np.add.at(sums, at, values[known])
    np.add.at(counts, at, 1.0)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, sums / counts, np.nan)


def _levels(cycles: Floats) -> Floats:
    """The median of each phase less that of all, shape (slots,); 0 where a phase was never seen."""
    seen = np.isfinite(cycles).any(axis=0)
    levels = np.zeros(cycles.shape[1])
    if seen.any():
        levels[seen] = np.nanmedian(cycles[:, seen], axis=0) - np.nanmedian(cycles)
    return levels


def _unexplained(cycles: Floats) -> Floats:
    """What is left of every other cycle after the levels of the ones between, shape (cycles * slots,)."""
    halves = np.arange(cycles.shape[0]) % 2 == 0
    left = [cycles[own] - _levels(cycles[~own]) for own in (halves, ~halves)]
    return np.concatenate([each.ravel() for each in left])
