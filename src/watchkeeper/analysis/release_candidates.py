"""The releases that are on trial: their times, what they touch, whom that reaches, and what undid them."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from watchkeeper.analysis.release_series import Bools
from watchkeeper.analysis.series import Floats
from watchkeeper.domain import Change

HOP = 0.7
"""By how much a release counts less for every call between it and the symptom."""
PRESSED = 0.25
"""What a release of a caller counts for a symptom of its callee: it may ask too much of it."""
UNCONNECTED = 0.02
"""What a release counts that no known call connects with the symptom: hosts and data are shared too."""
UNKNOWN = 0.3
"""The same where no calls are known at all."""


@dataclass(frozen=True)
class Candidates:
    """Releases, c of them; times in seconds since the epoch."""

    changes: tuple[Change, ...]
    touches: tuple[frozenset[str], ...]
    """Components that each release changed: its service, or all that use a shared library, setting or flag."""
    began: Floats
    ended: Floats
    is_harmless: Bools
    """Known to have done no harm: a placebo for the others, and still a candidate."""

    @classmethod
    def of(
        cls, changes: Sequence[Change], touches: Mapping[str, Set[str]] | None = None, harmless: Set[str] = frozenset()
    ) -> "Candidates":
        """Changes with what they touch besides their service, and which of them are harmless, by id."""
        also = touches or {}
        return cls(
            changes=tuple(changes),
            touches=tuple(frozenset({each.service, *also.get(each.id, ())}) for each in changes),
            began=np.array([each.began_at.timestamp() for each in changes], dtype=np.float64),
            ended=np.array([(each.ended_at or each.began_at).timestamp() for each in changes], dtype=np.float64),
            is_harmless=np.array([each.id in harmless for each in changes], dtype=bool),
        )


def reach_of(touches: Sequence[Set[str]], services: Sequence[str], calls: Iterable[tuple[str, str]]) -> Floats:
    """How much each release (c,) counts for a symptom of each service (m,) beforehand, shape (c, m), 0 to 1.

    Trouble travels from the called to the caller, so a release counts in full for what it touches, less by every call
    up to the symptom, little for what it calls itself. `calls` are pairs of caller and callee.
    """
    pairs = sorted(set(calls))
    touched = frozenset[str]().union(*touches)
    names = sorted({*services, *touched, *(name for pair in pairs for name in pair)})
    place = {name: i for i, name in enumerate(names)}
    weights = np.full((len(names), len(names)), UNCONNECTED if pairs else UNKNOWN)
    if pairs:
        ends = np.array([(place[a], place[b]) for a, b in pairs])
        graph = coo_array((np.ones(len(pairs)), (ends[:, 0], ends[:, 1])), shape=(len(names),) * 2)
        hops = shortest_path(graph.tocsr(), unweighted=True)
        down = np.where(np.isfinite(hops), HOP ** np.where(np.isfinite(hops), hops, 0.0), 0.0)
        weights = np.maximum(weights, np.maximum(down, PRESSED * down.T))
    np.fill_diagonal(weights, 1.0)
    of_services = weights[[place[name] for name in services]]
    rows = [of_services[:, sorted(place[name] for name in each)].max(axis=1) for each in touches]
    return np.array(rows, dtype=np.float64).reshape(len(touches), len(services))


@dataclass(frozen=True)
class Undoing:
    """A later change that took an earlier one back, or went over it; both by their place among the candidates."""

    undone: int
    by: int
    how: Literal["rollback", "fix-forward"]


def undoings_of(changes: Sequence[Change]) -> tuple[Undoing, ...]:
    """What took back what: a rollback all that came since the version it names (without one, the latest release).

    A flag, a setting and a deploy are taken back by a rollback of the same service; a deploy that follows another one
    of its service goes over it, and may be its fix.
    """
    out: list[Undoing] = []
    order = sorted(range(len(changes)), key=lambda i: (changes[i].began_at, changes[i].id))
    for place, by in enumerate(order):
        later = changes[by]
        earlier = [i for i in order[:place] if _same_place(changes[i], later) and changes[i].kind != "rollback"]
        if later.kind == "rollback":
            kept = [k for k, i in enumerate(earlier) if later.version and changes[i].version == later.version]
            gone = earlier[kept[-1] + 1 :] if kept else earlier[-1:]
            out += [Undoing(i, by, "rollback") for i in gone if not _is_undone(out, i, by)]
        elif later.kind == "deploy":
            over = [i for i in earlier if changes[i].kind == "deploy"][-1:]
            out += [Undoing(i, by, "fix-forward") for i in over if not _is_undone(out, i, by)]
    return tuple(out)


def _same_place(a: Change, b: Change) -> bool:
    return a.service == b.service and a.environment == b.environment


def _is_undone(found: Sequence[Undoing], undone: int, by: int) -> bool:
    return any(each.undone == undone and each.by != by and each.how == "rollback" for each in found)
