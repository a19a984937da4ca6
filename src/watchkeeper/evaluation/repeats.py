"""Shares and means of runs in which a case may have been run more than once: the interval is over cases."""

from collections.abc import Callable, Sequence
from statistics import fmean

from watchkeeper.casebook.figures import wilson
from watchkeeper.evaluation.intervals import Interval, of_mean
from watchkeeper.evaluation.scorecard import Result


def share_of(results: Sequence[Result], counts: Callable[[Result], bool]) -> tuple[float, Interval]:
    """The share of results that count, with its 95 % interval; raises ValueError without results.

    Wilson's where each case was run once. Else runs of one case say little more than one of them: cases are drawn
    anew, each with all of its runs; where all of them agree that knows no spread, and Wilson's of the cases is given.
    """
    hits = [counts(r) for r in results]
    share = fmean(hits)
    of_case = _by_case([r.case for r in results], [float(hit) for hit in hits])
    if len(of_case) == len(results) or share in (0.0, 1.0):
        return rounded(share), span(wilson(share * len(of_case), len(of_case)))
    return rounded(share), span(of_mean(of_case))


def mean_of(cases: Sequence[str], values: Sequence[float]) -> tuple[float, Interval]:
    """A mean with its interval by drawing the cases anew, each with all of its values."""
    return rounded(fmean(values)), span(of_mean(_by_case(cases, values)))


def _by_case(cases: Sequence[str], values: Sequence[float]) -> list[float]:
    """The mean of each case, in the order of their first values."""
    found: dict[str, list[float]] = {}
    for case, value in zip(cases, values, strict=True):
        found.setdefault(case, []).append(value)
    return [fmean(of_case) for of_case in found.values()]


def rounded(value: float) -> float:
    """Four digits are more than any of these figures has."""
    return round(value, 4)


def span(interval: Interval) -> Interval:
    """The same for both ends."""
    return rounded(interval[0]), rounded(interval[1])
