"""What speaks for and against each component that excess work leads to, as numbers without unit.

One place computes them, so that whoever weighs them (a fitted model, a rule) and whoever tells them read the same.
"""

from dataclasses import dataclass

import numpy as np

from watchkeeper.analysis.bases import began_at
from watchkeeper.analysis.calm import CalmBlame
from watchkeeper.analysis.flow import Edge, Share
from watchkeeper.analysis.series import Floats

PLAIN = 10.0
"""Spreads beyond which a rise is as plain as can be."""
MOST_STEPS = 3.0
"""Steps beyond which earlier or later tells no more."""
FEW = 1e-9
"""What stands for nothing in a ratio."""
RIVAL = 0.5
"""The part of the target's excess from which another component is a rival."""
NOTHING = Share(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class BlameTraits:
    """One candidate for the cause of a target's trouble; shares lie between 0 and 1."""

    share: float
    """How much of the blame: the mean of `own` and `dominance`."""
    flow: float
    """How much of the target's trouble comes from it or from what it calls."""
    own: float
    """How much none of its callees explains."""
    dominance: float
    """How much no single callee outdoes."""
    share_at_alarm: float
    """The same share when only the steps around the alarm are looked at."""
    likeness: float
    """How alike its excess and the target's run over the steps (cosine)."""
    coverage: float
    """How much of the target's excess its own would make up, step by step; of the target, what none of its callees
    explains."""
    clearness: float
    """How clearly its own figures rose, by spreads of noise: ten are half clear."""
    surely_called: float
    """How sure the calls are that lead there: 1 where they are declared, less for each that was inferred."""
    lead_steps: float
    """How many steps earlier than the target's its excess began, within ± 3."""
    rise: float
    """What its requests cost now over what they cost in calm steps, as a natural logarithm; of failures the gain of
    their share."""
    surge: float
    """Its requests a step now over those of calm steps, as a natural logarithm within ± 3; negative where they fell."""
    margin: float
    """Its share less the largest share of any other."""
    rivals: float
    """How many others have at least half as much excess as the target, as log(1 + n)."""
    plainness: float
    """By how many spreads of noise the target itself rose, of ten."""
    steps: float
    """How many steps show the trouble, as log(1 + n)."""
    has_calm: float
    """1 where the window has calm steps of its own, 0 where it is compared with another time alone."""


def traits_of(blame: CalmBlame) -> dict[str, BlameTraits]:
    """The traits of every component with excess or blame, the most blamed first; no call may lead to the last ones."""
    rows = {row["component"]: row for row in blame.rows.to_pylist()}
    wanted = blame.excess[blame.target]
    rivals = sum(float(x.sum()) >= RIVAL * float(wanted.sum()) for n, x in blame.excess.items() if n != blame.target)
    sure = _surely_called(blame)
    shares = {name: blame.flow.shares.get(name, NOTHING) for name in rows}
    return {
        name: BlameTraits(
            share=shares[name].score,
            flow=shares[name].flow,
            own=shares[name].own,
            dominance=shares[name].dominance,
            share_at_alarm=_known(rows[name]["share_at_alarm"]),
            likeness=_cosine(blame.excess[name], wanted),
            coverage=shares[name].own if name == blame.target else _coverage(blame.excess[name], wanted),
            clearness=1.0 - PLAIN / (PLAIN + blame.rises[name]),
            surely_called=sure.get(name, 0.0),
            lead_steps=_lead(blame.unweighted[name], blame.unweighted[blame.target]),
            rise=_rise(blame, rows[name]["per_request_before"], rows[name]["per_request"]),
            surge=_ratio(rows[name]["requests_a_step_before"], rows[name]["requests_a_step"]),
            margin=shares[name].score - max((shares[n].score for n in rows if n != name), default=0.0),
            rivals=float(np.log1p(rivals)),
            plainness=min(blame.steps.rise, PLAIN) / PLAIN,
            steps=float(np.log1p((wanted > 0).sum())),
            has_calm=float(blame.steps.calm.any()),
        )
        for name in rows
    }


def _coverage(one: Floats, wanted: Floats) -> float:
    return float(np.minimum(one, wanted).sum() / wanted.sum())


def _surely_called(blame: CalmBlame) -> dict[str, float]:
    """For each component how sure the surest way from the target to it is; calls lead away from the target."""
    inferred = blame.flow.inferred
    found = {blame.target: 1.0}
    calls: set[Edge] = {*blame.calls, *inferred}
    while True:
        better = {
            callee: found[caller] * inferred.get((caller, callee), 1.0)
            for caller, callee in sorted(calls)
            if caller in found and found[caller] * inferred.get((caller, callee), 1.0) > found.get(callee, 0.0)
        }
        if not better:
            return found
        found.update(better)


def _cosine(one: Floats, other: Floats) -> float:
    sizes = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / sizes if sizes > 0 else 0.0


def _lead(one: Floats, other: Floats) -> float:
    """Steps; 0 where either shows nothing."""
    if not one.any() or not other.any():
        return 0.0
    lead = float(began_at(other) - began_at(one))
    return float(np.clip(lead, -MOST_STEPS, MOST_STEPS))


def _rise(blame: CalmBlame, before: float | None, now: float | None) -> float:
    if before is None or now is None:
        return 0.0
    return now - before if blame.unit == "failures" else _ratio(before, now)


def _ratio(before: float | None, now: float | None) -> float:
    if before is None or now is None:
        return 0.0
    return float(np.clip(np.log(max(now, FEW) / max(before, FEW)), -MOST_STEPS, MOST_STEPS))


def _known(value: float | None) -> float:
    return 0.0 if value is None else value
