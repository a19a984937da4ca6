"""Long Arrow tables laid out on an even grid of steps, one array a series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.domain import Window

Floats = NDArray[np.float64]
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

    def with_counts_of(self, other: "Red") -> "Red":
        """The same with another's requests and errors added; durations stay."""
        return replace(self, requests=self.requests + other.requests, errors=self.errors + other.errors)


def steps_of(table: pa.Table, grid: Grid) -> NDArray[np.int64]:
    """The grid step of every row of a table with a `time` column, shape (rows,); may lie outside the grid."""
    micros = pc.cast(table["time"], pa.int64()).to_numpy()
    start = int(grid.start.astimezone(UTC).timestamp() * 1e6)
    steps: NDArray[np.int64] = np.floor_divide(micros - start, int(grid.step_seconds * 1e6)).astype(np.int64)
    return steps


def keys_of(table: pa.Table, columns: Sequence[str]) -> list[Key]:
    """The value of those columns in every row, as text; a null is an empty text."""
    lists = [[("" if v is None else str(v)) for v in table[c].to_pylist()] for c in columns]
    return list(zip(*lists, strict=True))


def groups(table: pa.Table, columns: Sequence[str], grid: Grid) -> Iterator[tuple[Key, NDArray[np.int64], pa.Table]]:
    """For each key, in order: its grid steps and its rows, those outside the grid left out."""
    if table.num_rows == 0:
        return
    steps = steps_of(table, grid)
    inside = np.flatnonzero((steps >= 0) & (steps < grid.size))
    rows = table.take(pa.array(inside))
    places: dict[Key, list[int]] = {}
    for place, key in enumerate(keys_of(rows, columns)):
        places.setdefault(key, []).append(place)
    kept = steps[inside]
    for key in sorted(places):
        index = np.asarray(places[key])
        yield key, kept[index], rows.take(pa.array(index))


def lay(steps: NDArray[np.int64], values: Floats, size: int, missing: float) -> Floats:
    """Values put at their steps, shape (size,); `missing` elsewhere. The last value of a step wins."""
    out = np.full(size, missing)
    out[steps] = values
    return out


def floats(column: pa.ChunkedArray) -> Floats:
    """A numeric column as floats, nulls as NaN, shape (rows,)."""
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def red_series(table: pa.Table, columns: Sequence[str], grid: Grid) -> dict[Key, Red]:
    """An answer of `Traces.red` or `Traces.calls` by key: one `Red` for each value of `columns`.

    Rows that share key and step (several operations, say) are added up: durations weighted by requests, of
    the p95 the largest.
    """
    out: dict[Key, Red] = {}
    for key, steps, rows in groups(table, columns, grid):
        requests = _summed(steps, floats(rows["requests"]), grid)
        errors = _summed(steps, floats(rows["errors"]), grid)
        work = _summed(steps, np.nan_to_num(floats(rows["mean_ms"])) * floats(rows["requests"]), grid)
        p95 = np.full(grid.size, np.nan)
        np.fmax.at(p95, steps, floats(rows["p95_ms"]))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(requests > 0, work / requests, np.nan)
        out[key] = Red(requests, errors, mean, p95)
    return out


def _summed(steps: NDArray[np.int64], values: Floats, grid: Grid) -> Floats:
    return np.bincount(steps, values, grid.size).astype(np.float64)
