"""Options of the page's charts: names from outside are data only, never a formatter, never a key; colours come last."""

from watchkeeper.server.pages.charts import ACCENT, BAD, LINE, MUTED, Options
from watchkeeper.server.pages.incident.view.charts import Bar, Chart, Comparison, Course

SHADES = (ACCENT, "#070707", "#080808", "#090909", "#0a0a0a", "#0b0b0b")
"""Of lines, the first for what matters most; the style sheet turns them into the theme's colours."""
BAR_PIXELS, COURSE_PIXELS = 34, 220


def options_of(chart: Chart) -> tuple[Options, int]:
    """What ECharts draws, and its height in pixels."""
    if isinstance(chart, Course):
        return _course(chart), COURSE_PIXELS
    return _comparison(chart), BAR_PIXELS * len(chart.bars) + 14


def spoken(chart: Chart) -> str:
    """The chart in a sentence, for those who do not see it."""
    if isinstance(chart, Course):
        return f"{chart.measure} over time of {', '.join(line.name for line in chart.lines)}"
    told = (f"{bar.name} {written(bar.now, chart.unit)}{_usually(bar, chart.unit)}" for bar in chart.bars)
    return f"{chart.measure}: {'; '.join(told)}"


def written(value: float, unit: str) -> str:
    """A figure with its unit."""
    if unit == "%":
        return f"{100 * value:.0f} %" if value == 0 or value >= 0.1 else f"{100 * value:.1f} %"
    if unit == "" and abs(value) >= 10_000_000:
        return f"{value / 1_000_000:,.0f} M"
    return (
        f"{value:,.0f} {unit}".rstrip() if abs(value) >= 10 or value == int(value) else f"{value:,.3g} {unit}".rstrip()
    )


def _usually(bar: Bar, unit: str) -> str:
    return f", before {written(bar.before, unit)}" if bar.before is not None else ""


def _comparison(chart: Comparison) -> Options:
    bars = chart.bars[::-1]
    series = []
    if chart.is_before_known:
        series.append(_bars("before", MUTED, [_labelled(bar.before or 0.0, chart.unit, 0.55) for bar in bars]))
    series.append(_bars("now", ACCENT, [_labelled(bar.now, chart.unit, 1.0, bar.is_cited) for bar in bars]))
    return {
        "animation": False,
        "tooltip": {"show": False},
        "grid": {"left": 4, "right": 76, "top": 2, "bottom": 2, "containLabel": True},
        "xAxis": {"type": "value", "show": False, "min": 0},
        "yAxis": {
            "type": "category",
            "data": [bar.name for bar in bars],
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "axisLabel": {"color": MUTED, "width": 190, "overflow": "truncate", "fontSize": 12},
        },
        "series": series,
    }


def _bars(name: str, colour: str, data: list[Options]) -> Options:
    return {
        "type": "bar", "name": name, "color": colour, "data": data, "barMaxWidth": 10, "barGap": "15%",
        "silent": True, "emphasis": {"disabled": True},
    }  # fmt: skip


def _labelled(value: float, unit: str, opacity: float, is_cited: bool = False) -> Options:
    colour = {"color": BAD} if is_cited else {}
    # A formatter is text of our own here: a figure and a unit.
    label = {"show": True, "position": "right", "formatter": written(value, unit), "color": MUTED, "fontSize": 11}
    # Otherwise a figure is as faint as its bar.
    label["opacity"] = 1
    return {"value": value, "itemStyle": {**colour, "opacity": opacity}, "label": label}


def _course(chart: Course) -> Options:
    lines = [
        {
            "type": "line", "name": line.name, "data": [list(point) for point in line.points], "showSymbol": False,
            "color": SHADES[place], "lineStyle": {"color": SHADES[place], "width": 2}, "emphasis": {"disabled": True},
            "silent": True,
        }
        for place, line in enumerate(chart.lines)
    ]  # fmt: skip
    if lines and chart.marks:
        lines[0]["markLine"] = _marks(chart)
    return {
        "animation": False,
        "tooltip": {"show": False},
        "grid": {"left": 52, "right": 16, "top": 34, "bottom": 24},
        "legend": {"left": 0, "top": 0, "itemWidth": 12, "itemHeight": 3, "selectedMode": False, "type": "scroll"},
        "xAxis": {"type": "time", "axisLabel": {"color": MUTED, "hideOverlap": True}, **_axis()},
        "yAxis": {"type": "value", "axisLabel": {"color": MUTED}, **_axis()},
        "useUTC": True,
        "series": lines,
    }


def graph_options(chart: Course, first: float, last: float) -> Options:
    """A small graph among others of the same lines and marks, which are named once beside them all."""
    made = _course(chart)
    series = made["series"]
    assert isinstance(series, list), "lines are a list"
    if series and chart.marks:
        series[0]["markLine"]["label"] = {"show": False}
        for mark in series[0]["markLine"]["data"]:
            mark["label"] = {"show": False}
    label = {"color": MUTED, "fontSize": 11, "hideOverlap": True}
    return {
        **made,
        "grid": {"left": 4, "right": 22, "top": 8, "bottom": 2, "containLabel": True},
        "legend": {"show": False},
        "xAxis": {
            "type": "time", "min": first, "max": last, "splitNumber": 4, **_axis(),
            "axisLabel": {**label, "formatter": "{HH}:{mm}"}, "splitLine": {"show": False},
        },
        "yAxis": {"type": "value", "min": 0, **_ceiling(chart), "splitNumber": 3, "axisLabel": label, **_axis()},
    }  # fmt: skip


def _ceiling(chart: Course) -> Options:
    """Shares end at all, and where hardly anything failed it must not look like much."""
    if chart.unit != "%":
        return {}
    highest = max((value for line in chart.lines for _, value in line.points), default=0.0)
    return {"max": 100, "interval": 25} if highest > 75 else {"max": 6, "interval": 2} if highest < 6 else {}


def _marks(chart: Course) -> Options:
    return {
        "symbol": "none",
        "silent": True,
        "data": [
            {
                "xAxis": mark.at,
                "name": mark.label,
                "lineStyle": {"color": BAD if mark.is_onset else MUTED, "type": "dashed", "width": 1.5},
                "label": {"show": True, "formatter": "{b}", "position": "end", "color": MUTED, "fontSize": 11},
            }
            for mark in chart.marks
        ],
    }


def _axis() -> Options:
    return {
        "axisLine": {"lineStyle": {"color": LINE}},
        "axisTick": {"show": False},
        "splitLine": {"lineStyle": {"color": LINE}},
    }
