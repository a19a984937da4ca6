"""The pictures of a report: scalable, in the page's own colours, made from scorecards."""

import io
import re
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from watchkeeper.casebook.figures import wilson
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation import calibration
from watchkeeper.evaluation.calibration import is_first
from watchkeeper.evaluation.intervals import Interval
from watchkeeper.evaluation.scorecard import Group, Result, Scorecard

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"
"""Stands for the page's text colour, which is not known when the picture is drawn."""
ENGINE, SIMPLE = "#2f7ebc", "#9a9a9a"
BINS, WIDE_BINS = 5, 3
SYSTEMS = (("#2f7ebc", "o"), ("#d1772a", "s"), ("#3f9b57", "^"), ("#a05bb5", "D"), ("#c74a4a", "v"), ("#7a7a7a", "x"))
"""Colour and mark of each system; of more only the first are drawn."""


def reliability(results: Sequence[Result], name: str) -> str:
    """How often the first candidate was right, by the probability that was stated for it, as SVG."""
    figure, axes = _figure(3.6)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    rated = [(r.probability, is_first(r)) for r in results if r.probability is not None]
    for low in np.linspace(0, 1, BINS, endpoint=False):
        inside = [(p, hit) for p, hit in rated if low <= p < low + 1 / BINS or (p == 1.0 and low + 1 / BINS >= 1)]
        if inside:
            stated, hits = float(np.mean([p for p, _ in inside])), sum(hit for _, hit in inside)
            _dot(axes, stated, hits / len(inside), wilson(hits, len(inside)))
            _count(axes, len(inside), (stated, hits / len(inside)), INK)
    axes.set(xlim=(0, 1), ylim=(-0.03, 1.03), xlabel="stated probability", ylabel="share that was right")
    return _svg(figure, name)


def reliability_by_system(results: Sequence[Result], name: str) -> str:
    """The same for each system by itself, in wider bins and without intervals, as SVG."""
    figure, axes = _figure(3.6)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    systems = sorted({r.system for r in results} - {""})[: len(SYSTEMS)]
    for (colour, mark), system in zip(SYSTEMS, systems, strict=False):
        rated = [(r.probability, is_first(r)) for r in results if r.system == system and r.probability is not None]
        bins: dict[int, list[tuple[float, bool]]] = {}
        for probability, hit in rated:
            bins.setdefault(min(int(probability * WIDE_BINS), WIDE_BINS - 1), []).append((probability, hit))
        points = [(fmean(p for p, _ in inside), fmean(hit for _, hit in inside)) for _, inside in sorted(bins.items())]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, marker=mark, linewidth=1, label=system[:30])
        for (x, y), (_, inside) in zip(points, sorted(bins.items()), strict=True):
            _count(axes, len(inside), (x, y), colour)
    axes.set(xlim=(0, 1), ylim=(-0.03, 1.03), xlabel="stated probability", ylabel="share that was right")
    axes.legend(fontsize=8, labelcolor=INK, frameon=False, loc="lower right")
    return _svg(figure, name)


def risk_coverage(results: Sequence[Result], name: str) -> str:
    """How many answers are wrong when only the surest are given, over how many are given, as SVG.

    Cases by their stated probability, whatever the status; those without one come last, and only a `none` can be right.
    """
    figure, axes = _figure(3.6)
    curve = calibration.risk_coverage(results)
    axes.step([covered for covered, _ in curve], [risk for _, risk in curve], where="mid", color=ENGINE)
    answered = [r for r in results if r.status in ("answered", "none")]
    if answered:
        here = (len(answered) / len(results), sum(not r.is_hit for r in answered) / len(answered))
        axes.plot(*here, "o", color=ENGINE)
        axes.annotate("as run", here, xytext=(6, 6), textcoords="offset points", color=INK, fontsize=8)
    axes.set(xlim=(0, 1.02), ylim=(-0.03, 1.03), xlabel="share of cases answered", ylabel="share of them wrong")
    return _svg(figure, name)


def against_baselines(card: Scorecard, name: str) -> str:
    """Top-1 of the engine, with and without the right to abstain, beside the simple methods, as SVG."""
    rows: list[tuple[str, float, Interval, str]] = [
        ("watchkeeper", card.top1, card.intervals["top1"], ENGINE),
        ("watchkeeper, forced", card.forced_top1, card.intervals["forced_top1"], ENGINE),
        *((baseline, b.top1, b.intervals["top1"], SIMPLE) for baseline, b in card.baselines.items()),
    ]
    return _bars(rows, name)


def by_group(groups: Mapping[str, Group], name: str) -> str:
    """Top-1 of each kind, system or truth, as SVG."""
    return _bars([(f"{key} ({g.cases})", g.top1, g.intervals["top1"], ENGINE) for key, g in groups.items()], name)


def _bars(rows: Sequence[tuple[str, float, Interval, str]], name: str) -> str:
    figure, axes = _figure(0.6 + 0.3 * len(rows))
    for place, (_, share, interval, colour) in enumerate(rows):
        axes.barh(place, share, color=colour, height=0.6)
        axes.plot(interval, (place, place), color=INK, linewidth=1)
    axes.set_yticks(range(len(rows)), [label[:40] for label, *_ in rows])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="top-1")
    return _svg(figure, name)


def _dot(axes: "Axes", x: float, y: float, interval: Interval) -> None:
    axes.plot((x, x), interval, color=INK, linewidth=1)
    axes.plot(x, y, "o", color=ENGINE)


def _count(axes: "Axes", cases: int, at: tuple[float, float], colour: str) -> None:
    axes.annotate(f"{cases}", at, xytext=(5, -9), textcoords="offset points", color=colour, fontsize=8)


def _figure(height: float) -> tuple["Figure", "Axes"]:
    """An empty picture; raises ConfigError where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ConfigError(
            "a report needs the extra watchkeeper[eval], of which matplotlib is missing: "
            "run `uv sync --extra eval`, or `pip install 'watchkeeper[eval]'`"
        ) from error
    figure = Figure(figsize=(5.2, height), layout="constrained")
    axes = figure.add_subplot()
    axes.tick_params(colors=INK, labelsize=8)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    return figure, axes


def _svg(figure: "Figure", name: str) -> str:
    """The picture as markup for the inside of a page; `name` keeps its ids apart from other pictures'."""
    from matplotlib import rc_context

    drawn = io.StringIO()
    # Text stays text, and a dollar in a name begins no formula.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "text.parse_math": False}):
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    markup = drawn.getvalue()
    markup = markup[markup.index("<svg") :].replace(INK, "currentColor")
    markup = re.sub(r"<metadata>.*?</metadata>", "", markup, flags=re.DOTALL)
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", markup)
