"""Placebo releases: what the release test says where nothing was released that did harm, and how often it errs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from watchkeeper.analysis.effects import wilson
from watchkeeper.analysis.release_effects import Maxima, Moves
from watchkeeper.analysis.release_series import Bools, Ints
from watchkeeper.analysis.series import Floats

LEAST = 19
"""Independent placebos without which no error rate of a twentieth can be told."""
DEGREES = 4.0
"""Of Student's t that stands in where there are too few placebos: tails far heavier than a normal's."""


@dataclass(frozen=True)
class ErrorRate:
    """How often the test would have blamed what is innocent."""

    blamed: int
    tried: int

    @property
    def share(self) -> float:
        """Blamed per tried, 0 where none was."""
        return self.blamed / self.tried if self.tried else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % (Wilson, 1927); 0 to 1 where none was tried."""
        return wilson(self.blamed, self.tried)


@dataclass(frozen=True)
class Placebos:
    """Scores at moments at which nothing happened to a series, by how long a stretch was searched for the largest.

    Stretches of neighbouring moments overlap, so there are fewer independent ones than moments.
    """

    own: tuple[tuple[Floats, ...], ...]
    """By level and series: sorted scores."""
    effective: Floats
    """Shape (levels, m): as many independent ones."""
    looks: tuple[float, ...]
    """By level: independent looks that the largest of such a stretch is the largest of."""
    pooled: tuple[dict[str, tuple[Floats, float]], ...]
    """By level and kind of series: sorted scores of all of them, and as how many independent ones they count."""
    releases: dict[str, Floats]
    """By kind of series: sorted scores at harmless releases."""
    largest: Floats
    """Sorted: of each moment the largest score over all series, at the level of a prompt effect."""
    largest_at_releases: Floats

    def p_values(self, kinds: Sequence[str], series: Ints, levels: Ints, scores: Floats) -> tuple[Floats, Bools]:
        """Conformal p-values (Vovk et al., 2005) of scores (c, o), and whether placebos say so; `series` (o,), `levels`
        (c, o).

        A series with placebos enough is compared with its own, else with those of all series of its kind; with those
        of harmless releases too, and the larger counts. Where all are too few, Student's t says, over as many looks.
        """
        out, is_told = np.ones(scores.shape), np.zeros(scores.shape, dtype=bool)
        for o, s in enumerate(series.tolist()):
            for level in np.unique(levels[:, o]).tolist():
                at = np.flatnonzero(np.isfinite(scores[:, o]) & (levels[:, o] == level))
                out[at, o], is_told[at, o] = self._p(kinds[s], s, level, scores[at, o])
        return out, is_told

    def _p(self, kind: str, series: int, level: int, scores: Floats) -> tuple[Floats, bool]:
        given, number = self.own[level][series], float(self.effective[level, series])
        if number < LEAST:
            given, number = self.pooled[level].get(kind, (np.empty(0), 0.0))
        told = number >= LEAST
        p = _conformal(given, number, scores) if told else _by_t(scores, self.looks[level])
        harmless = self.releases.get(kind, np.empty(0))
        if harmless.size >= LEAST:
            p = np.maximum(p, _conformal(harmless, float(harmless.size), scores))
        return p, told

    def threshold(self, significance: float) -> float:
        """The score that the largest of all series reaches in that share of random moments, and of harmless releases.

        As Westfall and Young (1993) take the largest over all comparisons. Of harmless releases that are too few for
        that share, none may reach it. Infinite where there are too few moments as well.
        """
        by_moments = _quantile(self.largest, significance)
        by_releases = _quantile(self.largest_at_releases, significance)
        if not np.isfinite(by_releases):
            if not np.isfinite(by_moments):
                return float("inf")
            by_releases = float(np.nextafter(self.largest_at_releases.max(initial=-np.inf), np.inf))
        return max(by_releases, by_moments if np.isfinite(by_moments) else -np.inf)

    def effects_by_chance(self, significance: float) -> ErrorRate:
        """How many harmless releases (random moments, where there are few) would be said to have had an effect.

        Each is judged by all the others.
        """
        scores = self.largest_at_releases if self.largest_at_releases.size >= LEAST else self.largest
        blamed = sum(
            float(score) >= _quantile(np.delete(scores, place), significance) for place, score in enumerate(scores)
        )
        return ErrorRate(int(blamed), int(scores.size))


def placebos_of(
    moves: Moves, maxima: Maxima, calm_until: Ints, after_steps: int, width: int, releases: Ints, places: Ints
) -> Placebos:
    """Placebos at random moments (`places`, sorted) and at harmless releases, given by their steps.

    A moment serves a series while the stretch and what is compared after it lie before `calm_until` (m,). `width` is
    the steps of a prompt effect, for the largest over all series.
    """
    kinds = moves.panel.kinds
    own, effective, pooled = [], np.zeros((len(maxima.levels), len(kinds))), []
    for level in range(len(maxima.levels)):
        reach = 2**level - 1 + after_steps
        scores = _scores(maxima.levels[level], places, calm_until - reach)
        rows = tuple(np.sort(row[np.isfinite(row)]) for row in scores)
        told = np.isfinite(scores)
        apart = max(2**level, after_steps // 2, 1)
        for s, row in enumerate(told):
            span = int(places[row].max() - places[row].min()) + 1 if row.any() else 0
            effective[level, s] = min(float(row.sum()), span / apart)
        own.append(rows)
        pooled.append(_by_kind(kinds, rows, effective[level]))
    level = min(int(np.ceil(np.log2(max(width, 1)))), len(maxima.levels) - 1)
    reach = 2**level - 1 + after_steps
    at_releases = _scores(maxima.levels[level], releases, calm_until - reach)
    return Placebos(
        own=tuple(own),
        effective=effective,
        looks=tuple(max(1.0, 2.0**level / max(after_steps // 2, 1)) for level in range(len(maxima.levels))),
        pooled=tuple(pooled),
        releases=_kinds_of(kinds, at_releases),
        largest=_largest(_scores(maxima.levels[level], _apart(places, 2**level), calm_until - reach)),
        largest_at_releases=_largest(at_releases),
    )


def _scores(table: Floats, places: Ints, until: Ints) -> Floats:
    """Scores of all rows at those places, NaN where a place is no placebo to a row, shape (m, places)."""
    inside = places[(places >= 0) & (places < table.shape[1])]
    scores = table[:, inside]
    return np.where((inside[None, :] <= until[:, None]) & np.isfinite(scores), scores, np.nan)


def _apart(places: Ints, least: int) -> Ints:
    """Places of which no two are nearer than that."""
    kept: list[int] = []
    for place in places.tolist():
        if not kept or place - kept[-1] >= least:
            kept.append(place)
    return np.array(kept, dtype=np.int64)


def _by_kind(kinds: Sequence[str], rows: Sequence[Floats], effective: Floats) -> dict[str, tuple[Floats, float]]:
    out = {}
    for kind in sorted(set(kinds)):
        members = [s for s, each in enumerate(kinds) if each == kind]
        out[kind] = np.sort(np.concatenate([rows[s] for s in members])), float(effective[members].sum())
    return out


def _kinds_of(kinds: Sequence[str], scores: Floats) -> dict[str, Floats]:
    out = {}
    for kind in sorted(set(kinds)):
        of_kind = scores[[each == kind for each in kinds]]
        out[kind] = np.sort(of_kind[np.isfinite(of_kind)])
    return out


def _largest(scores: Floats) -> Floats:
    told = scores[:, np.isfinite(scores).any(axis=0)]
    return np.sort(np.nanmax(told, axis=0)) if told.size else np.empty(0)


def _conformal(given: Floats, number: float, scores: Floats) -> Floats:
    """Sorted placebos, as how many independent ones they count, against scores."""
    exceeding = 1.0 - np.searchsorted(given, scores, side="left") / max(given.size, 1)
    return np.asarray((1.0 + number * exceeding) / (number + 1.0), dtype=np.float64)


def _by_t(scores: Floats, looks: float) -> Floats:
    return np.asarray(np.minimum(1.0, looks * stats.t.sf(scores, DEGREES)), dtype=np.float64)


def _quantile(scores: Floats, significance: float) -> float:
    """The least score whose conformal p-value is at most that; infinite where there are too few."""
    allowed = int(np.floor(significance * (scores.size + 1) + 1e-9)) - 1
    if scores.size < LEAST or allowed < 0:
        return float("inf")
    return float(np.nextafter(scores[scores.size - 1 - allowed], np.inf))
