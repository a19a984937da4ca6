"""From attempts and truths to a scorecard: pure arithmetic, nothing is read and nothing is asked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean, median

import numpy as np

from watchkeeper.datasets.cases import Answer
from watchkeeper.domain import Cost
from watchkeeper.evaluation.calibration import base_rates, brier_over_all, calibrated
from watchkeeper.evaluation.intervals import Interval, of_chance
from watchkeeper.evaluation.repeats import rounded, share_of, span
from watchkeeper.evaluation.scorecard import NOTHING, BaselineScore, Group, Result, Seconds, Status, Totals

Matcher = Callable[[str, str], bool]
"""Whether an answer and a truth are the same thing."""

DEPTHS = (1, 3, 5)
COMMIT_PREFIX = 7
RIGHT, WRONG = 1.0, -1.0


@dataclass(frozen=True)
class Attempt:
    """What was answered for one case, made before any truth is read."""

    case: str
    status: Status
    ranked: tuple[str, ...] = ()
    probability: float | None = None
    seconds: float = 0.0
    reason: str = ""
    blamed_change: str | None = None
    candidates: tuple[str, ...] = ()
    """What could have been answered: chance is measured on it."""
    baselines: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    """The ranking of each baseline; None where it failed."""
    unsupported: tuple[str, ...] | None = None
    """What the diagnosis says that cannot be found again; None where nobody looked."""
    cost: Cost | None = None
    """What the diagnosis took; None where there is none."""
    probabilities: tuple[float, ...] = ()
    """Of everything that is ranked, what is stated of one name in several ways taken together; at most 1 in all."""
    draw: int = 0
    """Which drawing of lost calls this is, from 0."""
    lost_calls: int | None = None
    """How many calls were taken out of the call graph; None where none were to be."""


def is_same(answer: str, truth: str) -> bool:
    """Components are the same if they are called the same."""
    return answer == truth


def is_same_commit(answer: str, truth: str) -> bool:
    """Commits are the same if one's name, of seven letters or more, begins the other's."""
    one, other = sorted((answer.strip().lower(), truth.strip().lower()), key=len)
    return len(one) >= COMMIT_PREFIX and other.startswith(one)


def rank_of(ranked: Sequence[str], truth: str | None, matches: Matcher) -> int | None:
    """Where the truth stands, from 1."""
    return next((i for i, name in enumerate(ranked, 1) if truth is not None and matches(name, truth)), None)


def judged(
    attempt: Attempt, answer: Answer, matches: Matcher, guilty: Mapping[str, str | None] | None = None
) -> Result:
    """One attempt held against the truth; `guilty` is the change that did it by case, where the suite asks for it."""
    said_none = attempt.status == "none"
    rank = rank_of(attempt.ranked, answer.truth, matches) if answer.truth is not None else (1 if said_none else None)
    is_none_right = answer.truth is None and said_none
    is_ignorant = not attempt.ranked and attempt.status in ("abstained", "failed")
    first = attempt.ranked[0] if attempt.ranked and attempt.status == "answered" else None
    return Result(
        case=attempt.case,
        truth=NOTHING if answer.truth is None else answer.truth,
        ranked=attempt.ranked,
        probability=attempt.probability,
        probabilities=attempt.probabilities,
        status=attempt.status,
        hit_rank=rank,
        seconds=round(attempt.seconds, 4),
        is_hit=is_none_right or (attempt.status == "answered" and answer.truth is not None and rank == 1),
        blames_decoy=first is not None and any(matches(first, decoy) for decoy in answer.decoys),
        kind=answer.kind,
        system=answer.system,
        reason=attempt.reason,
        is_release_right=None if guilty is None else attempt.blamed_change == guilty.get(attempt.case),
        unsupported=attempt.unsupported,
        cost=attempt.cost,
        baseline_ranks={
            name: rank_of(ranked or (), answer.truth, matches) for name, ranked in attempt.baselines.items()
        },
        brier_ranked=brier_over_all(
            attempt.probabilities,
            rank if answer.truth is not None else None,
            is_none=answer.truth is None,
            unknown=max(1, len(set(attempt.candidates))) if is_ignorant else 0,
        ),
        draw=attempt.draw,
        lost_calls=attempt.lost_calls,
    )


def with_base_rates(results: Sequence[Result]) -> list[Result]:
    """The results, each with the error of whoever knows only how often each is true in its system."""
    base = base_rates((r.system, r.truth) for r in results)
    return [r.model_copy(update={"brier_base": round(base[r.system, r.truth], 6)}) for r in results]


def totals(results: Iterable[Result]) -> Totals:
    """What a model took over all cases; a case that it never finished claims nothing."""
    costs = [r.cost for r in results if r.cost is not None]
    return Totals(
        calls=sum(c.calls for c in costs),
        tokens=sum(c.tokens for c in costs),
        usd=round(sum(c.usd for c in costs), 4),
        claims_made=sum(c.claims_made for c in costs),
        claims_struck=sum(c.claims_struck for c in costs),
        trouble=sum(c.claims_made == 0 for c in costs),
    )


def counts_for(result: Result, depth: int) -> bool:
    """Whether a case counts for top-`depth`: answered with the truth that high, or `none` where that is true."""
    if result.truth == NOTHING:
        return result.status == "none"
    return result.status == "answered" and reaches(result, depth)


def reaches(result: Result, depth: int) -> bool:
    """The same whatever the status."""
    return result.hit_rank is not None and result.hit_rank <= depth


def shares(results: Sequence[Result]) -> tuple[dict[str, float], dict[str, Interval]]:
    """Coverage, top-k and forced top-k with their intervals; raises ValueError without results."""
    found = {
        "coverage": share_of(results, lambda r: r.status in ("answered", "none")),
        **{f"top{k}": share_of(results, partial(counts_for, depth=k)) for k in DEPTHS},
        **{f"forced_top{k}": share_of(results, partial(reaches, depth=k)) for k in (1, 3)},
    }
    return {name: share for name, (share, _) in found.items()}, {name: of for name, (_, of) in found.items()}


def reciprocal(result: Result) -> float:
    """One over the truth's rank where it was answered, else 0."""
    return 1 / result.hit_rank if result.hit_rank and counts_for(result, result.hit_rank) else 0.0


def squared_error(result: Result) -> float | None:
    """Of the first candidate's probability; None where none was ranked."""
    if result.probability is None or not result.ranked:
        return None
    is_true = result.truth != NOTHING and result.hit_rank == 1
    return (result.probability - is_true) ** 2


def worth(result: Result, wrong: float = WRONG) -> float:
    """Right +1, abstained or failed 0, wrong −1."""
    return 0.0 if result.status in ("abstained", "failed") else RIGHT if result.is_hit else wrong


def selective(results: Sequence[Result]) -> tuple[float, Interval] | None:
    """The share of hits where something was answered; None where nothing was."""
    answered = [r for r in results if r.status in ("answered", "none")]
    return share_of(answered, lambda r: r.is_hit) if answered else None


def grouped(results: Sequence[Result], by: Callable[[Result], str]) -> dict[str, Group]:
    """The results per kind, system or truth, in the order of their names; those without one are left out."""
    names = sorted({by(r) for r in results} - {""})
    return {name: group([r for r in results if by(r) == name]) for name in names}


def group(results: Sequence[Result]) -> Group:
    """The figures of some cases together."""
    figures, intervals = shares(results)
    kept = ("top1", "top3", "forced_top1", "forced_top3")
    return Group(
        cases=len({r.case for r in results}),
        **counts(results),
        top1=figures["top1"],
        top3=figures["top3"],
        forced_top1=figures["forced_top1"],
        forced_top3=figures["forced_top3"],
        intervals={name: intervals[name] for name in kept},
        calibration=calibrated(results),
    )


def counts(results: Iterable[Result]) -> dict[str, int]:
    """How many cases ended how."""
    statuses = [r.status for r in results]
    return {name: statuses.count(name) for name in ("answered", "none", "abstained", "failed")}


def baselines(
    attempts: Sequence[Attempt], answers: Mapping[str, Answer], results: Sequence[Result], matches: Matcher
) -> dict[str, BaselineScore]:
    """Guessing, saying `none` always where that can be right, and every baseline that was asked."""
    found = {"random": _guessing(list({a.case: a for a in attempts}.values()), answers, matches)}
    if any(answers[a.case].truth is None for a in attempts):
        found["always_none"] = _score(results, lambda r: 1 if r.truth == NOTHING else None)
    for name in dict.fromkeys(name for a in attempts for name in a.baselines):
        rankings = [(a.baselines.get(name), answers[a.case]) for a in attempts]
        score = _score(results, lambda r, name=name: r.baseline_ranks.get(name))  # type: ignore[misc]
        decoys = sum(any(matches(ranked[0], d) for d in answer.decoys) for ranked, answer in rankings if ranked)
        has_decoys = any(answer.decoys for _, answer in rankings)
        failed = sum(ranked is None for ranked, _ in rankings)
        found[name] = score.model_copy(update={"failed": failed, "decoy_blamed": decoys if has_decoys else None})
    return found


def _score(results: Sequence[Result], rank: Callable[[Result], int | None]) -> BaselineScore:
    found = {k: share_of(results, lambda r, k=k: (rank(r) or k + 1) <= k) for k in DEPTHS}  # type: ignore[misc]
    intervals = {f"top{k}": interval for k, (_, interval) in found.items()}
    return BaselineScore(top1=found[1][0], top3=found[3][0], top5=found[5][0], intervals=intervals)


def _guessing(attempts: Sequence[Attempt], answers: Mapping[str, Answer], matches: Matcher) -> BaselineScore:
    """A candidate drawn evenly, by expectation; a truth that is no candidate, or `none`, cannot be guessed."""
    top: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    for depth in DEPTHS:
        chances = [_chance(a.candidates, answers[a.case].truth, depth, matches) for a in attempts]
        top[f"top{depth}"], intervals[f"top{depth}"] = rounded(fmean(chances)), span(of_chance(chances))
    return BaselineScore(top1=top["top1"], top3=top["top3"], top5=top["top5"], intervals=intervals)


def _chance(candidates: Sequence[str], truth: str | None, depth: int, matches: Matcher) -> float:
    unique = list(dict.fromkeys(candidates))
    return min(depth, len(unique)) / len(unique) if rank_of(unique, truth, matches) else 0.0


def timing(results: Sequence[Result]) -> Seconds:
    """Median and 95th percentile of a diagnosis."""
    taken = [r.seconds for r in results]
    return Seconds(median=round(median(taken), 3), p95=round(float(np.quantile(taken, 0.95)), 3))
