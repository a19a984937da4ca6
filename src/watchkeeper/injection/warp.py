"""Time in a trace once work takes longer: what follows is shifted, who waits is lengthened, who does not is left."""

from dataclasses import dataclass

import numpy as np

from watchkeeper.injection.forest import Bools, Forest, Ints

SHORTEST_NS = 1_000
UNSET = np.iinfo(np.int64).min // 4


@dataclass(frozen=True)
class Extra:
    """What is added to each span's own work, in nanoseconds, shape (spans,)."""

    before: Ints
    """Before its calls."""
    after: Ints
    """After its calls; negative where it ends early."""
    following: Ints
    """Between its end and what its parent does next: a second try that is no part of it."""
    is_gone: Bools
    """Whether it never happened."""


@dataclass(frozen=True)
class Warped:
    """New starts and durations, and how much every bundle of calls grew."""

    start: Ints
    duration: Ints
    shift: Ints
    """How much later each span begins."""
    before: Ints
    grown: Ints
    """By bundle of calls: how much later the parent goes on after it; running sum within the parent."""


def warp(forest: Forest, extra: Extra) -> Warped:
    """When everything happens with the extra work in it."""
    lengthened, growth = _lengthened(forest, extra)
    calls = forest.calls
    total = np.cumsum(growth)
    earlier = total - growth - (total - growth)[calls.opens] if growth.size else growth
    shift = np.zeros(forest.size, dtype=np.int64)
    within = np.zeros(forest.size, dtype=np.int64)
    within[calls.child] = earlier[calls.bundle]
    for rows in forest.generations[1:]:
        above = forest.parent[rows]
        shift[rows] = shift[above] + extra.before[above] + within[rows]
    return Warped(
        start=forest.start + shift,
        duration=np.maximum(SHORTEST_NS, forest.duration + lengthened),
        shift=shift,
        before=extra.before,
        grown=earlier + growth,
    )


def _lengthened(forest: Forest, extra: Extra) -> tuple[Ints, Ints]:
    """By how much each span grows, and each bundle of calls."""
    calls, own = forest.calls, extra.before + extra.after
    lengthened, growth = own, np.zeros(calls.first.size, dtype=np.int64)
    for _ in range(forest.depth):
        if not growth.size:
            break
        ends = forest.end[calls.child] + (lengthened + extra.following)[calls.child]
        latest = np.maximum.reduceat(np.where(extra.is_gone[calls.child], UNSET, ends), calls.first)
        growth = np.where(calls.is_waited & (latest > UNSET), latest - calls.end, 0)
        added = np.bincount(calls.parent, weights=growth, minlength=forest.size).astype(np.int64)
        if np.array_equal(lengthened, own + added):
            break
        lengthened = own + added
    return lengthened, growth


def moved(forest: Forest, warped: Warped, rows: Ints, times: Ints) -> Ints:
    """Moments inside spans (of `rows`, which may be -1: left) as they are after the warp."""
    calls = forest.calls
    known = np.flatnonzero(rows >= 0)
    spans, at = rows[known], times[known]
    result = times.copy()
    inside = np.zeros(known.size, dtype=np.int64)
    if calls.first.size:
        # One sorted key of (parent, end) finds the last bundle that was over at each moment.
        reach = int(max(calls.end.max(), at.max(initial=0))) + 1
        keys = calls.parent * reach + np.clip(calls.end, 0, reach - 1)
        by_key = np.argsort(keys, kind="stable")
        last = np.searchsorted(keys[by_key], spans * reach + np.clip(at, 0, reach - 1), side="right") - 1
        bundle = by_key[np.maximum(last, 0)]
        is_own = (last >= 0) & (calls.parent[bundle] == spans)
        inside = np.where(is_own, warped.grown[bundle], 0)
    result[known] = at + warped.shift[spans] + warped.before[spans] + inside
    return result
