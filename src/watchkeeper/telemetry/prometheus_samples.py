"""Samples as they were scraped: which metrics there are, as many of them as may be asked for, as rows of our tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from watchkeeper.domain import Window
from watchkeeper.telemetry.prometheus_asking import Asking, Series
from watchkeeper.telemetry.prometheus_conventions import CPU_COUNTERS
from watchkeeper.telemetry.prometheus_http import TooLarge
from watchkeeper.telemetry.prometheus_labels import Shape, importance, shape_of
from watchkeeper.telemetry.prometheus_points import Measured
from watchkeeper.telemetry.prometheus_text import about_services, duration, label_of, one_of, selector
from watchkeeper.telemetry.sources import AttributeFilter

MOST_SAMPLES = 1_000_000
"""One answer holds no more samples than about so many."""
SAMPLES_A_REQUEST = 400_000
SHORTEST_INTERVAL_SECONDS = 5.0
"""How close samples are taken to lie when it is decided how many series one request asks for."""
MILLISECOND = timedelta(milliseconds=1)
_DERIVED = {name: counter for counter, (name, _) in CPU_COUNTERS.items()}


@dataclass(frozen=True)
class Samples:
    """What one question about samples is: over which window, of which services and metrics."""

    asking: Asking
    window: Window
    services: Sequence[str]
    service_labels: tuple[str, ...]
    names: tuple[str, ...] = ()
    attributes: tuple[AttributeFilter, ...] = ()

    def measured(self) -> tuple[list[Measured], bool]:
        """All series with samples in the window, and whether some were left out because there are too many."""
        found: list[Measured] = []
        left, is_part = MOST_SAMPLES, False
        for names, matchers in self._requests():
            if left <= 0:
                return found, True
            chosen = selector(names, matchers)
            length = duration(self.window.duration.total_seconds())
            try:
                answered = self.asking.instant(f"{chosen}[{length}]", self.window.end - MILLISECOND)
            except TooLarge:
                is_part = True
                continue
            inside = [each for series in answered if (each := self._inside(series)).values.size]
            left -= sum(series.values.size for series in inside)
            found += [measured for series in inside for measured in self._named(series)]
        return found, is_part

    def _requests(self) -> Iterator[tuple[list[str], str]]:
        """Metrics to be asked for together, the important ones first, with the matchers of their series."""
        sizes = [(name, matchers, size) for matchers in self._matchers() for name, size in self._sizes(matchers)]
        most = SAMPLES_A_REQUEST / max(1.0, self.window.duration.total_seconds() / SHORTEST_INTERVAL_SECONDS)
        batch: list[str] = []
        filled, of = 0.0, ""
        for name, matchers, size in sorted(sizes, key=lambda each: (importance(each[0])[0], each[1], each[0])):
            if batch and (matchers != of or filled + size > most):
                yield batch, of
                batch, filled = [], 0.0
            batch, filled, of = [*batch, name], filled + size, matchers
        if batch:
            yield batch, of

    def _matchers(self) -> Iterator[str]:
        wanted = [f"{label_of(each.key)}{one_of(each.values)}" for each in self.attributes]
        for about in about_services(self.service_labels, self.services):
            yield ", ".join(part for part in (about, *wanted) if part)

    def _sizes(self, matchers: str) -> list[tuple[str, float]]:
        """How many series each metric has in the window; buckets of histograms only where they are named."""
        if self.names:
            chosen = selector([_DERIVED.get(name, name) for name in self.names], matchers)
        else:
            chosen = "{" + ", ".join(m for m in ('__name__=~".+"', '__name__!~".+_bucket"', matchers) if m) + "}"
        length = duration(self.window.duration.total_seconds())
        promql = f"count by (__name__) (last_over_time({chosen}[{length}]))"
        counted = self.asking.instant(promql, self.window.end - MILLISECOND)
        return [(each.labels.get("__name__", ""), float(each.values.max(initial=1.0))) for each in counted]

    def _inside(self, series: Series) -> Series:
        start, end = self.window.start.timestamp(), self.window.end.timestamp()
        kept = (series.times >= start - 1e-6) & (series.times < end - 1e-6) & np.isfinite(series.values)
        return replace(series, times=series.times[kept], values=series.values[kept])

    def _named(self, series: Series) -> Iterator[Measured]:
        """The series under its own name, and what can be told of it under another; only what was asked for."""
        name = series.labels.get("__name__", "")
        if not self.names or name in self.names:
            yield Measured(name, shape_of(name), series)
        gauge, unit = CPU_COUNTERS.get(name, ("", ""))
        if gauge and (not self.names or gauge in self.names):
            yield Measured(gauge, Shape("gauge", None, None, unit), _rates(series))


def _rates(series: Series) -> Series:
    """A counter's increase a second between each two samples, at the later one; none where it began anew."""
    took, gains = np.diff(series.times), np.diff(series.values)
    kept = (took > 0) & (gains >= 0)
    return replace(series, times=series.times[1:][kept], values=(gains[kept] / took[kept]))
