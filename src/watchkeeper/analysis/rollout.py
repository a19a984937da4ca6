"""Old and new side by side: a difference of differences, and the share of the new against the symptom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from watchkeeper.analysis.release_series import Ints, Panel, Row, Stretch, Sums
from watchkeeper.analysis.robust import TO_SIGMA
from watchkeeper.analysis.series import Floats

SPILLS_OVER = 0.1
"""How often a guilty release harms those who did not get it as much: through a database or a queue that they share."""
STRIKES_ONE = 0.03
"""How often something else harms the new alone: a bad host among the new ones."""
INEXACT = 0.3
"""Of the effect: by how much a guilty release's difference may miss it, and an innocent's miss nothing by a third."""
LEAST_WEIGHT = 10.0
"""Requests that either side needs."""
GRADUAL = (0.05, 0.95)
"""A share between these, for so many steps, makes a roll-out gradual."""
GRADUAL_STEPS = 6
MOST_FOR_DOSE = 3.0
"""Log-odds that a dose-response speaks for or against a release at most: other things grow with time too."""


@dataclass(frozen=True)
class Arm:
    """A symptom's series among requests that met a release, and among those that did not: versions, canary and stable,
    regions, cohorts of a flag.
    """

    release: int
    """Place among the candidates."""
    series: int
    """Row of the panel whose figure it is."""
    treated: Row
    control: Row


@dataclass(frozen=True)
class Beside:
    """What the comparison side by side says, of shape (c, o); NaN where nothing ran side by side."""

    log_odds: Floats
    """For the release's guilt, 0 where nothing can be told."""
    difference: Floats
    """On the panel's scale: the treated's move less the control's."""
    error: Floats
    dose_log_odds: Floats
    """For it by dose and response, 0 where the roll-out was not gradual."""
    dose_slope: Floats
    """What the symptom gains from no to full roll-out, on the panel's scale."""


def beside(panel: Panel, arms: Sequence[Arm], series: Ints, onset: Floats, c: int, before_steps: int) -> Beside:
    """Compare sides for every release (c of them) and symptom (o,), given by its row and its onset in steps.

    The treated's move from before the onset to after it, less the control's (Card and Krueger, 1994); a version that is
    new has no past, and takes the control's. A guilty release makes its own side differ by the symptom's whole effect,
    an innocent one by nothing; either may be otherwise in a small part of all cases, which bounds what it can say.
    """
    out = [np.zeros((c, series.size)) for _ in range(5)]
    for k in (1, 2, 4):
        out[k][:] = np.nan
    if arms:
        treated, control = (
            Sums.of(Panel.of(panel.grid, rows)) for rows in ([a.treated for a in arms], [a.control for a in arms])
        )
        arm, at = np.nonzero(np.array([a.series for a in arms])[:, None] == series[None, :])
        release = np.array([a.release for a in arms])[arm]
        found = _difference(treated, control, arm, onset[at], before_steps)
        dose = _dose(panel, treated.panel, control.panel, arm, series[at], onset[at])
        for target, values in zip(out, (*found, *dose), strict=True):
            is_told = np.isfinite(values)
            target[release[is_told], at[is_told]] = values[is_told]
    return Beside(*out)


def _difference(treated: Sums, control: Sums, arm: Ints, onset: Floats, before: int) -> tuple[Floats, Floats, Floats]:
    """Log-odds, difference and its error of pairs of arm and onset, NaN where a side is too thin."""
    first, size = np.floor(onset).astype(np.int64), treated.panel.grid.size
    # Only steps in which both sides are seen count: else the difference would be one of times of day.
    shared = [_shared(sums, other) for sums, other in ((treated, control), (control, treated))]
    (t_before, t_after), (c_before, c_after) = (
        (sums.over(arm, first - before, first), sums.over(arm, first, np.full_like(first, size))) for sums in shared
    )
    own_past = control.over(arm, first - before, first)
    has_past = t_before.is_known & (t_before.weight >= LEAST_WEIGHT) & c_before.is_known
    past = Stretch(*(np.where(has_past, a, b) for a, b in _fields(t_before, own_past)))
    difference = t_after.mean - c_after.mean - np.where(has_past, t_before.mean - c_before.mean, 0.0)
    effect = t_after.mean - past.mean
    error = treated.error(arm, t_after, c_after)
    error = np.where(has_past, np.hypot(error, treated.error(arm, t_before, c_before)), error)
    enough = (t_after.weight >= LEAST_WEIGHT) & (c_after.weight >= LEAST_WEIGHT) & past.is_known
    enough &= t_after.is_known & c_after.is_known & (error > 0) & (np.abs(effect) > error)
    log_odds = _weighed(difference, effect, np.where(error > 0, error, 1.0))
    return tuple(np.where(enough, x, np.nan) for x in (log_odds, difference, error))  # type: ignore[return-value]


def _fields(a: Stretch, b: Stretch) -> tuple[tuple[Floats, Floats], ...]:
    return ((a.mean, b.mean), (a.weight, b.weight), (a.steps, b.steps))


def _shared(sums: Sums, other: Sums) -> Sums:
    panel = sums.panel
    weights = np.where(other.panel.weights > 0, panel.weights, 0.0)
    return Sums.of(Panel(panel.grid, panel.names, panel.services, panel.kinds, panel.values, weights, panel.worse))


def _weighed(difference: Floats, effect: Floats, error: Floats) -> Floats:
    """Log-likelihood ratio of "its own side has the whole effect" against "both sides have it"."""
    whole = stats.norm.pdf(difference, effect, np.hypot(error, INEXACT * effect)) + 1e-300
    nothing = stats.norm.pdf(difference, 0.0, np.hypot(error, INEXACT / 3 * effect)) + 1e-300
    guilty = (1 - SPILLS_OVER) * whole + SPILLS_OVER * nothing
    innocent = (1 - STRIKES_ONE) * nothing + STRIKES_ONE * whole
    return np.asarray(np.log(guilty / innocent), dtype=np.float64)


def _dose(
    panel: Panel, treated: Panel, control: Panel, arm: Ints, series: Ints, onset: Floats
) -> tuple[Floats, Floats]:
    """Log-odds and slope of the symptom against the share of the new, of pairs; NaN where it was not gradual.

    A straight line in the share against one step at the onset, both by weighted least squares; what they leave
    unexplained is compared as normal likelihoods, on as many values as the residuals' autocorrelation leaves.
    """
    all_requests = treated.weights + control.weights
    share = np.where(all_requests > 0, treated.weights / np.where(all_requests > 0, all_requests, 1.0), np.nan)
    between = ((share > GRADUAL[0]) & (share < GRADUAL[1])).sum(axis=1)
    levels = np.array([np.unique(np.round(row[np.isfinite(row)], 1)).size for row in share])
    is_gradual = (between >= GRADUAL_STEPS) & (levels >= 3)
    log_odds, slope = np.full(arm.size, np.nan), np.full(arm.size, np.nan)
    for pair in np.flatnonzero(is_gradual[arm]):
        s = series[pair]
        known = np.isfinite(share[arm[pair]]) & (panel.weights[s] > 0)
        y, w, dose = panel.values[s][known], panel.weights[s][known], share[arm[pair]][known]
        if y.size < 2 * GRADUAL_STEPS or np.ptp(dose) == 0:
            continue
        step = (np.flatnonzero(known) >= onset[pair]).astype(np.float64)
        by_dose, slope[pair] = _fit(y, w, dose)
        by_step, _ = _fit(y, w, step)
        number = y.size / max(_inflation(by_dose), _inflation(by_step))
        floor = 1e-9 * float(np.square(y).sum()) + 1e-12
        ratio = np.log((_sum_of_squares(by_step, w) + floor) / (_sum_of_squares(by_dose, w) + floor))
        is_worse = panel.worse[s] * slope[pair] > 0
        log_odds[pair] = np.clip(number / 2 * ratio if is_worse else -MOST_FOR_DOSE, -MOST_FOR_DOSE, MOST_FOR_DOSE)
    return log_odds, slope


def _fit(y: Floats, w: Floats, x: Floats) -> tuple[Floats, float]:
    """What a weighted straight line leaves, and its slope."""
    x_mean, y_mean = float(np.average(x, weights=w)), float(np.average(y, weights=w))
    across = float((w * (x - x_mean) ** 2).sum())
    slope = float((w * (x - x_mean) * (y - y_mean)).sum()) / across if across > 0 else 0.0
    return y - y_mean - slope * (x - x_mean), slope


def _sum_of_squares(left: Floats, w: Floats) -> float:
    """Of values drawn in to four robust spreads, so that a few wild steps do not decide."""
    spread = float(np.median(np.abs(left))) * TO_SIGMA
    drawn = np.clip(left, -4 * spread, 4 * spread) if spread > 0 else left
    return float((w / w.mean() * drawn**2).sum())


def _inflation(left: Floats) -> float:
    total = float(np.dot(left, left))
    alike = float(np.dot(left[1:], left[:-1])) / total if total > 0 else 0.0
    return float(np.clip((1 + alike) / (1 - alike), 1.0, 19.0)) if alike < 1 else 19.0
