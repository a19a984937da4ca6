"""A scorecard's figures in the order and the words in which people read them."""

from watchkeeper.evaluation.intervals import Interval
from watchkeeper.evaluation.scorecard import Scorecard, Totals

Figure = tuple[str, str, str]
"""Name, value, interval."""

_SHARES = ("top1", "top3", "top5", "mrr", "forced_top1", "forced_top3", "coverage", "selective_accuracy", "utility")


def figures_of(card: Scorecard) -> list[Figure]:
    """Every figure of the whole run, then the first place of every baseline."""
    shares = [(name, getattr(card, name)) for name in _SHARES]
    found = [(name, number(value), between(card.intervals.get(name))) for name, value in shares]
    found.append(("brier", number(card.brier), between(card.intervals.get("brier"))))
    if any(score.decoy_blamed is not None for score in card.baselines.values()) or card.decoy_blamed:
        found.append(("decoy_blamed", str(card.decoy_blamed), f"of {card.cases}"))
    if card.release_right is not None:
        found.append(("release_right", number(card.release_right), ""))
    if card.totals is not None:
        found += _of_model(card.totals)
    return found


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


def between(interval: Interval | None) -> str:
    """`.123 to .456` in full."""
    return "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
