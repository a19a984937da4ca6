"""Time lost on the way: what a caller waited beyond what its callee took, and who explains it.

Only durations are compared, never clocks. A pod with a slow network, or without time to read its sockets, shows on all
calls into it, or on calls out of it to several others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.analysis.spans import Ints, Spans
from watchkeeper.analysis.visit_durations import Durations, Rises, ordered, pooled, rises, roots_of

ROSE = 2.5
"""The z from which a single link is said to have risen."""
MATTERS = 0.02
"""The share of the whole request from which a rise matters."""


@dataclass(frozen=True)
class Links:
    """Gaps between client spans and the spans that answered them, in strata of one caller, callee and operation."""

    gaps: Durations
    caller: NDArray[np.object_]
    callee: NDArray[np.object_]
    operation: NDArray[np.object_]
    """By stratum, each shape (s,)."""


@dataclass(frozen=True)
class Delay:
    """A component on whose links time is lost."""

    component: str
    inward: bool
    """Calls into it are delayed; else the ones that it makes."""
    strata: Ints
    z: float
    weight: float

    @property
    def score(self) -> float:
        """How surely it rose, times how much that matters."""
        return self.z**2 * self.weight


def read_links(spans: Spans) -> Links:
    """Every client span with the first span of another service below it; calls nobody waits for are left out."""
    answers = np.flatnonzero(spans.parent >= 0)
    calls = spans.parent[answers]
    crossing = (spans.service[answers] != spans.service[calls]) & ~np.isin(spans.kind[calls], ("producer",))
    answers, calls = answers[crossing], calls[crossing]
    _, first = np.unique(calls, return_index=True)
    answers, calls = answers[first], calls[first]
    keys: dict[tuple[str, str, str, str], int] = {}
    columns = (spans.service[calls], spans.service[answers], spans.name[calls], spans.name[answers])
    stratum = np.array([keys.setdefault(key, len(keys)) for key in zip(*columns, strict=True)], dtype=np.int64)
    root = roots_of(spans)[calls]
    gap = (spans.duration_us[calls] - spans.duration_us[answers]) / 1e3
    gaps = ordered(gap, spans.start_us[calls], stratum, root, spans.duration_us[root] / 1e3)
    named = list(keys)
    return Links(gaps, *(np.array([key[i] for key in named], dtype=object) for i in (0, 1, 3)))


def delays(links: Links, pasts: Sequence[NDArray[np.bool_]], now: NDArray[np.bool_]) -> tuple[list[Delay], Rises]:
    """Who explains the rise of gaps, the best explanation first; what one has explained counts for no other."""
    found = rises(links.gaps, links.caller.size, pasts, now)
    left = np.flatnonzero(found.variance > 0)
    out: list[Delay] = []
    while left.size:
        best = max(_candidates(links, found, left), key=lambda d: (d.score, d.z, d.inward, d.strata.size), default=None)
        if best is None or best.z < ROSE or best.weight < MATTERS:
            break
        out.append(best)
        left = np.setdiff1d(left, best.strata)
    return out, found


def _candidates(links: Links, found: Rises, left: Ints) -> list[Delay]:
    out = []
    for name in sorted(set(links.callee[left])):
        strata = left[links.callee[left] == name]
        out.append(Delay(name, True, strata, *pooled(found, strata)))
    for name in sorted(set(links.caller[left])):
        strata = left[links.caller[left] == name]
        if sum(_rose(found, strata[links.callee[strata] == callee]) for callee in set(links.callee[strata])) >= 2:
            out.append(Delay(name, False, strata, *pooled(found, strata)))
    return out


def _rose(found: Rises, strata: Ints) -> bool:
    z, weight = pooled(found, strata)
    return z >= ROSE and weight >= MATTERS
