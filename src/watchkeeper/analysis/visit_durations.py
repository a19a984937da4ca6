"""Which durations rose between two stretches: ranks say how surely, the share of the whole request how much."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.spans import Ints, Spans, entry_of, exclusive_time
from watchkeeper.analysis.visit_calls import Calls
from watchkeeper.analysis.visit_ranks import Side, evenly, leaps, medians, rank_sums

DOUBT = 5.0
"""Durations at which one past alone is trusted half."""
SPREAD, CLEAR = 0.5, 8.0
"""The least standard deviation that logarithms of durations are taken to have, and the z from which a leap is clear."""
LEAST = 0.01
"""The share of a request that is added to a duration before its logarithm is taken."""
UNFELT = 0.1
"""The share of a request by which it may become longer without anybody noticing."""
ENOUGH = 100
"""Durations of a side that are compared, spread evenly over time: spans of one stretch are not independent."""


@dataclass(frozen=True)
class Durations:
    """Durations in strata of comparable ones, ordered by stratum and time, each shape (n,)."""

    ms: Floats
    start_us: Ints
    stratum: Ints
    trace: Ints
    """A number of the trace."""
    whole_ms: Floats
    """How long the trace's root took."""

    def counted(self, chosen: NDArray[np.bool_], strata: int) -> Floats:
        """How many of each stratum are among the chosen, shape (strata,)."""
        return np.bincount(self.stratum[chosen], minlength=strata).astype(np.float64)

    def traces(self, chosen: NDArray[np.bool_], strata: int) -> Floats:
        """How many different traces those of each stratum are of, shape (strata,)."""
        most = int(self.trace.max(initial=0)) + 1
        pairs = np.unique(self.stratum[chosen] * most + self.trace[chosen])
        return np.bincount(pairs // most, minlength=strata).astype(np.float64)

    def side(self, chosen: NDArray[np.bool_], of: Floats | None = None) -> Side:
        """The chosen ones, of each stratum at most `ENOUGH`; `of` is something else than durations."""
        rows = np.flatnonzero(chosen)
        rows = rows[evenly(self.stratum[rows], ENOUGH)]
        return Side((self.ms if of is None else of)[rows], self.stratum[rows])


@dataclass(frozen=True)
class Rises:
    """By stratum, each shape (s,)."""

    surplus: Floats
    """By how much the rank sum of the present exceeds what equal distributions would give (Mann and Whitney, 1947)."""
    variance: Floats
    """Its variance if they were equal; 0 where there was too little to compare."""
    leap: Floats
    """Difference of the medians of logarithms, times the durations of the present."""
    leap_variance: Floats
    weight: Floats
    """The extra time a trace as a share of the trace, from 0 to 1: how much it matters."""
    excess_ms: Floats
    """The extra time of all of the present together."""
    before_ms: Floats
    now_ms: Floats
    """Medians."""
    before_of: Floats
    now_of: Floats


def ordered(ms: Floats, start_us: Ints, stratum: Ints, trace: Ints, whole_ms: Floats) -> Durations:
    """Durations in any order, put in theirs."""
    order = np.lexsort((ms, start_us, stratum))
    return Durations(ms[order], start_us[order], stratum[order], trace[order], whole_ms[order])


def rises(
    durations: Durations,
    strata: int,
    pasts: Sequence[NDArray[np.bool_]],
    now: NDArray[np.bool_],
    *,
    only_longer: bool = False,
) -> Rises:
    """Compare the present with several pasts within each stratum; `only_longer` leaves out those that gained nothing.

    Ranks are taken against all pasts together; the gain from the past that is most like the present, since what
    differs from one past only is drift.
    """
    before = np.logical_or.reduce(pasts)
    n, m = durations.counted(before, strata), durations.counted(now, strata)
    compared = (n >= 2) & (m >= 1)
    earlier, present = (durations.side(mask & compared[durations.stratum]) for mask in (before, now))
    before_ms, now_ms = medians(earlier, strata), medians(present, strata)
    whole = medians(durations.side(before & compared[durations.stratum], of=durations.whole_ms), strata)
    gain = _gains(durations, now_ms, before_ms, pasts, strata)
    longer = compared & (gain > 0) if only_longer else compared
    extra = np.maximum(0.0, gain * m / np.maximum(durations.traces(now, strata), 1) - UNFELT * whole)
    weight = np.where(longer & (extra > 0), extra / np.where(extra > 0, extra + whole, 1.0), 0.0)
    earlier, present = (Side(s.values[longer[s.stratum]], s.stratum[longer[s.stratum]]) for s in (earlier, present))
    return Rises(
        *rank_sums(earlier, present, strata),
        *leaps(earlier, present, strata, LEAST * whole, SPREAD),
        weight=weight,
        excess_ms=np.where(longer, np.maximum(0.0, gain) * m, 0.0),
        before_ms=before_ms,
        now_ms=now_ms,
        before_of=n,
        now_of=m,
    )


def pooled(found: Rises, strata: Ints) -> tuple[float, float]:
    """One-sided z of a rise over several strata together, and its mean weight.

    The z of the ranks (van Elteren, 1960), or that of the logarithms where it is larger: of few durations ranks cannot
    tell a rise by a tenth from one by a hundred times.
    """
    variance = float(found.variance[strata].sum())
    if variance <= 0:
        return 0.0, 0.0
    z = float(found.surplus[strata].sum()) / float(np.sqrt(variance))
    leap = float(found.leap[strata].sum()) / float(np.sqrt(max(float(found.leap_variance[strata].sum()), 1e-12)))
    counts = found.now_of[strata] * (found.variance[strata] > 0)
    weight = float((found.weight[strata] * counts).sum() / max(1.0, float(counts.sum())))
    return max(0.0, z, min(leap, CLEAR)), weight


def own_durations(spans: Spans, excused: NDArray[np.bool_] | None = None) -> tuple[Durations, list[tuple[str, str]]]:
    """Time that spans spent by themselves, by service and name.

    Waiting is not work: calls are left out, and spans that mostly lie beside a call of the same parent, as the
    handlers of asynchronous gateways do. So are spans of visits whose entry is `excused`, a mask by span: who was let
    down waits before it asks again.
    """
    chosen = ~np.isin(spans.kind, ("client", "producer")) & ~_beside_calls(spans)
    if excused is not None:
        chosen &= ~excused[entry_of(spans)]
    rows = np.flatnonzero(chosen)
    keys: dict[tuple[str, str], int] = {}
    pairs = zip(spans.service[rows], spans.name[rows], strict=True)
    stratum = np.array([keys.setdefault(pair, len(keys)) for pair in pairs], dtype=np.int64)
    root = roots_of(spans)
    own = exclusive_time(spans)[rows] / 1e3
    whole = spans.duration_us[root[rows]] / 1e3
    return ordered(own, spans.start_us[rows], stratum, root[rows], whole), list(keys)


def outside_durations(spans: Spans, calls: Calls) -> tuple[Durations, list[tuple[str, str]]]:
    """Time of a visit in calls of one name that nobody here ever answers (databases, foreign services), by caller.

    They end outside of what is instrumented: whoever makes them is the closest that can be named. Calls of one visit
    are added up, so that many where there were few are seen as well.
    """
    rows = calls.row[np.array([name is None for name in calls.callee], dtype=bool)]
    keys: dict[tuple[str, str], int] = {}
    pairs = zip(spans.service[rows], spans.name[rows], strict=True)
    stratum = np.array([keys.setdefault(pair, len(keys)) for pair in pairs], dtype=np.int64)
    entry = entry_of(spans)[rows]
    _, first, visit = np.unique(entry * max(len(keys), 1) + stratum, return_index=True, return_inverse=True)
    took: Floats = np.bincount(visit, weights=spans.duration_us[rows] / 1e3, minlength=first.size).astype(np.float64)
    root = roots_of(spans)[rows[first]]
    start = spans.start_us[entry[first]]
    return ordered(took, start, stratum[first], root, spans.duration_us[root] / 1e3), list(keys)


def _beside_calls(spans: Spans) -> NDArray[np.bool_]:
    """Which spans lie mostly beside calls of the same parent; what comes between two calls does not."""
    calls = np.flatnonzero((spans.kind == "client") & (spans.parent >= 0))
    beside = np.zeros(spans.parent.size, dtype=bool)
    rows = np.flatnonzero(np.isin(spans.parent, spans.parent[calls]) & (spans.parent >= 0))
    if calls.size == 0:
        return beside
    # Each parent gets a lane of its own on one long axis, so that one sorted list of intervals serves all.
    up = np.maximum(spans.parent, 0)
    lane = np.searchsorted(np.unique(up[calls]), up) * (float(spans.duration_us[up[rows]].max()) + 1.0)
    begin = np.clip(spans.start_us - spans.start_us[up], 0.0, spans.duration_us[up]) + lane
    end = np.clip(spans.start_us + spans.duration_us - spans.start_us[up], 0.0, spans.duration_us[up]) + lane
    covered = _covered(begin[calls], end[calls])
    shared = covered(end[rows]) - covered(begin[rows])
    beside[rows] = shared > spans.duration_us[rows] / 2
    return beside


def _covered(begin: Floats, end: Floats) -> Callable[[Floats], Floats]:
    """How much of the axis up to a point lies within any of those intervals."""
    order = np.argsort(begin, kind="stable")
    begin, reached = begin[order], np.maximum.accumulate(end[order])
    start = np.maximum(begin, np.r_[-np.inf, reached[:-1]])
    length = np.maximum(0.0, reached - start)
    total = np.r_[0.0, np.cumsum(length)]

    def upto(point: Floats) -> Floats:
        last = np.searchsorted(begin, point, side="right") - 1
        inside = np.clip(point - start[np.maximum(last, 0)], 0.0, length[np.maximum(last, 0)])
        out: Floats = np.where(last >= 0, total[np.maximum(last, 0)] + inside, 0.0)
        return out

    return upto


def roots_of(spans: Spans) -> Ints:
    """The row of the highest known span above each, shape (n,)."""
    up = np.where(spans.parent < 0, np.arange(spans.parent.size), spans.parent)
    # Each round doubles the way; broken data has spans that are their own ancestors, and no end.
    for _ in range(64):
        further = up[up]
        if np.array_equal(further, up):
            break
        up = further
    return up


def _gains(
    durations: Durations, now_ms: Floats, before_ms: Floats, pasts: Sequence[NDArray[np.bool_]], strata: int
) -> Floats:
    """By how much medians rose against the past that is most like the present, ms, shape (s,)."""
    gain = now_ms - before_ms
    for past in pasts:
        size = durations.counted(past, strata)
        trust = size**2 / (size**2 + DOUBT**2)
        alone = medians(Side(durations.ms[past], durations.stratum[past]), strata)
        gain = np.where(size > 0, np.minimum(gain, trust * (now_ms - alone) + (1 - trust) * gain), gain)
    return gain
