"""The steps of a question as moments at which rates are evaluated: a window's whole steps, and what is left of it."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain import Window
from watchkeeper.telemetry.prometheus_asking import Asking, Series

Floats = NDArray[np.float64]
_MICROSECOND = 1e6


@dataclass(frozen=True)
class Steps:
    """Where each step begins (whole multiples of its length since the epoch), ends, and how long it lies inside."""

    begins: tuple[datetime, ...]
    ends: tuple[datetime, ...]
    """The last one may be cut short by the window's end."""
    seconds: Floats
    """How much of each step lies in the window, shape (n,)."""
    step_seconds: float

    @classmethod
    def over(cls, window: Window, step_seconds: float) -> "Steps":
        """All steps that touch the window. Lengths are whole milliseconds."""
        step = max(1, round(step_seconds * 1e3)) * 1000
        start, end = _micros(window.start), _micros(window.end)
        first = start // step
        numbers = range(first, math.ceil(end / step))
        begins = [number * step for number in numbers]
        ends = [min(begin + step, end) for begin in begins]
        inside = [stop - max(begin, start) for begin, stop in zip(begins, ends, strict=True)]
        return cls(
            tuple(map(_time, begins)), tuple(map(_time, ends)), np.array(inside) / _MICROSECOND, step / _MICROSECOND
        )

    @property
    def whole(self) -> int:
        """How many of them end at their own end."""
        is_cut = self.ends[-1] < self.begins[-1] + timedelta(seconds=self.step_seconds)
        return len(self.ends) - is_cut

    def range_seconds(self, least: float) -> float:
        """How far back a rate looks: a step, less where the window is shorter, and never less than `least`."""
        return max(least, math.ceil(float(self.seconds.max())))

    def ask(self, asking: Asking, promql: str) -> "list[tuple[Series, Floats]]":
        """The expression at the end of each step: each series with its values, shape (n,), NaN where it has none."""
        found: dict[tuple[tuple[str, str], ...], tuple[Series, Floats]] = {}
        for series in self._asked(asking, promql):
            key = tuple(sorted(series.labels.items()))
            _, values = found.setdefault(key, (series, np.full(len(self.ends), np.nan)))
            values[self._positions(series.times)] = series.values
        return [found[key] for key in sorted(found)]

    def _asked(self, asking: Asking, promql: str) -> list[Series]:
        series: list[Series] = []
        if self.whole > 1:
            series += asking.over(promql, self.ends[0], self.ends[self.whole - 1], self.step_seconds)
        elif self.whole == 1:
            series += asking.instant(promql, self.ends[0])
        if self.whole < len(self.ends):
            series += asking.instant(promql, self.ends[-1])
        return series

    def _positions(self, times: Floats) -> NDArray[np.int64]:
        """Which step ends at that time, to the millisecond that the API knows."""
        after = (times - self.begins[0].timestamp()) / self.step_seconds
        last = len(self.ends) - 1
        return np.clip(np.ceil(after - 0.01).astype(np.int64) - 1, 0, last)


def _micros(time: datetime) -> int:
    return round((time - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def _time(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
