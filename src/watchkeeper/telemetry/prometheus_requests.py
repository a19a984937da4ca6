"""Requests, errors and durations per step from request metrics: rates are taken by the server, added up here."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain import Window
from watchkeeper.telemetry.prometheus_asking import Asking, Series
from watchkeeper.telemetry.prometheus_conventions import (
    METHODS,
    ROUTES,
    STATUSES,
    Convention,
    is_failure,
)
from watchkeeper.telemetry.prometheus_figures import QUANTILES, Figures
from watchkeeper.telemetry.prometheus_labels import service_of
from watchkeeper.telemetry.prometheus_steps import Steps
from watchkeeper.telemetry.prometheus_text import about_services, duration, selector

Floats = NDArray[np.float64]
Key = tuple[str, ...]
RANGE_IN_INTERVALS = 2.2
"""How many times the samples' distance a rate looks back at least: two samples always lie in it."""
USUAL_INTERVAL_SECONDS = 60.0
PROBED_SECONDS = (300.0, 3600.0)
"""How much of the window's end is looked at for how far apart samples lie: at least, and at most."""
OPERATION = (*METHODS, *ROUTES)
MILLISECOND = timedelta(milliseconds=1)


class _Ask(Protocol):
    """Asks for a rate of one metric at every step: of each set of labels its figures, and the values, shape (n,)."""

    def __call__(
        self, template: str, name: str, labels: Sequence[str], /
    ) -> Iterator[tuple[Series, Figures, Floats]]: ...


class _Book:
    """The figures of each set of labels."""

    def __init__(self, names: Sequence[str], steps: int) -> None:
        self.names = names
        self.found: dict[Key, tuple[Mapping[str, str], Figures]] = {}
        self._steps = steps

    def of(self, series: Series) -> Figures:
        key = tuple(series.labels.get(name, "") for name in self.names)
        if key not in self.found:
            labels = {name: value for name, value in zip(self.names, key, strict=True) if value}
            self.found[key] = (labels, Figures(self._steps))
        return self.found[key][1]


@dataclass(frozen=True)
class Requests:
    """What one question about requests is: over which steps, of which services, told apart by which labels."""

    asking: Asking
    window: Window
    steps: Steps
    services: Sequence[str]
    service_labels: tuple[str, ...]
    by: tuple[str, ...]
    """Labels beside those of the service by which rows are told apart."""

    def figures(self, conventions: Sequence[Convention]) -> Iterator[tuple[Convention, Mapping[str, str], Figures]]:
        """Of each convention that is in use the figures of each set of labels."""
        names = self._names([each.requests for each in conventions])
        for convention in conventions:
            if convention.requests in names:
                for labels, figures in self._of(convention):
                    yield convention, labels, figures

    def serving(self, conventions: Sequence[Convention]) -> frozenset[str]:
        """All services that report requests of theirs by one of the conventions."""
        names = self._names([each.requests for each in conventions])
        if not names:
            return frozenset()
        length = duration(self.window.duration.total_seconds())
        promql = f"count by ({', '.join(self.service_labels)}) (last_over_time({selector(sorted(names))}[{length}]))"
        found = self.asking.instant(promql, self.window.end - MILLISECOND)
        return frozenset(service_of(series.labels, self.service_labels) for series in found)

    def _names(self, candidates: Sequence[str]) -> set[str]:
        """Which of those metrics there are in the window at all."""
        end = self.window.end - MILLISECOND
        chosen = selector(candidates)
        length = duration(self.window.duration.total_seconds())
        promql = f"count by (__name__) (last_over_time({chosen}[{length}]))"
        return {series.labels.get("__name__", "") for series in self.asking.instant(promql, end)}

    def _of(self, convention: Convention) -> Iterator[tuple[Mapping[str, str], Figures]]:
        least = math.ceil(RANGE_IN_INTERVALS * self._interval_seconds(convention.requests))
        book = _Book((*self.service_labels, *self.by, *convention.callees), len(self.steps.ends))
        range_text = duration(self.steps.range_seconds(least))

        def ask(template: str, name: str, labels: Sequence[str] = ()) -> Iterator[tuple[Series, Figures, Floats]]:
            groups = ", ".join((*book.names, *labels))
            rates = " or ".join(f"rate({each}[{range_text}])" for each in self._selectors(name))
            for series, values in self.steps.ask(self.asking, template.format(f"sum by ({groups}) ({rates})")):
                yield series, book.of(series), values

        self._count(ask("{}", convention.requests, STATUSES), convention)
        if convention.durations is not None and book.found:
            self._time(ask, convention)
        yield from book.found.values()

    def _count(self, answered: Iterable[tuple[Series, Figures, Floats]], convention: Convention) -> None:
        for series, figures, values in answered:
            counted = _finite(values) * self.steps.seconds
            if is_failure(series.labels):
                figures.failed += counted
            else:
                figures.served += counted
            if convention.counts_its_durations:
                figures.timed += counted

    def _time(self, ask: "_Ask", convention: Convention) -> None:
        name, milliseconds = convention.durations, convention.milliseconds
        if not convention.counts_its_durations:
            for _, figures, values in ask("{}", f"{name}_count", ()):
                figures.timed += _finite(values) * self.steps.seconds
        for _, figures, values in ask("{}", f"{name}_sum", ()):
            figures.spent_ms += _finite(values) * self.steps.seconds * milliseconds
        for column, quantile in QUANTILES.items():
            for _, figures, values in ask(f"histogram_quantile({quantile}, {{}})", f"{name}_bucket", ("le",)):
                known = figures.quantiles[column]
                np.fmax(known, np.where(np.isfinite(values), values * milliseconds, np.nan), out=known)

    def _selectors(self, name: str) -> list[str]:
        return [selector((name,), matchers) for matchers in about_services(self.service_labels, self.services)]

    def _interval_seconds(self, name: str) -> float:
        """How far apart the samples of the metric lie, of the service where they lie farthest apart."""
        length = min(max(self.window.duration.total_seconds(), PROBED_SECONDS[0]), PROBED_SECONDS[1])
        by_minute = self._samples(name, 60, length, 60)
        by_minutes = self._samples(name, 300, length + 300, 150) if min(by_minute.values(), default=3) < 3 else {}
        known = [
            60 / (count - 1) if count >= 3 else 300 / (by_minutes[service] - 1)
            for service, count in by_minute.items()
            if count >= 3 or by_minutes.get(service, 0) >= 3
        ]
        return max(known, default=USUAL_INTERVAL_SECONDS)

    def _samples(self, name: str, of_seconds: int, length: float, step: int) -> dict[str, float]:
        """By service: the most samples that a series of the metric has in any stretch of so many seconds."""
        groups = ", ".join(self.service_labels)
        counts = " or ".join(
            f"max_over_time(count_over_time({each}[{of_seconds}s])[{duration(math.ceil(length))}:{step}s])"
            for each in self._selectors(name)
        )
        found: dict[str, float] = {}
        for series in self.asking.instant(f"max by ({groups}) ({counts})", self.window.end - MILLISECOND):
            service = service_of(series.labels, self.service_labels)
            found[service] = max(found.get(service, 0.0), *map(float, series.values))
        return found


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), np.maximum(values, 0.0), 0.0)
