"""Which events, and which orders of events, visits show more or less often than they did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.spans import Ints
from watchkeeper.analysis.visit_shares import (
    FAINT,
    FEW,
    NEW_WARNING,
    Shares,
    change_in_share,
    least_change,
    likelihood_ratio,
    sober,
)
from watchkeeper.analysis.visits import Visits

BRANCH = 0.5
"""By how much a change counts less where either branch was as common as the other."""
APPEARING, CALMER = 0.5, 0.25
"""What a new step that is no warning weighs, and what a warning weighs that came more often before."""


@dataclass(frozen=True)
class Patterns:
    """What visits show: an event at all (`after` is -1), or right after another one; each once a visit, shape (q,).

    `visit` and `pattern` go together; `event`, `after` and `begin` describe each pattern, shape (p,).
    """

    visit: Ints
    pattern: Ints
    event: Ints
    after: Ints
    begin: Ints


def patterns_of(visits: Visits, *, has_order: bool = True) -> Patterns:
    """Every pattern that any visit shows; without order, only which events there are at all."""
    size = len(visits.events)
    follows = np.flatnonzero((visits.visit[1:] == visits.visit[:-1]) & has_order) + 1
    visit = np.concatenate([visits.visit, visits.visit[follows]])
    after = np.concatenate([np.full(visits.event.size, -1), visits.event[follows - 1]])
    event = np.concatenate([visits.event, visits.event[follows]])
    kinds, pattern = np.unique((after + 1) * size + event, return_inverse=True)
    shown = np.unique(visit * kinds.size + pattern)
    begin_of = np.zeros(size, dtype=np.int64)
    begin_of[visits.event] = visits.begin[visits.visit]
    return Patterns(
        visit=shown // kinds.size,
        pattern=shown % kinds.size,
        event=kinds % size,
        after=kinds // size - 1,
        begin=begin_of[kinds % size],
    )


def shares(visits: Visits, patterns: Patterns, before: NDArray[np.bool_], now: NDArray[np.bool_]) -> Shares:
    """Counts of the patterns in two sets of visits.

    An event could come in each visit of its operation, one after another in each visit that shows the other.
    """
    return Shares(*_counts(visits, patterns, before), *_counts(visits, patterns, now))


def _counts(visits: Visits, patterns: Patterns, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    kept = chosen[patterns.visit]
    shown = np.bincount(patterns.pattern[kept], minlength=patterns.event.size).astype(np.float64)
    alone = np.zeros(len(visits.events))
    present = patterns.after < 0
    alone[patterns.event[present]] = shown[present]
    return shown, alone[np.where(present, patterns.begin, patterns.after)]


@dataclass(frozen=True)
class Changes:
    """How much each pattern changed, shape (p,)."""

    shares: Shares
    """Against all pasts together."""
    score: Floats
    """Likelihood ratio times change in share; 0 where there was too little to compare."""


def changes(visits: Visits, patterns: Patterns, pasts: Sequence[NDArray[np.bool_]], now: NDArray[np.bool_]) -> Changes:
    """Compare the present with several pasts, such as a minute known to be good and the minutes just before.

    The likelihood ratio against all pasts says how sure a change is. The change in share says how much it matters:
    visits are not independent of each other, and with many of them everything is significant. It is taken from the past
    that is most like the present: what differs from one past only is drift.
    """
    # What a caller does after a call that failed is no change of its own.
    pasts, now = [past & ~visits.is_excused for past in pasts], now & ~visits.is_excused
    counts = shares(visits, patterns, np.logical_or.reduce(pasts), now)
    matters = least_change(counts, [shares(visits, patterns, past, now) for past in pasts])
    warns = np.array([e.is_warning for e in visits.events], dtype=bool)[patterns.event]
    score = np.where(warns & (counts.before == 0) & (counts.now > 0), NEW_WARNING, 1.0) * matters
    score *= likelihood_ratio(sober(counts)) * _steadiness(counts) * _direction(visits, patterns, counts)
    score = np.where((counts.before_of >= FEW) & (counts.now_of >= 1), score, 0.0)
    asked = np.flatnonzero(score >= FAINT)
    score[asked] *= _unexplained(visits, patterns, np.logical_or.reduce(pasts), now, asked, counts)
    return Changes(counts, score)


def _direction(visits: Visits, patterns: Patterns, counts: Shares) -> Floats:
    """Faults leave things out, end visits early, and warn; new steps and fewer warnings are rather a way out of one."""
    warns = np.array([e.is_warning for e in visits.events], dtype=bool)
    ends = np.array([e.kind == "end" for e in visits.events], dtype=bool)[patterns.event]
    warned = warns[patterns.event] | ((patterns.after >= 0) & warns[patterns.after])
    rises = change_in_share(counts) > 0
    out: Floats = np.where(rises, np.where(warned | ends, 1.0, APPEARING), np.where(warned, CALMER, 1.0))
    return out


def _unexplained(
    visits: Visits,
    patterns: Patterns,
    before: NDArray[np.bool_],
    now: NDArray[np.bool_],
    asked: Ints,
    counts: Shares,
) -> Floats:
    """Which part of each change is left when callers call for the same reasons as before, shape of `asked`.

    What a service does depends on what it is asked. The past is made up from visits by what the caller had done
    before it called, in the proportions of the present (direct standardisation).
    """
    if asked.size == 0:
        return np.ones(0)
    order = np.argsort(patterns.pattern, kind="stable")
    bounds = np.searchsorted(patterns.pattern[order], np.arange(patterns.event.size + 1))
    alone = {int(e): int(p) for p, e in enumerate(patterns.event) if patterns.after[p] < 0}
    change = change_in_share(counts)
    contexts = np.unique(visits.context, return_inverse=True)[1]
    size = int(contexts.max()) + 1
    out = np.ones(asked.size)
    for i, pattern in enumerate(asked.tolist()):
        after = int(patterns.after[pattern])
        chance = alone[after if after >= 0 else int(patterns.begin[pattern])]
        could = patterns.visit[order[bounds[chance] : bounds[chance + 1]]]
        did = patterns.visit[order[bounds[pattern] : bounds[pattern + 1]]]
        share = (counts.before[pattern] + 0.5) / (counts.before_of[pattern] + 1)
        past_of = np.bincount(contexts[could[before[could]]], minlength=size)
        past = np.bincount(contexts[did[before[did]]], minlength=size)
        today = np.bincount(contexts[could[now[could]]], minlength=size)
        made_up = float((today * (past + share) / (past_of + 1)).sum() / today.sum())
        left = change[pattern] - (made_up - share)
        out[i] = np.clip(left / change[pattern], 0.0, 1.0)
    return out


def _steadiness(counts: Shares) -> Floats:
    """1 for what always or never came, less for branches that are taken at times: those may just be commoner now."""
    share = (counts.before + 0.5) / (counts.before_of + 1)
    out: Floats = 1 - BRANCH * 4 * share * (1 - share)
    return out
