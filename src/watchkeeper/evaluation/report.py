"""Runs as one HTML page that needs nothing else: figures, pictures, every case."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from watchkeeper.evaluation import plots
from watchkeeper.evaluation.figures import (
    CalibrationRow,
    Figure,
    baselines_of,
    calibrations_of,
    conditions_of,
    figures_of,
    reliability_of,
    risks_of,
)
from watchkeeper.evaluation.scorecard import Scorecard

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Page:
    """One run on the page."""

    card: Scorecard
    figures: list[Figure]
    conditions: list[str]
    """How the cases were made harder than they are."""
    calibrations: list[CalibrationRow]
    reliability: list[tuple[str, str, str, str, str]]
    risks: list[tuple[str, str]]
    pictures: list[tuple[str, str]]
    """Caption and SVG."""


def as_html(cards: Sequence[Scorecard]) -> str:
    """The page; text from data sets is escaped. Raises ConfigError where matplotlib is not installed."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    pages = [_page(card, number) for number, card in enumerate(cards)]
    return environment.get_template(TEMPLATE).render(pages=pages)


def _page(card: Scorecard, number: int) -> Page:
    beside = [(f"top1 of {name}", top1, aside) for name, top1, _, _, aside in baselines_of(card)]
    return Page(
        card,
        figures_of(card) + beside,
        conditions_of(card),
        list(calibrations_of(card)),
        reliability_of(card),
        risks_of(card.calibration) if card.calibration is not None else [],
        _pictures(card, f"r{number}"),
    )


def _pictures(card: Scorecard, prefix: str) -> list[tuple[str, str]]:
    found = [
        ("Top-1 beside the simple methods; of random, what guessing reaches", plots.against_baselines),
        ("Reliability: the stated probability against what was right; the numbers are cases", _reliability),
        ("Risk and coverage: how many are wrong if only the surest are answered", _risk),
    ]
    pictures = [(caption, draw(card, f"{prefix}p{i}")) for i, (caption, draw) in enumerate(found)]
    if len(card.by_system) > 1:
        caption = "Reliability of each system, in thirds of the stated probability; the numbers are cases"
        pictures.append((caption, plots.reliability_by_system(card.results, f"{prefix}s")))
    groups = {"kind of fault": card.by_kind, "system": card.by_system, "true cause": card.by_truth}
    for place, (what, found_groups) in enumerate(groups.items()):
        if len(found_groups) > 1 and (what != "true cause" or 2 * len(found_groups) <= card.cases):
            picture = plots.by_group(found_groups, f"{prefix}g{place}")
            pictures.append((f"Top-1 by {what}, and how many cases there are", picture))
    return pictures


def _reliability(card: Scorecard, name: str) -> str:
    return plots.reliability(card.results, name)


def _risk(card: Scorecard, name: str) -> str:
    return plots.risk_coverage(card.results, name)
