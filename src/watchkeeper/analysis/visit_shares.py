"""Whether a share changed between two stretches: how surely, and how much that matters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from watchkeeper.analysis.series import Floats

ENOUGH = 100.0
"""Visits of a side that count: more of the same do not make a small change weigh more."""
FEW = 3
"""Chances that a pattern must have had before it can be missed or be new."""
DOUBT = 5.0
"""Visits at which one past alone is trusted half."""
FAINT = 0.5
"""Scores below this are not looked into."""
NEW_WARNING = 1.5
"""What a warning that was never seen before weighs, as a multiple."""


@dataclass(frozen=True)
class Shares:
    """How often each of several things came, of how often it could have, shape (p,)."""

    before: Floats
    before_of: Floats
    now: Floats
    now_of: Floats


def likelihood_ratio(counts: Shares) -> Floats:
    """Twice the log-likelihood ratio of two shares against one common share, shape (p,): chi-squared if none differs.

    Wilks (1938); half a case keeps small tables sober.
    """
    table = np.stack(
        [
            counts.before + 0.5,
            counts.before_of - counts.before + 0.5,
            counts.now + 0.5,
            counts.now_of - counts.now + 0.5,
        ]
    )
    n = table.sum(axis=0)
    columns = np.stack([table[0] + table[2], table[1] + table[3]])
    rows = np.stack([table[0] + table[1], table[2] + table[3]])
    expected = np.stack([rows[0] * columns[0], rows[0] * columns[1], rows[1] * columns[0], rows[1] * columns[1]]) / n
    out: Floats = 2 * (table * np.log(table / expected)).sum(axis=0)
    return out


def change_in_share(counts: Shares) -> Floats:
    """By how much the share rose, from -1 to 1, drawn towards none by half a case a cell, shape (p,)."""
    now = (counts.now + 0.5) / (counts.now_of + 1)
    before = (counts.before + 0.5) / (counts.before_of + 1)
    out: Floats = now - before
    return out


def sober(counts: Shares) -> Shares:
    """The same shares of so few cases that a small change never weighs much."""
    return Shares(*_at_most(counts.before, counts.before_of), *_at_most(counts.now, counts.now_of))


def least_change(counts: Shares, each_past: Sequence[Shares]) -> Floats:
    """By how much the share changed from the past that is most like the present, from 0 to 1, shape (p,).

    `counts` is against all pasts together: a past of few cases is trusted little.
    """
    matters: Floats = np.abs(change_in_share(counts))
    for one in each_past:
        trust = one.before_of**2 / (one.before_of**2 + DOUBT**2)
        matters = np.minimum(matters, trust * np.abs(change_in_share(one)) + (1 - trust) * matters)
    return matters


def together(each_past: Sequence[Shares]) -> Shares:
    """Several pasts of the same present as one."""
    first = each_past[0]
    return Shares(
        np.sum([p.before for p in each_past], axis=0),
        np.sum([p.before_of for p in each_past], axis=0),
        first.now,
        first.now_of,
    )


def increase(each_past: Sequence[Shares]) -> tuple[Floats, Shares]:
    """How much it speaks against something that a bad share rose, and the counts against all pasts together."""
    counts = together(each_past)
    score = least_change(counts, each_past) * likelihood_ratio(sober(counts))
    score *= np.where(counts.before == 0, NEW_WARNING, 1.0) * (change_in_share(counts) > 0)
    return np.where((counts.before_of >= FEW) & (counts.now_of >= 1), score, 0.0), counts


def _at_most(count: Floats, of: Floats) -> tuple[Floats, Floats]:
    factor = np.minimum(1.0, ENOUGH / np.maximum(of, 1.0))
    return count * factor, of * factor
