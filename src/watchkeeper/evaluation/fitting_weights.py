"""The weights of the one ranking from a table of features: maximum likelihood of a conditional logit, held down.

Stage two of `make weights`: a damped Newton's method inside the bounds that signs set; the same table gives the same
bytes, as the weights are kept to few digits.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from watchkeeper.diagnosis.fusion import OF_CANDIDATES, OF_THE_UNSEEN
from watchkeeper.errors import ConfigError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEATURES = (*OF_CANDIDATES, *OF_THE_UNSEEN)
SIGNS = np.array([f.sign for f in (*OF_CANDIDATES.values(), *OF_THE_UNSEEN.values())])
HELD_DOWN = 0.0003
"""What half the square of a weight costs, beside the mean log-loss of a case: features that few cases show stay small.

Of 0.002, 0.001, … 0.0001 about the one whose log-loss on systems left out is the least, where their features are known
from others: as it stands beside a mean, it has to fall as cases are added."""
UNSEEN_SHARE = 0.1
"""How often the culprit is one that was not looked at, by judgement: each case counts so much without its culprit."""
ROUNDS, ENOUGH = 200, 1e-10
DIGITS = 2
"""Digits after the point that weights are kept to: more would not be the same on every machine."""


@dataclass(frozen=True)
class Table:
    """Rows of features: one a candidate and one of the unseen in each case; shapes (rows, features) and (rows,)."""

    features: Floats
    case: Ints
    """Which case a row is of, rising."""
    is_true: NDArray[np.bool_]
    weights: Floats
    """What each case counts, shape (cases,)."""
    groups: Mapping[str, tuple[str, ...]]
    """By `case`, `source`, `system`, `kind`: what each case is, in their order."""

    def of(self, chosen: NDArray[np.bool_]) -> "Table":
        """Only those cases."""
        rows = chosen[self.case]
        renumbered = (np.cumsum(chosen) - 1)[self.case[rows]]
        groups = {name: tuple(np.array(values, dtype=object)[chosen]) for name, values in self.groups.items()}
        return Table(self.features[rows], renumbered, self.is_true[rows], self.weights[chosen], groups)


def read_table(path: Path) -> Table:
    """The table that stage one wrote; raises ConfigError for another one."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(FEATURES) <= rows[0].keys():
        raise ConfigError(f"{path}: expected a table of features as `make weights` writes it, with a column for each")
    features = np.array([[float(row[name] or 0) for name in FEATURES] for row in rows])
    names = list(dict.fromkeys(row["case"] for row in rows))
    number = {name: i for i, name in enumerate(names)}
    case = np.array([number[row["case"]] for row in rows])
    first = {row["case"]: row for row in reversed(rows)}
    groups = {key: tuple(first[name][key] for name in names) for key in ("case", "source", "system", "kind")}
    is_true = np.array([row["is_true"] == "1" for row in rows])
    return Table(features, case, is_true, balanced(groups["source"]), groups)


def balanced(sources: Sequence[str]) -> Floats:
    """Weights of cases, 1 on average: every source counts with the square root of how many cases it has."""
    counts = {source: sources.count(source) for source in set(sources)}
    weights = np.array([counts[source] ** -0.5 for source in sources])
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def with_unseen(table: Table, share: float = UNSEEN_SHARE) -> Table:
    """The table, and each case once more as if nobody had looked at its culprit: a part of what it counts."""
    unseen = _last_rows(table)
    has_culprit = np.bincount(table.case[table.is_true & ~unseen], minlength=table.weights.size) > 0
    copy = table.of(has_culprit)
    kept = ~(copy.is_true & ~_last_rows(copy))
    hidden = Table(
        copy.features[kept],
        copy.case[kept] + table.weights.size,
        _last_rows(copy)[kept],
        copy.weights * share,
        copy.groups,
    )
    return Table(
        np.concatenate([table.features, hidden.features]),
        np.concatenate([table.case, hidden.case]),
        np.concatenate([table.is_true, hidden.is_true]),
        np.concatenate([table.weights * np.where(has_culprit, 1 - share, 1.0), hidden.weights]),
        {name: (*values, *hidden.groups[name]) for name, values in table.groups.items()},
    )


def _last_rows(table: Table) -> NDArray[np.bool_]:
    """Which rows are of the unseen: each case ends with it."""
    return np.append(table.case[1:] != table.case[:-1], True)


def fitted(table: Table, held_down: float = HELD_DOWN) -> Floats:
    """The weights of all features, shape (features,), inside the bounds of their signs."""
    seen = with_unseen(table)
    weights = np.zeros(len(FEATURES))
    value, gradient, curve = _loss(weights, seen, held_down)
    for _ in range(ROUNDS):
        free = ~(((SIGNS > 0) & (weights <= 0) & (gradient > 0)) | ((SIGNS < 0) & (weights >= 0) & (gradient < 0)))
        step = np.zeros_like(weights)
        step[free] = -np.linalg.solve(curve[np.ix_(free, free)], gradient[free])
        moved = _shorter(weights, step, value, lambda w: _loss(w, seen, held_down)[0])
        if moved is None:
            break
        new, gradient, curve = _loss(moved, seen, held_down)
        weights, gained, value = moved, value - new, new
        if gained < ENOUGH:
            break
    return weights


def _shorter(weights: Floats, step: Floats, value: float, loss: Callable[[Floats], float]) -> Floats | None:
    """The weights moved along a step, inside the bounds, halved until that is better; None where nothing is."""
    for halving in range(30):
        moved = weights + step / 2**halving
        moved = np.where(SIGNS > 0, np.maximum(moved, 0), np.where(SIGNS < 0, np.minimum(moved, 0), moved))
        if loss(moved) < value:
            return np.asarray(moved, dtype=np.float64)
    return None


def probabilities(weights: Floats, table: Table) -> Floats:
    """Of every row within its case, shape (rows,)."""
    utility = table.features @ weights
    top = np.full(table.weights.size, -np.inf)
    np.maximum.at(top, table.case, utility)
    mass = np.exp(utility - top[table.case])
    return np.asarray(mass / np.bincount(table.case, mass)[table.case], dtype=np.float64)


def _loss(weights: Floats, table: Table, held_down: float) -> tuple[float, Floats, NDArray[np.float64]]:
    """Mean log-loss and what the weights themselves cost, with gradient and curvature."""
    p, counted = probabilities(weights, table), table.weights / table.weights.sum()
    by_row = counted[table.case]
    loss = -float((by_row * np.log(np.maximum(p, 1e-300)))[table.is_true].sum())
    gradient = table.features.T @ (by_row * (p - table.is_true))
    mean = np.zeros((table.weights.size, weights.size))
    np.add.at(mean, table.case, p[:, None] * table.features)
    curve = (table.features * (by_row * p)[:, None]).T @ table.features - (mean * counted[:, None]).T @ mean
    cost = held_down / 2
    return (
        loss + cost * float(weights @ weights),
        gradient + held_down * weights,
        curve + held_down * np.eye(weights.size),
    )


def weights_text(weights: Floats) -> str:
    """The weights as the file that is shipped."""
    rounded = [round(float(w), DIGITS) + 0.0 for w in weights]
    split = len(OF_CANDIDATES)
    parts = {
        "candidates": dict(zip(FEATURES[:split], rounded[:split], strict=True)),
        "unseen": dict(zip(FEATURES[split:], rounded[split:], strict=True)),
    }
    return json.dumps(parts, indent=2) + "\n"
