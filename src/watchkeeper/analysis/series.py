"""Long Arrow tables laid out on an even grid of steps, one array a series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.domain import Window

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]
Key = tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """`size` steps of `step_seconds` each, from `start` on."""

    start: datetime
    step_seconds: float
    size: int

    @classmethod
    def over(cls, window: Window, step_seconds: float) -> "Grid":
        """The whole steps that fit into the window."""
        return cls(window.start, step_seconds, int(window.duration.total_seconds() // step_seconds))

    def time_of(self, position: float) -> datetime:
        """The moment at which step `position` (fractions allowed) begins."""
        return self.start + timedelta(seconds=position * self.step_seconds)

    def position_of(self, time: datetime) -> float:
        """How many steps after the start that moment lies; negative before it."""
        return (time - self.start).total_seconds() / self.step_seconds

    def index_of(self, time: datetime) -> int:
        """The first whole step that begins at or after that moment, within 0 and size."""
        return int(np.clip(np.ceil(self.position_of(time) - 1e-9), 0, self.size))


@dataclass(frozen=True)
class Red:
    """Requests, errors and durations of one key, each shape (n,); durations in ms, NaN where nothing came."""

    requests: Floats
    errors: Floats
    mean_ms: Floats
    p95_ms: Floats

    def total(self, part: slice) -> tuple[float, float]:
        """Requests and errors in those steps."""
        return float(self.requests[part].sum()), float(self.errors[part].sum())

    def mean_over(self, part: slice) -> float:
        """The mean duration over all requests in those steps, ms; NaN where there were none."""
        requests = self.requests[part]
        if requests.sum() == 0:
            return float("nan")
        return float(np.nansum(self.mean_ms[part] * requests) / requests.sum())


def steps_of(table: pa.Table, grid: Grid) -> Steps:
    """The grid step of every row of a table with a `time` column, shape (rows,); may lie outside the grid."""
    micros = pc.cast(table["time"], pa.int64()).to_numpy()
    start = int(grid.start.astimezone(UTC).timestamp() * 1e6)
    steps: Steps = np.floor_divide(micros - start, int(grid.step_seconds * 1e6)).astype(np.int64)
    return steps


def groups(table: pa.Table, columns: Sequence[str], grid: Grid) -> Iterator[tuple[Key, Steps, Steps]]:
    """For each value of those columns, in order: the grid steps of its rows, and which rows these are.

    Keys are text, a null is an empty one; where the first column (the service) has none, and outside the grid, rows
    are left out.
    """
    steps = steps_of(table, grid)
    inside = np.flatnonzero((steps >= 0) & (steps < grid.size))
    if inside.size == 0:
        return
    texts = [pc.fill_null(pc.cast(table[c], pa.string()), "").combine_chunks() for c in columns]
    codes = _codes(texts)[inside]
    order = np.argsort(codes, kind="stable")
    bounds = np.flatnonzero(np.r_[True, np.diff(codes[order]) != 0])
    members = np.split(inside[order], bounds[1:])
    keyed = {tuple(text[int(rows[0])].as_py() for text in texts): rows for rows in members}
    for key in sorted(key for key in keyed if key[0]):
        yield key, steps[keyed[key]], keyed[key]


def _codes(texts: Sequence[pa.Array]) -> Steps:
    """One number a row, the same for rows that agree in all columns."""
    codes = np.zeros(len(texts[0]), dtype=np.int64)
    for text in texts:
        encoded = text.dictionary_encode()
        codes = codes * len(encoded.dictionary) + encoded.indices.to_numpy()
        codes = np.unique(codes, return_inverse=True)[1]
    return codes


def added(parts: Sequence[Red]) -> Red:
    """Several series as one: counts summed, means weighted by requests, of the p95 the largest."""
    requests = np.sum([red.requests for red in parts], axis=0)
    work = np.sum([np.nan_to_num(red.mean_ms) * red.requests for red in parts], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(requests > 0, work / requests, np.nan)
    slowest = np.fmax.reduce([red.p95_ms for red in parts])
    return Red(requests, np.sum([red.errors for red in parts], axis=0), mean, slowest)


def floats(column: pa.ChunkedArray) -> Floats:
    """A numeric column as floats, nulls as NaN, shape (rows,)."""
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def red_series(table: pa.Table, columns: Sequence[str], grid: Grid) -> dict[Key, Red]:
    """An answer of `Traces.red` or `Traces.calls` by key: one `Red` for each value of `columns`.

    Rows that share key and step (several operations, say) are added up: durations weighted by requests, of
    the p95 the largest.
    """
    if table.num_rows == 0:
        return {}
    requests, errors, mean, p95 = (floats(table[c]) for c in ("requests", "errors", "mean_ms", "p95_ms"))
    work = np.nan_to_num(mean) * requests
    return {
        key: _red(steps, requests[rows], errors[rows], work[rows], p95[rows], grid.size)
        for key, steps, rows in groups(table, columns, grid)
    }


def _red(steps: Steps, requests: Floats, errors: Floats, work: Floats, p95: Floats, size: int) -> Red:
    answered = np.bincount(steps, requests, size)
    slowest = np.full(size, np.nan)
    np.fmax.at(slowest, steps, p95)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(answered > 0, np.bincount(steps, work, size) / answered, np.nan)
    return Red(answered.astype(np.float64), np.bincount(steps, errors, size).astype(np.float64), mean, slowest)
