"""Baselines that rank services by how far their figures moved: max|z|, n-sigma and BARO's robust scoring."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from watchkeeper.datasets.cases import Case, Tables
from watchkeeper.evaluation.baseline_series import Aspect, Floats, Series, metric_series
from watchkeeper.evaluation.baseline_spans import span_series

LEAD_SECONDS = 60.0
"""How long before its signal the trouble may have begun."""
FEWEST_USUAL = 2
"""A series with fewer values of its past has no spread, and is not scored."""
FEWEST_REFERENCE = 10
"""From so many values in the good stretches on, they alone are the normal period."""
LARGEST = 1e6
"""The z of a figure that moves for the first time, and the most that any gets: finite, so that others still count."""


@dataclass(frozen=True)
class Moved:
    """One figure of a service: its usual values and those of the incident, each at least one."""

    service: str
    aspect: Aspect
    usual: Floats
    now: Floats


Score = Callable[[Moved], float | None]
"""How far a figure moved; None where that cannot be said."""


def max_z(case: Case, tables: Tables) -> Sequence[str]:
    """Services by their largest |z| from a minute before the signal on, against all that was before."""
    return _ranked(since_the_lead(case, tables), z_score)


def nsigma(case: Case, tables: Tables) -> Sequence[str]:
    """Services by the most standard deviations that a figure is off its mean in the normal period.

    As RCAEval (Pham et al., 2024) and CIRCA's comparison (Li et al., KDD 2022) run it: the incident begins at the
    signal; figures that are constant in the normal period are dropped. Unlike there falls count as much as rises,
    since a drop can be the fault.
    """
    return _ranked(_since_the_signal(case, tables), _sigmas)


def baro(case: Case, tables: Tables) -> Sequence[str]:
    """Services by BARO's RobustScorer (Pham et al., FSE 2024, section on root cause analysis).

    The score of a metric is the largest |x - median| / IQR since the onset, median and interquartile range of the
    normal period; where the range is zero it counts as one, as in the authors' scaling; constant figures are
    dropped, as in theirs. The onset is the signal's time: their change point detection is not repeated.
    """
    return _ranked(_since_the_signal(case, tables), _robust)


def since_the_lead(case: Case, tables: Tables) -> Iterator[Moved]:
    """All figures split a minute before the signal, since alarms come later than what they report.

    At the signal itself, where the minutes before are too few to do without one.
    """
    signal = case.trigger.signal
    for series in _series(case, tables):
        is_good = series.within(case.trigger.references)
        is_now = series.since(signal.at - timedelta(seconds=LEAD_SECONDS)) & ~is_good
        if (~is_now).sum() < FEWEST_USUAL:
            is_now = series.since(signal.at) & ~is_good
        yield from _split(series, series.values[~is_now], series.values[is_now])


def z_score(moved: Moved) -> float:
    """The largest |z| of the incident, at most LARGEST, which is also what a constant gets that moved at all."""
    centre, scale = float(moved.usual.mean()), float(moved.usual.std())
    distance = float(np.abs(moved.now - centre).max())
    # What rounding leaves of a constant's spread is no scale.
    rounding = 1e-9 * abs(centre)
    if distance <= rounding:
        return 0.0
    return LARGEST if scale <= rounding else min(distance / scale, LARGEST)


def _since_the_signal(case: Case, tables: Tables) -> Iterator[Moved]:
    for series in _series(case, tables):
        is_good = series.within(case.trigger.references)
        is_now = series.since(case.trigger.signal.at) & ~is_good
        is_usual = is_good if is_good.sum() >= FEWEST_REFERENCE else ~is_now
        yield from _split(series, series.values[is_usual], series.values[is_now])


def _sigmas(moved: Moved) -> float | None:
    return None if _is_constant(moved.usual) else z_score(moved)


def _robust(moved: Moved) -> float | None:
    if _is_constant(moved.usual):
        return None
    low, centre, high = np.percentile(moved.usual, [25, 50, 75])
    distance = float(np.abs(moved.now - centre).max())
    return distance / float(high - low) if high > low else distance


def _is_constant(values: Floats) -> bool:
    return float(np.ptp(values)) <= 1e-9 * float(np.abs(values).max())


def _series(case: Case, tables: Tables) -> list[Series]:
    """What may be read of a case: metrics, and of services without any what their spans say.

    Where good stretches are given that are long enough to compare with, only the figures that were recorded in them:
    as the published comparisons do, which intersect the columns of both periods.
    """
    metrics = metric_series(tables["metrics"], case.trigger) if "metrics" in tables else []
    measured = {series.service for series in metrics}
    spans = span_series(tables["spans"], case.trigger, LEAD_SECONDS) if "spans" in tables else []
    every = metrics + [series for series in spans if series.service not in measured]
    compared = [s for s in every if s.within(case.trigger.references).sum() >= FEWEST_REFERENCE]
    return compared or every


def _split(series: Series, usual: Floats, now: Floats) -> Iterator[Moved]:
    if usual.size >= FEWEST_USUAL and now.size:
        yield Moved(series.service, series.aspect, usual, now)


def _ranked(figures: Iterable[Moved], score: Score) -> tuple[str, ...]:
    """Services by their largest score; where that is equal by the next, so that no name decides before figures do."""
    scores: dict[str, list[float]] = {}
    for moved in figures:
        scored = score(moved)
        if scored:
            scores.setdefault(moved.service, []).append(scored)
    return tuple(sorted(scores, key=lambda service: (sorted(-s for s in scores[service]), service)))
