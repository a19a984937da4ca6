"""Runs held against committed figures: `make exams` fails where one lost more than paired noise explains.

What is committed holds figures of the whole and, by a hash of the case's name, hit or miss: nothing of the data.
"""

import hashlib
from pathlib import Path

from pydantic import ValidationError

from watchkeeper.domain import Noun
from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation.intervals import Interval, losing
from watchkeeper.evaluation.scorecard import Scorecard
from watchkeeper.evaluation.scores import reaches
from watchkeeper.evaluation.suites import for_folder

SIGNIFICANCE = 0.05


class Hit(Noun):
    """One case's outcome."""

    top1: bool
    forced_top1: bool


class Committed(Noun):
    """The figures that later runs are held against."""

    suite: str
    data: str
    version: str
    cases: int
    coverage: float
    top1: float
    top3: float
    forced_top1: float
    forced_top3: float
    intervals: dict[str, Interval]
    hits: dict[str, Hit]
    """By the hash of the case's name."""


class Verdict(Noun):
    """How one data set did against what was committed."""

    suite: str
    data: str
    lines: tuple[str, ...]
    is_worse: bool


def exams_in(folder: Path) -> list[tuple[str, Path]]:
    """Suite and folder of each data set in there; raises DatasetRejected where there is none."""
    if not folder.is_dir():
        raise DatasetRejected(f"{folder}: there is no such folder; expected one that holds unpacked data sets")
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    found = [(suite, path) for path in inside if (suite := for_folder(path)) is not None]
    if not found:
        raise DatasetRejected(f"{folder}: holds no data set that there is a suite for, such as petshop/")
    return found


def file_of(baselines: Path, suite: str, data: str) -> Path:
    """Where the figures of a data set are committed."""
    return baselines / f"{suite}-{data}.json"


def committed(card: Scorecard) -> Committed:
    """What may be committed of a run."""
    return Committed(
        suite=card.suite,
        data=card.data or "",
        version=card.version,
        cases=card.cases,
        coverage=card.coverage,
        top1=card.top1,
        top3=card.top3,
        forced_top1=card.forced_top1,
        forced_top3=card.forced_top3,
        intervals={k: card.intervals[k] for k in ("coverage", "top1", "top3", "forced_top1", "forced_top3")},
        hits=hits_of(card),
    )


def hits_of(card: Scorecard) -> dict[str, Hit]:
    """Hit or miss by the hash of the case's name, in the order of the hashes."""
    found = {name_hash(r.case): Hit(top1=r.is_hit, forced_top1=reaches(r, 1)) for r in card.results}
    return dict(sorted(found.items()))


def name_hash(case: str) -> str:
    """A case's name, so that it can be recognised and is not told."""
    return hashlib.sha256(case.encode()).hexdigest()[:16]


def write(card: Scorecard, path: Path) -> None:
    """Write the figures to be committed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{committed(card).model_dump_json(indent=1)}\n", encoding="utf-8")


def read(path: Path) -> Committed:
    """Figures that were committed; raises ConfigError where they are not there or cannot be read."""
    try:
        return Committed.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: is not there; write it with `eval check --write`") from error
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise ConfigError(f"{path}: is no file of committed figures: {reason}") from error


def check(card: Scorecard, before: Committed) -> Verdict:
    """Whether the run lost more cases than noise explains (one-sided sign test on flips).

    Also worse: a case that failed, and one that says what cannot be found again.
    """
    now = hits_of(card)
    both = [name for name in before.hits if name in now]
    if not both:
        raise DatasetRejected(f"{card.data}: has no case in common with the committed figures of {before.data}")
    tests = [_paired(name, [(before.hits[c], now[c]) for c in both]) for name in ("top1", "forced_top1")]
    lines = [line for line, _ in tests]
    if card.failed:
        lines.append(f"{card.failed} of {card.cases} cases failed, expected none")
    if card.unsupported:
        lines.append(f"{card.unsupported} of {card.cases} cases say what cannot be found again: {_first(card)}")
    if len(both) < len(before.hits):
        lines.append(f"{len(before.hits) - len(both)} of {len(before.hits)} committed cases were not run")
    is_worse = any(lost for _, lost in tests) or card.failed > 0 or bool(card.unsupported)
    return Verdict(suite=card.suite, data=card.data or "", lines=tuple(lines), is_worse=is_worse)


def _paired(name: str, pairs: list[tuple[Hit, Hit]]) -> tuple[str, bool]:
    flips = [(getattr(old, name), getattr(new, name)) for old, new in pairs]
    lost, won = flips.count((True, False)), flips.count((False, True))
    p = losing(lost, won)
    before, after = sum(old for old, _ in flips), sum(new for _, new in flips)
    is_worse = lost > won and p < SIGNIFICANCE
    told = "worse" if is_worse else "within noise" if lost else "no case lost"
    return f"{name:<12} {before} to {after} of {len(pairs)}: {won} won, {lost} lost, p = {p:.3f}, {told}", is_worse


def _first(card: Scorecard) -> str:
    return next(f"{r.case}: {r.unsupported[0]}" for r in card.results if r.unsupported)
