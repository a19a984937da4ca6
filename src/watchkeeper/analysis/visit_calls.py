"""Calls and whether they were answered: whom a call goes to is known even where nobody answers it.

A service that crashed, or that stopped telling anything, is seen only in those that call it. And what a caller does
after a call that failed is no change of the caller's own.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.spans import Ints, Spans
from watchkeeper.analysis.visit_shares import FAINT, Shares, increase

SAME = 0.95
"""The share of like calls that one service and operation must answer to be taken as the callee of all of them."""
USUALLY = 0.95
"""The share of calls to a service that are answered, from which an unanswered one is a failure."""
_ADDRESSES = ("peer.service", "server.address")


@dataclass(frozen=True)
class Calls:
    """Calls that wait for an answer, each shape (n,), in the order of their spans."""

    row: Ints
    """The call's span."""
    start_us: Ints
    caller: NDArray[np.object_]
    callee: NDArray[np.object_]
    """Who answers such calls; None where that is not known, or nobody ever does."""
    operation: NDArray[np.object_]
    """What such calls ask for, of the callee; None where there is no callee."""
    is_answered: NDArray[np.bool_]
    is_failed: NDArray[np.bool_]

    @cached_property
    def numbered(self) -> tuple[list[tuple[str, str | None]], Ints]:
        """Every pair of caller and callee, and the number of each call's pair, shape (n,)."""
        pairs: dict[tuple[str, str | None], int] = {}
        numbers = [pairs.setdefault(pair, len(pairs)) for pair in zip(self.caller, self.callee, strict=True)]
        return list(pairs), np.array(numbers, dtype=np.int64)

    def misses(self, past: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which calls went unanswered although such calls were usually answered in the past (a mask), shape (n,)."""
        pairs, number = self.numbered
        asked = np.bincount(number[past], minlength=len(pairs))
        answered = np.bincount(number[past & self.is_answered], minlength=len(pairs))
        known = np.array([callee is not None for _, callee in pairs], dtype=bool)
        usual: NDArray[np.bool_] = known & (answered >= USUALLY * np.maximum(asked, 1))
        missed: NDArray[np.bool_] = ~self.is_answered & usual[number] if len(pairs) else np.zeros(0, dtype=bool)
        return missed


def let_down(calls: Calls, unmet: NDArray[np.bool_], entry: Ints) -> NDArray[np.bool_]:
    """By span, whether a call that was made under this entry failed or was unmet (a mask of the calls).

    What such visits do otherwise, and how long they take for it (retries, waiting before them), is for that reason.
    """
    reached = np.array([name is not None for name in calls.callee], dtype=bool)
    found: NDArray[np.bool_] = np.zeros(entry.size, dtype=bool)
    found[entry[calls.row[unmet | (reached & calls.is_failed)]]] = True
    return found


def read_calls(spans: Spans) -> Calls:
    """Every client span, with whoever answered it, or else whoever answers others like it."""
    above = spans.parent >= 0
    crossing = np.flatnonzero(above)
    crossing = crossing[spans.service[crossing] != spans.service[spans.parent[crossing]]]
    waits = spans.kind != "producer"
    is_call = spans.kind == "client"
    is_call[spans.parent[crossing]] = True
    rows = np.flatnonzero(is_call & waits)
    answer = np.full(spans.parent.size, -1, dtype=np.int64)
    answer[spans.parent[crossing[::-1]]] = crossing[::-1]
    answered = answer[rows] >= 0
    callee, operation = _whom(spans, rows, answer[rows])
    return Calls(rows, spans.start_us[rows], spans.service[rows], callee, operation, answered, spans.is_error[rows])


def _whom(spans: Spans, rows: Ints, answer: Ints) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    keys = list(zip(spans.service[rows], spans.name[rows], _addresses(spans, rows), strict=True))
    told = answer >= 0
    callee, operation = (np.full(rows.size, None, dtype=object) for _ in range(2))
    callee[told], operation[told] = spans.service[answer[told]], spans.name[answer[told]]
    seen: dict[tuple[str, str, str | None], Counter[tuple[str, str]]] = {}
    for place in np.flatnonzero(told).tolist():
        seen.setdefault(keys[place], Counter())[callee[place], operation[place]] += 1
    usual = {key: _most(counts) for key, counts in seen.items()}
    for place in np.flatnonzero(~told).tolist():
        callee[place], operation[place] = usual.get(keys[place], (None, None))
    return callee, operation


def _most(counts: Counter[tuple[str, str]]) -> tuple[str | None, str | None]:
    (pair, count), total = counts.most_common(1)[0], sum(counts.values())
    return pair if count >= SAME * total else (None, None)


def _addresses(spans: Spans, rows: Ints) -> list[str | None]:
    column = spans.table["attributes"].take(pa.array(rows)) if "attributes" in spans.table.column_names else None
    if column is None:
        return [None] * rows.size
    named = [pc.map_lookup(column, name, "first") for name in _ADDRESSES]
    out: list[str | None] = pc.coalesce(*named).to_pylist()
    return out


@dataclass(frozen=True)
class Missed:
    """A component around which calls go unanswered."""

    component: str
    link: str
    """Between whom, where that is clearest."""
    strata: Ints
    before: float
    now: float
    """Shares of calls without an answer."""
    before_of: int
    now_of: int
    score: float


def missed(calls: Calls, pasts: Sequence[NDArray[np.bool_]], now: NDArray[np.bool_]) -> list[Missed]:
    """Whose calls go unanswered more often than they did, the clearest first.

    That is the callee's doing, unless calls to several others fail one caller; what one has explained counts for no
    other.
    """
    pairs, number = calls.numbered
    table = _Table(pairs, [_counted(calls, number, len(pairs), mask) for mask in (*pasts, now)])
    worse = table.worse()
    left = np.array([i for i, (caller, callee) in enumerate(pairs) if callee in worse - {caller}], dtype=np.int64)
    out: list[Missed] = []
    while left.size:
        best = max(table.candidates(left), key=lambda m: (m.score, m.strata.size), default=None)
        if best is None or best.score < FAINT:
            break
        out.append(best)
        left = np.setdiff1d(left, best.strata)
    return out


def _counted(calls: Calls, number: Ints, size: int, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Calls without an answer, and all calls, by pair of caller and callee."""
    lost = np.bincount(number[chosen & ~calls.is_answered], minlength=size).astype(np.float64)
    return lost, np.bincount(number[chosen], minlength=size).astype(np.float64)


@dataclass(frozen=True)
class _Table:
    pairs: list[tuple[str, str | None]]
    counts: list[tuple[Floats, Floats]]
    """Of each past, and of the present."""

    def worse(self) -> set[str | None]:
        """Callees that leave more calls unanswered than they did: nothing speaks against the others."""
        names = sorted({callee for _, callee in self.pairs if callee is not None})
        place = {name: i for i, name in enumerate(names)}
        number = np.array([place.get(str(callee), len(names)) for _, callee in self.pairs], dtype=np.int64)
        sums = [[np.bincount(number, weights=side, minlength=len(names) + 1) for side in c] for c in self.counts]
        past = np.sum([lost for lost, _ in sums[:-1]], axis=0) / np.maximum(
            1, np.sum([of for _, of in sums[:-1]], axis=0)
        )
        rises = sums[-1][0] > past * sums[-1][1]
        return {name for name, i in place.items() if rises[i]}

    def candidates(self, left: Ints) -> list[Missed]:
        """Callees with all that call them, and callers to whom several do not answer."""
        by_callee: dict[str, list[int]] = {}
        by_caller: dict[str, list[int]] = {}
        for number in left.tolist():
            caller, callee = self.pairs[number]
            by_callee.setdefault(str(callee), []).append(number)
            if self.missed(caller, [number]).score >= FAINT:
                by_caller.setdefault(caller, []).append(number)
        into = [self.missed(name, numbers) for name, numbers in sorted(by_callee.items())]
        # A callee is the simpler explanation: callers are named only where several of their callees are affected.
        out = [self.missed(name, numbers) for name, numbers in sorted(by_caller.items()) if len(numbers) > 1]
        return into + [m for m in out if m.score > max((i.score for i in into), default=0.0)]

    def missed(self, component: str, numbers: list[int]) -> Missed:
        strata = np.array(numbers, dtype=np.int64)
        pasts = [
            Shares(lost[strata].sum(keepdims=True), of[strata].sum(keepdims=True), *self._now(strata))
            for lost, of in self.counts[:-1]
        ]
        score, whole = increase(pasts)
        clearest = max(numbers, key=lambda n: (self.counts[-1][0][n], -n))
        link = " → ".join(str(name) for name in self.pairs[clearest])
        before, now = whole.before / np.maximum(whole.before_of, 1), whole.now / np.maximum(whole.now_of, 1)
        sizes = int(whole.before_of[0]), int(whole.now_of[0])
        return Missed(component, link, strata, float(before[0]), float(now[0]), *sizes, float(score[0]))

    def _now(self, strata: Ints) -> tuple[Floats, Floats]:
        lost, of = self.counts[-1]
        return lost[strata].sum(keepdims=True), of[strata].sum(keepdims=True)
