"""What changed visits say about each candidate, as dimensionless figures that are explainable in words.

They are what a fusion of several ways to look weighs: how much is said compared with what the same look says when all
is well, how far ahead of others, by how many signals, and whether from the same moment on.
"""

from collections.abc import Sequence

import numpy as np

from watchkeeper.analysis.visit_findings import KINDS, Blamed, Signal
from watchkeeper.analysis.visit_shares import FAINT

UNKNOWN_QUIET = 2.0
"""What a signal is taken to say in quiet minutes where there are none to look at: something, but not much."""

WORDS: dict[str, str] = {
    "visits.behaviour": "how much more than in quiet minutes its requests do other things than they did",
    "visits.unanswered": "how much more than in quiet minutes calls to it get no answer",
    "visits.delay": "how much more than in quiet minutes time is lost on the way to it",
    "visits.own_time": "how much more than in quiet minutes its own code takes longer",
    "visits.outside": "how much more than in quiet minutes it waits for what is not instrumented",
    "visits.cpu": "how much more than in quiet minutes it uses the processor",
    "visits.score": "how much all signals say against it together",
    "visits.lead": "how much more speaks against it than against whoever else most speaks against",
    "visits.share": "its part of all that speaks against anybody",
    "visits.signals": "how many signals independently speak against it",
    "visits.agreement": "the part of all that changed that changed when it did",
}
"""Every feature, in words."""


def features(ranked: Sequence[Blamed]) -> dict[str, dict[str, float]]:
    """The features of each component (by names as in `WORDS`) that anything speaks against; all finite.

    Scores are logarithms of ratios: 0 means no more than usual, 1 nearly three times as much. A component that is not
    among the keys has 0 in all of them, and a lead of -ln(1 + the best score).
    """
    return {each.component: _of(each, ranked) for each in ranked}


def _of(each: Blamed, ranked: Sequence[Blamed]) -> dict[str, float]:
    best_other = max((other.score for other in ranked if other.component != each.component), default=0.0)
    beyond = {f"visits.{signal.replace(' ', '_')}": _beyond_quiet(each, signal) for signal in KINDS}
    return beyond | {
        "visits.score": float(np.log1p(each.score)),
        "visits.lead": float(np.log1p(each.score) - np.log1p(best_other)),
        "visits.share": each.share,
        "visits.signals": float(sum(says >= 2 * FAINT for says in each.parts.values())),
        "visits.agreement": each.agreement,
    }


def _beyond_quiet(each: Blamed, signal: Signal) -> float:
    """The logarithm of what a signal says over the most that it says when all is well; not below 0."""
    says, quiet = each.parts.get(signal, 0.0), each.quiet.get(signal, UNKNOWN_QUIET)
    return max(0.0, float(np.log1p(says) - np.log1p(quiet)))
