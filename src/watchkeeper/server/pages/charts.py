"""Options of the accuracy page's charts: only numbers and words of our own; colours are put in by the style sheet."""

from collections.abc import Iterable

from watchkeeper.casebook.accuracy import Counts, Week
from watchkeeper.casebook.calibration import Calibration

ACCENT, MUTED, LINE = "#010101", "#020202", "#030303"
GOOD, MIDDLING, BAD, OPEN, NONE = "#040404", "#050505", "#060606", "#070707", "#080808"
"""Marks that the style sheet turns into the colours of the theme: a chart in SVG takes them from there."""
WEEKS = 26
"""The latest so many weeks are drawn; the table has them all."""
Options = dict[str, object]

KINDS = (("confirmed", GOOD), ("partly", MIDDLING), ("wrong", BAD), ("not judged", OPEN), ("no answer", NONE))
"""What the bars of a week are made of, from below, and the mark of each one's colour."""


def by_week(weeks: Iterable[Week]) -> Options:
    """How the incidents of each week ended, as stacked bars."""
    shown = list(weeks)[-WEEKS:]
    counts = [_ends(week.figures.counts) for week in shown]
    return _chart(
        xAxis={"type": "category", "data": [week.week for week in shown], **_axis()},
        yAxis={"type": "value", "minInterval": 1, **_axis()},
        series=[
            _quiet(type="bar", name=name, stack="all", color=colour, barMaxWidth=28, data=[each[n] for each in counts])
            for n, (name, colour) in enumerate(KINDS)
        ],
    )


def reliability(calibration: Calibration) -> Options:
    """Stated probability against the share that was confirmed, with its interval; on the diagonal is perfect."""
    series = [_line([[0, 0], [1, 1]], MUTED, type_="dashed", width=1)]
    points = []
    for each in calibration.bins:
        share = each.confirmed
        if each.mean_probability is None or share.value is None or share.low is None or share.high is None:
            continue
        at = round(each.mean_probability, 4)
        series.append(_line([[at, round(share.low, 4)], [at, round(share.high, 4)]], ACCENT, width=2))
        points.append([at, round(share.value, 4)])
    series.append(_quiet(type="scatter", data=points, symbolSize=10, itemStyle={"color": ACCENT, "opacity": 1}))
    ends = {"type": "value", "min": 0, "max": 1, "interval": 0.25, **_axis()}
    named = {"nameLocation": "middle", "nameTextStyle": {"color": MUTED}}
    return _chart(
        xAxis={**ends, **named, "name": "stated", "nameGap": 26},
        yAxis={**ends, **named, "name": "confirmed", "nameGap": 36},
        series=series,
    )


def _ends(counts: Counts) -> tuple[int, ...]:
    return counts.confirmed, counts.partly, counts.wrong, counts.unjudged, counts.abstained + counts.failed


def _chart(**parts: object) -> Options:
    grid = {"left": 48, "right": 12, "top": 12, "bottom": 44}
    words = {"color": MUTED, "fontFamily": "Roboto, system-ui, sans-serif"}
    return {"animation": False, "tooltip": {"show": False}, "grid": grid, "textStyle": words, **parts}


def _axis() -> Options:
    return {
        "axisLine": {"lineStyle": {"color": LINE}},
        "axisTick": {"show": False},
        "splitLine": {"lineStyle": {"color": LINE}},
        "axisLabel": {"color": MUTED, "hideOverlap": True},
    }


def _line(points: list[list[float]], colour: str, *, width: int, type_: str = "solid") -> Options:
    style = {"color": colour, "width": width, "type": type_}
    return _quiet(type="line", data=points, symbol="none", lineStyle=style)


def _quiet(**series: object) -> Options:
    return {**series, "silent": True, "emphasis": {"disabled": True}}
