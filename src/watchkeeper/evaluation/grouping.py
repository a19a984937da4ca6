"""How well lines are grouped by template, on loghub: all lines of a statement together and no other line with them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from watchkeeper.analysis.log_templates import Templates
from watchkeeper.datasets import loghub
from watchkeeper.evaluation.intervals import RESAMPLES, SEED, of_mean


@dataclass(frozen=True)
class Share:
    """A share of lines with its 95 % interval, over `n` statements or systems."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Grouping:
    """The grouping accuracy of each system, and its mean over systems."""

    mean: Share
    by_system: dict[str, Share]


def grouping_accuracy(folder: Path) -> Grouping:
    """Parse every system with one and the same method and score it; the truth is read when all are parsed.

    Raises DatasetRejected for data that is not in the published layout.
    """
    parsed = {system.name: groups_of(system.lines) for system in loghub.systems(folder)}
    truths = loghub.truths(folder)
    by_system = {name: accuracy(groups, truths[name]) for name, groups in parsed.items()}
    values = [share.value for share in by_system.values()]
    return Grouping(Share(float(np.mean(values)), *of_mean(values), len(values)), by_system)


def groups_of(lines: Sequence[str]) -> list[str]:
    """The id of each line's template, learnt from these lines and nothing else."""
    templates = Templates()
    templates.learn(lines)
    return [templates.of(line).id for line in lines]


def accuracy(groups: Sequence[str], truth: Sequence[str]) -> Share:
    """The share of lines whose group holds exactly the lines of their statement (Zhu et al., ICSE-SEIP 2019).

    Lines of a statement are right or wrong together, so the interval comes from resampling statements.
    """
    sizes, found, both = Counter(truth), Counter(groups), Counter(zip(truth, groups, strict=True))
    right = Counter({t: n for (t, group), n in both.items() if n == sizes[t] == found[group]})
    lines = np.array([[right[t], size] for t, size in sorted(sizes.items())], dtype=float)
    drawn = np.random.default_rng(SEED).integers(0, len(lines), (RESAMPLES, len(lines)))
    sums = lines[drawn].sum(axis=1)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    return Share(float(lines[:, 0].sum() / lines[:, 1].sum()), float(low), float(high), len(lines))
