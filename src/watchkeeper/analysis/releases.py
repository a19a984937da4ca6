"""Which release did it, or none: every release on trial for every symptom, against placebo releases."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from watchkeeper.analysis.placebo import LEAST, ErrorRate, Placebos, placebos_of
from watchkeeper.analysis.release_candidates import Candidates, Undoing
from watchkeeper.analysis.release_effects import Maxima, Moves, Windows, moves_of
from watchkeeper.analysis.release_onsets import Onsets
from watchkeeper.analysis.release_series import Bools, Ints, Panel, Sums
from watchkeeper.analysis.release_timing import Lags, densities
from watchkeeper.analysis.release_undoing import Undone, undone
from watchkeeper.analysis.rollout import Arm, Beside, beside
from watchkeeper.analysis.series import Floats, Grid

MOMENTS = 200
"""Random times that a symptom is put to at most."""
RESOLUTION, INSIDE = 0.7, 0.25
"""Steps: a clear onset lies anywhere in the first step that is worse, a faint one half a step to either side of its
begin; together that is a quarter in, and seven tenths are half a 90 % interval."""
PLACES = 400
"""Random moments that serve as placebos at most."""
KEPT = 0.25
"""Of them, that must lie apart from the releases on trial: else all count, which errs on the side of no effect."""
NEAR = 0.1
"""The least reach at which a release may be said to have moved a series."""
BREADTH_MOST = 2.0
"""Log-odds that the pattern over what a release touched says at most."""


@dataclass(frozen=True)
class Rules:
    """How the test judges; shares of 1."""

    windows: Windows = field(default_factory=Windows)
    lags: Lags = field(default_factory=Lags)
    caused_by_releases: float = 0.6
    """Share of symptoms that some release on record causes, beforehand: changes begin some 70 % of outages (Beyer et
    al., Site Reliability Engineering, 2016, chapter 1), and not all changes are on record."""
    sure: float = 0.5
    """The least probability at which blaming pays: right +1, wrong -1."""
    significance: float = 0.05
    """Share of placebos that may be blamed."""
    material_share: float = 0.01
    material_ratio: float = 1.1
    """What a share must gain, or a level or count, to be an effect at all."""


@dataclass(frozen=True)
class Case:
    """What the test is given: series, releases, onsets, and what is known of how they hang together."""

    panel: Panel
    candidates: Candidates
    onsets: Onsets
    reach: Floats
    """Shape (c, m), from `reach_of`."""
    arms: Sequence[Arm] = ()
    undoings: Sequence[Undoing] = ()
    awaited: Floats | None = None
    """Shape (c, k): seconds since the epoch at which a release's harm may have waited to begin, NaN where unknown."""
    record_seconds: float | None = None
    """How long changes have been on record; None: from the first of them, or of the series, on."""


@dataclass(frozen=True)
class Weighing:
    """What speaks for each release's guilt of each symptom, as log-odds that add up; each of shape (c, o)."""

    timing: Floats
    """Its time against the onset, beside how often releases come."""
    reach: Floats
    beside: Floats
    dose: Floats
    undone: Floats
    breadth: Floats

    @cached_property
    def total(self) -> Floats:
        """Their sum."""
        return self.timing + self.reach + self.beside + self.dose + self.undone + self.breadth


@dataclass(frozen=True)
class Tried:
    """What the test found, c releases by o symptoms; `release_verdicts` puts it into verdicts."""

    case: Case
    rules: Rules
    moves: Moves
    weighing: Weighing
    probability: Floats
    """Shape (c, o): that the release caused the symptom; with `none` they make 1."""
    none: Floats
    """Shape (o,)."""
    threshold: Floats
    """Shape (o,): the least probability that is blamed, so that placebos rarely are."""
    score: Floats
    """Shape (c, o): how clearly the series moved where the release can have moved it, in standard errors."""
    p_value: Floats
    """Shape (c, o): of that score among placebos."""
    is_by_placebos: Bools
    """Shape (c, o): whether there were placebos enough for it."""
    prompt_score: Floats
    """Shape (c, m): the same for every series, right after the release."""
    effect_threshold: float
    """From here on a prompt score is an effect, by the largest of all series at placebos; infinite where unknown."""
    blamed_by_chance: tuple[ErrorRate, ...]
    """By symptom: of such symptoms put to random times of the record, how many would be blamed on a release."""
    effects_by_chance: ErrorRate
    """Of harmless releases, or random times, how many would be said to have had an effect."""
    placebos: Placebos
    sides: Beside
    taken_back: Undone
    settle_steps: int
    """How long after a release's end a prompt effect shows."""

    @cached_property
    def has_effect(self) -> Bools:
        """Which releases moved which series right away, whether or not that is the symptom; shape (c, m)."""
        return np.asarray(self.prompt_score >= self.effect_threshold, dtype=bool)

    @cached_property
    def side_effects(self) -> Floats:
        """Shape (c,): the clearest effect of each release on a series that it reaches; -inf where it has none.

        Not of a release with an onset of any symptom right after it: what moved then may be that.
        """
        case, grid = self.case, self.case.panel.grid
        began, ended = (steps_since(grid, x)[:, None] for x in (case.candidates.began, case.candidates.ended))
        step, slack = case.onsets.step[None, :], case.onsets.uncertainty[None, :] + 1
        is_mixed = ((step + slack >= began) & (step - slack <= ended + self.settle_steps)).any(axis=1)
        clearest = np.where(self.has_effect & (case.reach >= NEAR), self.prompt_score, -np.inf)
        return np.where(is_mixed, -np.inf, clearest.max(axis=1, initial=-np.inf))


def try_releases(case: Case, chance: np.random.Generator, rules: Rules = Rules()) -> Tried:
    """Put every release on trial for every symptom.

    A release is as probable as its time fits the onset, against how often a release comes by chance; times what it
    reaches, what old and new say side by side, dose and response, what taking it back did, and which of the components
    that it touched show the symptom. What it needs besides is an effect: the series must have moved where the release
    can have moved it, by more than at placebo releases. `chance` draws the random moments.
    """
    panel, candidates, onsets = case.panel, case.candidates, case.onsets
    grid = panel.grid
    sums, calm = Sums.of(panel), _calm_until(onsets, len(panel.names), grid.size)
    before, after = rules.windows.steps(grid.step_seconds)
    moves = moves_of(sums, rules.windows, calm)
    maxima = Maxima.of(_material(moves, rules))
    settle = 1 + int(np.ceil(rules.lags.soon_seconds / grid.step_seconds))
    began, ended = (steps_since(grid, x) for x in (candidates.began, candidates.ended))
    width = settle + int(np.median(np.ceil(ended) - np.floor(began))) if began.size else settle
    harmless = np.floor(began[candidates.is_harmless]).astype(np.int64) - 1
    places = np.unique((chance.random(PLACES) * grid.size).astype(np.int64))
    places = _elsewhere(places, began[~candidates.is_harmless] - after - width, ended[~candidates.is_harmless] + settle)
    placebos = placebos_of(moves, maxima, calm, after, width, harmless, places)
    prompt_score = _prompt(maxima, began, ended, settle)
    effect_threshold = placebos.threshold(rules.significance)
    score, levels = _where_it_can_have(maxima, began, ended, onsets, settle)
    p_value, is_told = placebos.p_values(panel.kinds, onsets.series, levels, score)
    sides = beside(panel, case.arms, onsets.series, onsets.step, began.size, before)
    taken_back = undone(sums, candidates, case.undoings, onsets.series, onsets.step, (before, after), moves.wildness)
    weighing = Weighing(
        timing=_timing(case, rules),
        reach=np.log(np.maximum(case.reach[:, onsets.series], 1e-6)),
        beside=sides.log_odds,
        dose=sides.dose_log_odds,
        undone=taken_back.log_odds,
        breadth=_breadth(case, prompt_score, effect_threshold),
    )
    probability, none = _probabilities(weighing.total)
    blamed, threshold = _by_chance(case, rules, chance)
    return Tried(
        case, rules, moves, weighing, probability, none, threshold, score, p_value, is_told, prompt_score,
        effect_threshold, blamed, placebos.effects_by_chance(rules.significance), placebos, sides, taken_back,
        settle,
    )  # fmt: skip


def steps_since(grid: Grid, seconds: Floats) -> Floats:
    """Seconds since the epoch as steps since the grid's start."""
    return np.asarray((seconds - grid.start.timestamp()) / grid.step_seconds, dtype=np.float64)


def _elsewhere(places: Ints, low: Floats, high: Floats) -> Ints:
    """Places in none of the stretches, as a release that is on trial is no placebo; all of them where few are left."""
    inside = (places[:, None] > low[None, :]) & (places[:, None] < high[None, :])
    left = places[~inside.any(axis=1)]
    return left if left.size >= KEPT * places.size else places


def _calm_until(onsets: Onsets, series: int, size: int) -> Ints:
    """The first step of each series' trouble; of a series that is no symptom, the first of any."""
    begins = np.floor(onsets.step - onsets.uncertainty).astype(np.int64)
    out = np.full(series, int(begins.min(initial=size)), dtype=np.int64)
    own = np.full(series, size, dtype=np.int64)
    np.minimum.at(own, onsets.series, begins)
    has_own = np.isin(np.arange(series), onsets.series)
    return np.clip(np.where(has_own, own, out), 0, size)


def _material(moves: Moves, rules: Rules) -> Floats:
    """Scores, at most 0 where the move is too small for anybody to care."""
    kinds = moves.panel.kinds
    least = {
        "share": rules.material_share,
        "level": np.log(rules.material_ratio),
        # Twice the root of a count that grew by the ratio, at the level before.
        "count": np.nan,
    }
    needed = np.array([least[kind] for kind in kinds])[:, None]
    of_count = (np.sqrt(rules.material_ratio) - 1) * np.abs(moves.before)
    is_small = np.abs(moves.size) < np.where(np.isnan(needed), of_count, needed)
    return np.where(is_small, np.minimum(moves.score, 0.0), moves.score)


def _prompt(maxima: Maxima, began: Floats, ended: Floats, settle: int) -> Floats:
    low = np.floor(began).astype(np.int64)[:, None] - 1
    high = np.ceil(ended).astype(np.int64)[:, None] + settle
    rows = np.arange(maxima.levels[0].shape[0])[None, :]
    return maxima.over(rows, low, high)[0]


def _where_it_can_have(
    maxima: Maxima, began: Floats, ended: Floats, onsets: Onsets, settle: int
) -> tuple[Floats, Ints]:
    """The clearest move of each symptom from a release's begin to its prompt effect, or to the onset if that is later.

    A late onset is searched for over a longer stretch, and so are the placebos that it is compared with.
    """
    low = np.floor(began).astype(np.int64)[:, None] - 1
    latest = np.ceil(onsets.step + onsets.uncertainty).astype(np.int64)[None, :] + 1
    high = np.maximum(np.ceil(ended).astype(np.int64)[:, None] + settle, latest)
    return maxima.over(onsets.series[None, :], low, high)


def _timing(case: Case, rules: Rules) -> Floats:
    """Log-odds of timing: an onset's density under each release, per release that comes by chance."""
    grid, onsets, candidates = case.panel.grid, case.onsets, case.candidates
    at = grid.start.timestamp() + (onsets.step + INSIDE) * grid.step_seconds
    uncertainty = _uncertainty(onsets.uncertainty, grid)
    density = densities(candidates.began, candidates.ended, at, uncertainty, rules.lags, case.awaited)
    return np.asarray(np.log(_odds(density, case, rules) + 1e-12), dtype=np.float64)


def _uncertainty(steps: Floats, grid: Grid) -> Floats:
    """Half a 90 % interval of onsets in seconds: their own and the grid's, as an onset lies anywhere in its step."""
    return np.asarray(np.hypot(steps, RESOLUTION) * grid.step_seconds, dtype=np.float64)


def _odds(density: Floats, case: Case, rules: Rules, series: Ints | None = None) -> Floats:
    """Densities (c, k) as odds against no release, before reach: divided by the rate at which releases come that reach
    the series (k,), one more than were seen.
    """
    chosen = case.onsets.series if series is None else series
    rate = (case.reach[:, chosen].sum(axis=0) + 1.0) / _record(case)[1]
    share = rules.caused_by_releases
    return np.asarray(density / rate[None, :] * share / (1 - share), dtype=np.float64)


def _record(case: Case) -> tuple[float, float]:
    """Where the record of changes begins, and how long it is, in seconds."""
    start = case.panel.grid.start.timestamp()
    end = start + case.panel.grid.size * case.panel.grid.step_seconds
    if case.record_seconds is not None:
        return end - case.record_seconds, case.record_seconds
    begin = min(start, float(case.candidates.began.min(initial=start)))
    return begin, max(end - begin, 1.0)


def _probabilities(log_odds: Floats) -> tuple[Floats, Floats]:
    """Of releases (c, o) and of none (o,)."""
    top = np.maximum(log_odds.max(axis=0, initial=0.0), 0.0)
    weights, none = np.exp(log_odds - top), np.exp(-top)
    total = weights.sum(axis=0) + none
    return weights / total, none / total


def _by_chance(case: Case, rules: Rules, chance: np.random.Generator) -> tuple[tuple[ErrorRate, ...], Floats]:
    """Each symptom put to random times of the record, by its time and reach alone: how often a release would be blamed,
    and the probability from which on that is rare; as many times as do not overlap.
    """
    onsets, candidates = case.onsets, case.candidates
    if onsets.series.size == 0:
        return (), np.empty(0)
    begin, length = _record(case)
    uncertainty = float(_uncertainty(np.median(onsets.uncertainty, keepdims=True), case.panel.grid)[0])
    number = int(np.clip(length / (2 * (rules.lags.prompt_seconds + uncertainty)), 1, MOMENTS))
    at = begin + (np.arange(number) + chance.random(number)) / number * length
    density = densities(candidates.began, candidates.ended, at, np.full(number, uncertainty), rules.lags, case.awaited)
    reaches, same = np.unique(case.reach[:, onsets.series], axis=1, return_inverse=True)
    first = np.array([int(np.flatnonzero(same == k)[0]) for k in range(reaches.shape[1])], dtype=np.int64)
    rates, thresholds = [], np.full(reaches.shape[1], rules.sure)
    for k, reach in enumerate(reaches.T):
        weights = _odds(density, case, rules, np.full(number, onsets.series[first[k]])) * reach[:, None]
        likeliest = weights.max(axis=0, initial=0.0) / (1.0 + weights.sum(axis=0))
        allowed = int(rules.significance * (number + 1)) - 1
        if number >= LEAST and allowed >= 0:
            thresholds[k] = max(rules.sure, float(np.sort(likeliest)[number - 1 - allowed]))
        rates.append(ErrorRate(int((likeliest > thresholds[k]).sum()), number))
    return tuple(rates[int(k)] for k in same.ravel()), thresholds[same.ravel()]


def _breadth(case: Case, prompt: Floats, threshold: float) -> Floats:
    """Log-odds by which of the components that a release touched moved with it, against those that it did not touch.

    Only of releases that touch several: a shared library moves all that use it, and a service of its own one. Log of
    the ratio of both shares, each smoothed by half a component.
    """
    out = np.zeros((case.candidates.began.size, case.onsets.series.size))
    if not np.isfinite(threshold):
        return out
    names = sorted(set(case.panel.services))
    member = np.array([[service == name for service in case.panel.services] for name in names])
    for c, touched in enumerate(case.candidates.touches):
        if len(touched & set(names)) < 2:
            continue
        moved = (member & (prompt[c] >= threshold)[None, :]).any(axis=1)
        mine = np.array([name in touched for name in names])
        inside = (moved[mine].sum() + 0.5) / (mine.sum() + 1.0)
        outside = (moved[~mine].sum() + 0.5) / ((~mine).sum() + 1.0)
        out[c] = float(np.clip(np.log(inside / outside), -BREADTH_MOST, BREADTH_MOST))
    return out
