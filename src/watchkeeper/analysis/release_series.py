"""Symptoms' series on one grid, ready for the release test: shares, levels and counts in rows, with their weights."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from watchkeeper.analysis.robust import TO_SIGMA
from watchkeeper.analysis.series import Floats, Grid, Red

Kind = Literal["share", "level", "count"]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

LEAST_SERVICES = 4
SHARED = 0.25
"""Of services: how many must have become slower before the least slow of them shows what is shared."""
LEAST_STEPS = 3
"""Known steps that a stretch needs before its mean says anything."""
_ANSCOMBE = 0.375


@dataclass(frozen=True)
class Row:
    """One symptom's series: what it is called, whose it is, its figure in every step and what that rests on.

    `values` and `weights` have shape (n,): of a share its value and the trials; of a level (positive, in any unit) its
    value and the requests behind it; of a count its value and 1. A step with weight 0 or a NaN is not known.
    """

    name: str
    service: str
    kind: Kind
    values: Floats
    weights: Floats
    worse: Literal["up", "down"] = "up"


@dataclass(frozen=True)
class Panel:
    """Series in rows on the scale on which they are compared: shares as they are, levels as natural logarithms, counts
    as twice their square root (Anscombe, 1948), which has unit variance where they are Poisson's.
    """

    grid: Grid
    names: tuple[str, ...]
    services: tuple[str, ...]
    kinds: tuple[Kind, ...]
    values: Floats
    """Shape (m, n), 0 where nothing is known."""
    weights: Floats
    """Shape (m, n), 0 where nothing is known."""
    worse: Floats
    """Shape (m,): 1 where up is worse, -1 where down is."""

    @classmethod
    def of(cls, grid: Grid, rows: Sequence[Row]) -> "Panel":
        """Rows on one grid. Raises ValueError where a row has another length than the grid."""
        for row in rows:
            if row.values.shape != (grid.size,) or row.weights.shape != (grid.size,):
                raise ValueError(f"{row.name} has {row.values.shape} values on a grid of {grid.size} steps")
        values = np.array([_scaled(row) for row in rows]).reshape(len(rows), grid.size)
        weights = np.array([row.weights for row in rows], dtype=np.float64).reshape(len(rows), grid.size)
        known = np.isfinite(values) & (weights > 0)
        values = np.where(known, values, 0.0)
        tame = np.array([row.kind != "share" for row in rows], dtype=bool)
        values[tame] = _tamed(values[tame], known[tame])
        return cls(
            grid=grid,
            names=tuple(row.name for row in rows),
            services=tuple(row.service for row in rows),
            kinds=tuple(row.kind for row in rows),
            values=values,
            weights=np.where(known, weights, 0.0),
            worse=np.array([1.0 if row.worse == "up" else -1.0 for row in rows]),
        )

    @property
    def is_share(self) -> Bools:
        """Which rows are shares, shape (m,)."""
        return np.array([kind == "share" for kind in self.kinds], dtype=bool)

    def natural(self, series: int, value: float) -> float:
        """A value of a row's scale in the unit that it came in."""
        kind = self.kinds[series]
        if kind == "level":
            return float(np.exp(value))
        return max(0.0, (value / 2) ** 2 - _ANSCOMBE) if kind == "count" else value


def without_shared(panel: Panel, of_services: float = SHARED) -> Panel:
    """Levels without what all services have in common: a busy host is nobody's release.

    The services' medians over their own rows are compared with their usual level; the rise that all but the slowest to
    rise (a quarter of them) exceed is shared, and taken from every level. Panels of fewer than four services stay as
    they are.
    """
    rows = np.array([kind == "level" for kind in panel.kinds], dtype=bool)
    names = sorted({panel.services[s] for s in np.flatnonzero(rows)})
    if len(names) < LEAST_SERVICES:
        return panel
    known = np.where(panel.weights > 0, panel.values, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a row or step without a value stays NaN
        above = known - np.nanmedian(known, axis=1, keepdims=True)
        of = [np.array([s == name for s in panel.services]) & rows for name in names]
        by_service = np.array([np.nanmedian(above[each], axis=0) for each in of])
        shared = np.nan_to_num(np.nanquantile(by_service, of_services, axis=0))
    enough = np.isfinite(by_service).sum(axis=0) >= LEAST_SERVICES
    taken = np.where(rows[:, None] & enough[None, :] & (panel.weights > 0), shared[None, :], 0.0)
    return replace(panel, values=panel.values - taken)


@dataclass(frozen=True)
class Stretch:
    """What rows are over stretches of steps, all of one shape: mean, weight, known steps."""

    mean: Floats
    weight: Floats
    steps: Floats

    @property
    def is_known(self) -> Bools:
        """Whether there is enough to say anything."""
        return np.asarray(self.steps >= LEAST_STEPS, dtype=bool)


@dataclass(frozen=True)
class Sums:
    """Running sums of a panel, so that any stretch of any row is looked up in one go."""

    panel: Panel
    _weight: Floats
    _work: Floats
    _steps: Floats
    noise: Floats
    """Shape (m,): variance of one unit of weight; of shares NaN, as it follows from the share itself."""

    @classmethod
    def of(cls, panel: Panel) -> "Sums":
        """Sums over the panel's steps, shape (m, n + 1) each."""
        running = (panel.weights, panel.weights * panel.values, (panel.weights > 0).astype(np.float64))
        weight, work, steps = (np.pad(np.cumsum(x, axis=1), ((0, 0), (1, 0))) for x in running)
        return cls(panel, weight, work, steps, _noise(panel))

    def over(self, rows: Ints, low: Ints, high: Ints) -> Stretch:
        """Rows over [low, high), which broadcast and are clipped to the grid; means are 0 where nothing is known."""
        size = self.panel.grid.size
        low, high = np.clip(low, 0, size), np.clip(high, 0, size)
        high = np.maximum(low, high)
        weight = self._weight[rows, high] - self._weight[rows, low]
        work = self._work[rows, high] - self._work[rows, low]
        mean = np.where(weight > 0, work / np.where(weight > 0, weight, 1.0), 0.0)
        return Stretch(mean, weight, self._steps[rows, high] - self._steps[rows, low])

    def error(self, rows: Ints, a: Stretch, b: Stretch) -> Floats:
        """Standard error of the difference of two stretches' means, by sampling alone; infinite without weight.

        Of shares the score test's: binomial at the share of both together, smoothed by half an event.
        """
        both = a.weight + b.weight
        share = (a.mean * a.weight + b.mean * b.weight + 0.5) / (both + 1.0)
        share = np.clip(share, 0.0, 1.0)
        variance = np.where(np.isnan(self.noise[rows]), share * (1 - share), self.noise[rows])
        with np.errstate(divide="ignore"):
            return np.asarray(np.sqrt(variance * (1 / a.weight + 1 / b.weight)), dtype=np.float64)


def rows_of_red(service: str, red: Red, name: str = "") -> tuple[Row, Row]:
    """The share of failures and the mean duration of one service's, operation's or version's requests."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(red.requests > 0, red.errors / red.requests, np.nan)
    label = name or service
    return (
        Row(f"error ratio of {label}", service, "share", share, red.requests),
        Row(f"mean latency of {label}", service, "level", red.mean_ms, red.requests),
    )


def _scaled(row: Row) -> Floats:
    if row.kind == "share":
        return row.values
    with np.errstate(invalid="ignore", divide="ignore"):
        if row.kind == "level":
            return np.where(row.values > 0, np.log(row.values), np.nan)
        return np.asarray(2 * np.sqrt(row.values + _ANSCOMBE), dtype=np.float64)


def _tamed(values: Floats, known: Bools) -> Floats:
    """Single spikes drawn in: a value above or below both neighbours takes the nearer neighbour's."""
    if values.shape[1] < 3:
        return values
    middle = np.median(np.stack([values[:, :-2], values[:, 1:-1], values[:, 2:]]), axis=0)
    whole = known[:, :-2] & known[:, 1:-1] & known[:, 2:]
    out = values.copy()
    out[:, 1:-1] = np.where(whole, middle, values[:, 1:-1])
    return out


def _noise(panel: Panel) -> Floats:
    """Variance of one unit of weight from successive differences (von Neumann, 1941), robustly, shape (m,)."""
    values, weights = panel.values, panel.weights
    both = (weights[:, 1:] > 0) & (weights[:, :-1] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.abs(np.diff(values, axis=1)) / np.sqrt(1 / weights[:, 1:] + 1 / weights[:, :-1])
    steps = np.where(both, steps, np.nan)
    out = np.full(values.shape[0], np.nan)
    for row in np.flatnonzero(~panel.is_share):
        seen = steps[row][both[row]]
        # Single spikes were drawn in, which takes variance away: a median of three has .45 of one value's.
        spread = float(np.median(seen)) * TO_SIGMA if seen.size else np.inf
        least = 1.0 if panel.kinds[row] == "count" else 1e-6
        out[row] = max(spread**2 / _TAMED, least)
    return out


_TAMED = 0.45
