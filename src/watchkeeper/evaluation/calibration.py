"""Whether stated probabilities are worth having: reliability, risk over coverage, the sure answers, Brier scores."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from watchkeeper.casebook.calibration import calibration as reliability
from watchkeeper.evaluation.repeats import share_of
from watchkeeper.evaluation.scorecard import NOTHING, Calibration, Result, Sure

SURE = 0.9
"""Answers with more than this probability are called sure."""


def calibrated(results: Sequence[Result]) -> Calibration:
    """The figures of some cases, whatever their status; raises ValueError without any."""
    ranked = fmean(r.brier_ranked for r in results if r.brier_ranked is not None)
    base = fmean(r.brier_base for r in results if r.brier_base is not None)
    return Calibration(
        bins=reliability([(r.probability, is_first(r)) for r in results if r.probability is not None]).bins,
        risk_coverage=risk_coverage(results),
        sure=sure(results),
        brier_ranked=round(ranked, 4),
        brier_base=round(base, 4),
        brier_skill=round(1 - ranked / base, 4) if base > 0 else None,
    )


def is_first(result: Result) -> bool:
    """Whether the first of the ranking is the truth, whatever the status."""
    return result.truth != NOTHING and result.hit_rank == 1


def sure(results: Sequence[Result]) -> Sure:
    """How many answers are stated with more than SURE, how many of them are right, and of the right ones are sure."""
    answers = [r for r in results if r.status == "answered"]
    stated = [r for r in answers if r.probability is not None and r.probability > SURE]
    right = [r for r in answers if r.is_hit]
    share, interval = share_of(stated, lambda r: r.is_hit) if stated else (None, None)
    carried = sum(r.is_hit for r in stated)
    return Sure(
        answers=len(answers),
        sure=len(stated),
        right=carried,
        share_right=share,
        interval=interval,
        of_right=len(right),
        share_of_right=round(carried / len(right), 4) if right else None,
    )


def risk_coverage(results: Sequence[Result]) -> tuple[tuple[float, float], ...]:
    """Which share is answered, and which share of that is wrong, for every probability that one could ask for.

    Surest first, whatever the status; what is equally sure is answered together. Cases without a probability come
    last, of which only a `none` can be right. (El-Yaniv and Wiener 2010, JMLR 11.)
    """
    surest = sorted((-1.0 if r.probability is None else r.probability, r.hit_rank != 1) for r in results)[::-1]
    curve, wrong = [], 0
    for number, ((probability, is_wrong), below) in enumerate(pairwise([*surest, (None, False)]), 1):
        wrong += is_wrong
        if below[0] != probability:
            curve.append((round(number / len(surest), 4), round(wrong / number, 4)))
    return tuple(curve)


def risk_at(curve: Sequence[tuple[float, float]], coverage: float) -> float | None:
    """The risk where at least that share is answered; None where the curve has no such point."""
    return next((risk for covered, risk in curve if covered >= coverage - 1e-9), None)


def brier_over_all(
    probabilities: Sequence[float], hit_rank: int | None, *, is_none: bool = False, unknown: int = 0
) -> float:
    """The square error over all that may be true: every candidate, and none of them (Brier 1950; 0 to 2).

    `hit_rank` is where the truth stands among the probabilities, from 1; None where it was not named. What they leave
    over is on none of them, which is what is true with `is_none`. Where nothing at all was said of so many `unknown`
    candidates each of them, and none of them, counts as likely as another: failing is no forecast that all is well.
    """
    if unknown:
        each = 1 / (unknown + 1)
        return round((1 - each) ** 2 + unknown * each**2, 6)
    left = max(0.0, 1 - sum(probabilities))
    true = left if is_none else probabilities[hit_rank - 1] if hit_rank and hit_rank <= len(probabilities) else 0.0
    # Of what is true the square of 1 - p takes the place of that of p.
    return round(sum(p * p for p in probabilities) + left * left + 1 - 2 * true, 6)


def base_rates(truths: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], float]:
    """The Brier score of whoever knows nothing but how often each truth is true in its system.

    By (system, truth). The shares are those of the very cases that are scored, so that this is hard to beat.
    """
    known = list(truths)
    of_system = Counter(system for system, _ in known)
    shares = {key: count / of_system[key[0]] for key, count in Counter(known).items()}
    squares: dict[str, float] = {}
    for (system, _), share in shares.items():
        squares[system] = squares.get(system, 0.0) + share * share
    return {(system, truth): squares[system] + 1 - 2 * share for (system, truth), share in shares.items()}
