"""A scorecard's figures in the order and the words in which people read them."""

from collections.abc import Iterator
from statistics import fmean

from watchkeeper.evaluation.calibration import SURE, risk_at
from watchkeeper.evaluation.intervals import Interval
from watchkeeper.evaluation.scorecard import Calibration, Scorecard, Totals

Figure = tuple[str, str, str]
"""Name, value, interval."""

QUARTERS = (0.25, 0.5, 0.75, 1.0)
"""The shares of cases for which the table says how many answers would be wrong."""
_SHARES = ("top1", "top3", "top5", "mrr", "forced_top1", "forced_top3", "coverage", "selective_accuracy", "utility")


def figures_of(card: Scorecard) -> list[Figure]:
    """Every figure of the whole run, then the first place of every baseline."""
    shares = [(name, getattr(card, name)) for name in _SHARES]
    found = [(name, number(value), between(card.intervals.get(name))) for name, value in shares]
    found.append(("brier", number(card.brier), between(card.intervals.get("brier"))))
    if card.calibration is not None:
        found += _of_calibration(card.calibration)
    if any(score.decoy_blamed is not None for score in card.baselines.values()) or card.decoy_blamed:
        found.append(("decoy_blamed", str(card.decoy_blamed), f"of {card.cases}"))
    if card.release_right is not None:
        found.append(("release_right", number(card.release_right), ""))
    if card.totals is not None:
        found += _of_model(card.totals)
    return found


def _of_calibration(found: Calibration) -> list[Figure]:
    sure = found.sure
    skill = "" if found.brier_skill is None else f", skill {number(found.brier_skill)}"
    stated = f"{between(sure.interval) or 'none'}, {sure.sure} of {sure.answers} answers"
    return [
        ("brier_ranked", number(found.brier_ranked), f"base rate {number(found.brier_base)}{skill}"),
        (f"sure (above {SURE:g})", number(sure.share_right), stated),
        ("right ones sure", number(sure.share_of_right), f"{sure.right} of {sure.of_right} right answers"),
    ]


def conditions_of(card: Scorecard) -> list[str]:
    """How the cases were made harder than they are, in words."""
    found = []
    if card.missing_edges_percent is not None:
        lost = fmean(r.lost_calls or 0 for r in card.results)
        found.append(f"each {card.seeds} times without {card.missing_edges_percent:g} % of its calls (mean {lost:.1f})")
    if card.alert_delay_seconds:
        found.append(f"noticed {card.alert_delay_seconds:g} s late")
    if card.until_seconds is not None:
        found.append(f"by what is known {card.until_seconds:g} s after it was noticed")
    return found


def reliability_of(card: Scorecard) -> list[tuple[str, str, str, str, str]]:
    """What was stated and what was right, in fifths: the fifth, cases, stated, right, interval."""
    rows = []
    for fifth in card.calibration.bins if card.calibration is not None else ():
        right = fifth.confirmed
        if right.low is not None and right.high is not None:
            figures = (share(fifth.mean_probability), share(right.value), between((right.low, right.high)))
            rows.append((f"{fifth.low:.1f} to {fifth.high:.1f}", f"{right.whole}", *figures))
    return rows


def risks_of(found: Calibration) -> list[tuple[str, str]]:
    """How many answers would be wrong if only the surest quarter, half … of the cases were answered."""
    return [(f"{100 * covered:.0f} %", share(risk_at(found.risk_coverage, covered))) for covered in QUARTERS]


CalibrationRow = tuple[str, str, str, str, str, str, str, str]
"""Name, cases, Brier score, base rate's, skill, sure answers, how many of them are right, interval."""


def calibrations_of(card: Scorecard) -> Iterator[CalibrationRow]:
    """What the stated probabilities are worth over all cases, in each system and for each kind of fault."""
    if card.calibration is None:
        return
    yield _row("all", card.cases, card.calibration)
    for groups in (card.by_system, card.by_kind):
        for name, group in groups.items():
            if len(groups) > 1 and group.calibration is not None:
                yield _row(name, group.cases, group.calibration)


def _row(name: str, cases: int, found: Calibration) -> CalibrationRow:
    sure = found.sure
    shares = (share(found.brier_ranked), share(found.brier_base), share(found.brier_skill))
    return (name, f"{cases}", *shares, f"{sure.sure}", share(sure.share_right), between(sure.interval))


def _of_model(totals: Totals) -> list[Figure]:
    struck = f"{totals.claims_struck} struck"
    return [
        ("model calls", f"{totals.calls:,}", f"{totals.tokens:,} tokens, {totals.usd:.4f} USD"),
        ("claims made", f"{totals.claims_made:,}", struck),
        ("model failed", f"{totals.trouble:,}", "cases in which it claimed nothing: the rules' diagnosis stands"),
    ]


def baselines_of(card: Scorecard) -> list[tuple[str, str, str, str, str]]:
    """Each baseline's name, its top-1, 3 and 5, and what stands beside them."""
    rows = []
    for name, score in card.baselines.items():
        aside = between(score.intervals["top1"])
        aside += f", {score.decoy_blamed} decoys" if score.decoy_blamed is not None else ""
        aside += f", {score.failed} failed" if score.failed else ""
        rows.append((name, number(score.top1), number(score.top3), number(score.top5), aside))
    return rows


def number(value: float | None) -> str:
    """A share with three digits; a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def share(value: float | None) -> str:
    """The same with two digits, for tables of many."""
    return "–" if value is None else f"{value:.2f}"


def between(interval: Interval | None) -> str:
    """`.123 to .456` in full."""
    return "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
