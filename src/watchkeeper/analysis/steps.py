"""Which steps of a window are calm and which belong to an incident, told by the symptom of one component."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from watchkeeper.analysis.bases import Mask, Unit, badness, excess_steps, rise_steps
from watchkeeper.analysis.series import Floats, Grid, Red

CALM_SHARE = 1 / 3
"""Steps in the lowest third of the symptom's range are calm."""
NOTICED = 3.0
"""Spreads that the symptom must rise around the alarm, for the alarm to tell where to look."""
CLOSE_SECONDS = 300.0
"""What is around the alarm (or one step, where steps are longer)."""
FADE = 0.7
"""What each further such stretch takes off a step's weight: trouble far from the alarm may be another one."""
LIKE = 2.0
"""By what power the likeness (cosine) of whom a step hit counts: squared, it is the share that the steps have in
common."""


@dataclass(frozen=True)
class Steps:
    """Which steps are calm, and how much each of the others counts, from 0 to 1; shape (n,)."""

    calm: Mask
    weights: Floats
    near: Mask
    """Those around the alarm."""
    rise: float
    """By how many spreads of noise the symptom rose, around the alarm if it was noticed there, else anywhere."""


def steps_of_trouble(
    red: Red, usual: Red | None, unit: Unit, grid: Grid, at: float, *, drift: float = float("inf")
) -> Steps:
    """Calm steps and the weights of the others, judged by the target's own symptom.

    Around the alarm the symptom must have risen beyond noise, then its height there sets the scale, and no step counts
    for more than those: else a later, larger trouble would pass for the cause of this alarm. Where even the best step
    is far worse than quiet times, beyond the drift (a share) between then and now, no step is calm.
    """
    bad = badness(red, unit)
    known, away = np.isfinite(bad), distances(grid, at)
    near, nothing = known & (away <= 1), np.zeros(bad.size, dtype=np.bool_)
    if not known.any():
        return Steps(known, np.zeros(bad.size), near, 0.0)
    fading = np.where(known, FADE**away, 0.0)
    if usual is not None and np.isfinite(badness(usual, unit)).any():
        above = rise_steps(red, usual, unit, nothing, drift)
        if (above[known] > NOTICED).all():
            return Steps(nothing, fading, near, float(above.max()))
    low, high = float(bad[known].min()), float(bad[known].max())
    calm = _calm(bad, low, float(bad[near].max()) if near.any() else low)
    rise = float(rise_steps(red, usual, unit, calm)[near].max(initial=0.0))
    if rise <= NOTICED:
        calm = _calm(bad, low, high)
        rise = float(rise_steps(red, usual, unit, calm)[known].max())
        return Steps(calm, np.where(calm, 0.0, fading), near, rise)
    excess = excess_steps(red, usual, unit, calm)[0]
    fading *= np.minimum(1.0, float(excess[near].max()) / np.maximum(excess, 1e-12))
    return Steps(calm, np.where(calm, 0.0, fading), near, rise)


def of_one_kind(steps: Steps, excess: Mapping[str, Floats], target: str) -> Steps:
    """The same, where steps that hit others than those around the alarm did count for less.

    Compared is who suffers how much beside the target, which suffers whatever the cause.
    """
    near = steps.near & (steps.weights > 0) & (excess[target] > 0)
    others = np.array([excess[name] for name in sorted(excess) if name != target]).reshape(-1, near.size)
    then = (others[:, near] * steps.weights[near]).sum(axis=1)
    if not near.any() or not then.any():
        return steps
    sizes = np.linalg.norm(others, axis=0) * np.linalg.norm(then)
    alike = np.divide(then @ others, sizes, out=np.zeros(near.size), where=sizes > 0)
    return Steps(steps.calm, np.where(near, 1.0, alike**LIKE) * steps.weights, steps.near, steps.rise)


def distances(grid: Grid, at: float) -> Floats:
    """How far each step lies from the alarm, in stretches that count as around it; 0 for the step that holds it."""
    begin = np.arange(grid.size, dtype=np.float64)
    gap = np.maximum(0.0, np.maximum(begin - at, at - (begin + 1)))
    return gap * grid.step_seconds / max(CLOSE_SECONDS, grid.step_seconds)


def _calm(bad: Floats, low: float, high: float) -> Mask:
    return np.isfinite(bad) & (bad <= low + CALM_SHARE * (high - low))
