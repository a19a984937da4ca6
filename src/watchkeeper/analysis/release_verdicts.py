"""What the release test says of a symptom: caused by a release, another's effect, none, or open and what would tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from watchkeeper.analysis.effects import Z
from watchkeeper.analysis.placebo import ErrorRate
from watchkeeper.analysis.release_series import Bools
from watchkeeper.analysis.releases import NEAR, Tried, steps_since
from watchkeeper.domain import Change

Status = Literal["caused", "other-effect", "not-release-related", "undetermined"]
Need = Literal["apart", "undo", "wait", "history", "onset", "graph"]

WOULD_SETTLE: dict[Need, str] = {
    "apart": "several releases fit alike: take back one of them, or compare their old and new versions side by side",
    "undo": "it began long after the release: taking that back, or old and new side by side, would tell",
    "wait": "what moved is not yet clear of its noise: more requests or minutes would tell",
    "history": "there is too little quiet past to compare with: longer telemetry before it would tell",
    "onset": "when it began is not known well enough: finer telemetry around its begin would tell",
    "graph": "no known call connects the release with the symptom: traces or a declared call graph would tell",
}
"""What each need says to a person."""

WORTH_NAMING = 0.1
"""The least probability of a release that an open verdict names."""
BY_SIDES = 2.0
"""Log-odds of old and new side by side from which on a release is judged by itself: several may be guilty at once."""
LATE_SECONDS = 120.0
"""From here on an onset is late."""
RECENT_SECONDS = 3600.0
"""How long before a symptom a release with another effect is worth a word."""
VAGUE_SECONDS = 120.0
"""Half an interval of the onset from which on it is not known well enough."""


@dataclass(frozen=True)
class Effect:
    """How far a symptom moved, in the unit that it came in: points of a share, else a ratio; with a 95 % interval."""

    before: float
    after: float
    size: float
    low: float
    high: float
    is_ratio: bool


@dataclass(frozen=True)
class Accused:
    """One release and what the test says of it."""

    change: Change
    probability: float
    p_value: float
    """Of a move as clear as that among placebos."""
    is_by_placebos: bool
    """Whether there were placebos enough; else the p-value is Student's."""
    lag_seconds: float
    """From its begin to the onset."""
    for_it: tuple[tuple[str, float], ...]
    """Log-odds by kind of evidence, the strongest first; 0 is left out."""
    cured: float | None
    """Probability that taking it back ended the symptom; None where that was not done or cannot be told."""


@dataclass(frozen=True)
class Verdict:
    """Which release caused one symptom, or none."""

    symptom: str
    status: Status
    guilty: tuple[Accused, ...]
    """The likeliest first; empty unless `caused`."""
    suspects: tuple[Accused, ...]
    """Others that are worth naming."""
    others: tuple[Change, ...]
    """Releases that did move something, and not this symptom."""
    none: float
    """Probability that no release on record caused it."""
    effect: Effect | None
    """None where too little is known around the onset."""
    needs: tuple[Need, ...]
    """What would settle it; empty unless `undetermined`."""
    blamed_by_chance: ErrorRate
    """How often such a symptom at a random time would be blamed on some release: the figure to quote."""
    effects_by_chance: ErrorRate
    """How often a harmless release, or a random time, is said to have had an effect."""


def verdicts(tried: Tried) -> tuple[Verdict, ...]:
    """One verdict for each onset, in the order in which they were given."""
    return tuple(verdict(tried, o) for o in range(tried.none.size))


def verdict(tried: Tried, o: int) -> Verdict:
    """The verdict on one onset."""
    is_guilty = _guilty(tried, o)
    order = np.argsort(-tried.probability[:, o], kind="stable")
    guilty = [int(c) for c in order if is_guilty[c]]
    others = [c for c in _with_other_effects(tried, o) if c not in guilty]
    suspects = [int(c) for c in order[:5] if c not in guilty and tried.probability[c, o] >= WORTH_NAMING]
    status: Status = "undetermined"
    if guilty:
        status = "caused"
    elif tried.none[o] >= tried.rules.sure:
        status = "other-effect" if others else "not-release-related"
    return Verdict(
        symptom=tried.case.panel.names[int(tried.case.onsets.series[o])],
        status=status,
        guilty=tuple(_accused(tried, c, o) for c in guilty),
        suspects=tuple(_accused(tried, c, o) for c in suspects),
        others=tuple(tried.case.candidates.changes[c] for c in others[:5]),
        none=float(tried.none[o]),
        effect=effect_of(tried, o),
        needs=_needs(tried, o, [int(c) for c in order]) if status == "undetermined" else (),
        blamed_by_chance=tried.blamed_by_chance[o],
        effects_by_chance=tried.effects_by_chance,
    )


def _guilty(tried: Tried, o: int) -> Bools:
    """Releases that are probable enough and moved the symptom by more than placebos do.

    Where old and new ran side by side a release is judged by itself, so that two that came together can both be guilty.
    """
    odds = np.exp(np.clip(tried.weighing.total[:, o], -50, 50))
    by_itself = (odds / (1 + odds) >= tried.threshold[o]) & (tried.weighing.beside[:, o] >= BY_SIDES)
    is_probable = (tried.probability[:, o] >= tried.threshold[o]) | by_itself
    return np.asarray(is_probable & (tried.p_value[:, o] <= tried.rules.significance), dtype=bool)


def _with_other_effects(tried: Tried, o: int) -> list[int]:
    """Releases not long before the symptom that moved something else, and are no likely cause; the clearest first."""
    case, clearest = tried.case, tried.side_effects
    began = steps_since(case.panel.grid, case.candidates.began)
    lag = (case.onsets.step[o] - began) * case.panel.grid.step_seconds
    is_other = np.isfinite(clearest) & (tried.probability[:, o] < tried.rules.sure)
    is_other &= (lag > 0) & (lag < RECENT_SECONDS) & (case.reach[:, int(case.onsets.series[o])] >= NEAR)
    return [int(c) for c in np.argsort(-clearest, kind="stable") if is_other[c]]


def effect_of(tried: Tried, o: int) -> Effect | None:
    """How far the symptom moved at its onset."""
    panel, moves = tried.case.panel, tried.moves
    s = int(tried.case.onsets.series[o])
    at = int(np.clip(np.round(tried.case.onsets.step[o]), 0, panel.grid.size - 1))
    size, error, before = (float(x[s, at]) for x in (moves.size, moves.error, moves.before))
    if not np.isfinite(size) or not np.isfinite(error):
        return None
    usual = panel.natural(s, before)
    now, low, high = (panel.natural(s, before + size + z * error) for z in (0.0, -Z, Z))
    if panel.kinds[s] == "share":
        return Effect(usual, now, now - usual, low - usual, high - usual, is_ratio=False)
    base = max(usual, 1e-12)
    return Effect(usual, now, now / base, low / base, high / base, is_ratio=True)


def _accused(tried: Tried, c: int, o: int) -> Accused:
    parts = {name: float(getattr(tried.weighing, name)[c, o]) for name in _PARTS}
    cured = float(tried.taken_back.cured[c, o])
    return Accused(
        change=tried.case.candidates.changes[c],
        probability=float(tried.probability[c, o]),
        p_value=float(tried.p_value[c, o]),
        is_by_placebos=bool(tried.is_by_placebos[c, o]),
        lag_seconds=_lag(tried, c, o),
        for_it=tuple(sorted(((k, v) for k, v in parts.items() if v), key=lambda item: -abs(item[1]))),
        cured=None if np.isnan(cured) else cured,
    )


_PARTS = ("timing", "reach", "beside", "dose", "undone", "breadth")


def _lag(tried: Tried, c: int, o: int) -> float:
    grid = tried.case.panel.grid
    return (
        grid.start.timestamp()
        + float(tried.case.onsets.step[o]) * grid.step_seconds
        - float(tried.case.candidates.began[c])
    )


def _needs(tried: Tried, o: int, order: Sequence[int]) -> tuple[Need, ...]:
    """What would settle an open verdict, what matters most first."""
    grid = tried.case.panel.grid
    found: list[Need] = []
    first = order[0] if order else None
    if tried.case.onsets.uncertainty[o] * grid.step_seconds > VAGUE_SECONDS:
        found.append("onset")
    if first is None:
        return tuple(found)
    p, threshold = tried.probability[:, o], tried.threshold[o]
    if len(order) > 1 and p[order[0]] < threshold and p[order[1]] > p[order[0]] / 3:
        found.append("apart")
    if tried.p_value[first, o] > tried.rules.significance:
        found.append("wait" if tried.is_by_placebos[first, o] else "history")
    if _lag(tried, first, o) > LATE_SECONDS:
        found.append("undo")
    s = int(tried.case.onsets.series[o])
    if tried.case.reach[first, s] < NEAR:
        found.append("graph")
    return tuple(found) or ("undo",)
