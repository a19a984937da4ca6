"""Which rows of evidence make a chart: a course over time, or how it is now against before."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.domain import Claim, Evidence, Scalar
from watchkeeper.server.pages.incident.view import phrases

TIMES, SERIES, BARS = 3, 6, 6
"""Times that make a course; lines and bars that are shown at most."""
FAINT = 0.02
"""Bars shorter than this share of the longest are not shown."""
_MEASURES = (
    "mean_ms", "p95_ms", "own_ms", "per_request", "error_ratio", "share", "requests", "records", "value", "mean",
    "count", "errors",
)  # fmt: skip
"""What is shown where no claim says which figure it is about, the most telling first."""
_SELECTED = re.compile(r"\w+(?:\.\d+)?\(\s*(\w+)\s*\)")
_WHERE = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"')
_NAMES = ("service", "service_name", "caller", "callee", "component", "operation", "span", "version", "attribute")
_MORE_NAMES = ("value", "name", "metric", "exception", "severity")


@dataclass(frozen=True)
class Mark:
    """A moment on the axis of time."""

    at: float
    """Milliseconds since 1970, as charts count."""
    label: str
    is_onset: bool = False


@dataclass(frozen=True)
class Line:
    """One series: its name and its points, (milliseconds since 1970, value)."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Course:
    """A figure over time."""

    measure: str
    unit: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Bar:
    """One row: its name, the figure before (None where there is none) and now."""

    name: str
    before: float | None
    now: float
    is_cited: bool = False
    """Whether a claim is about this row."""


@dataclass(frozen=True)
class Comparison:
    """A figure of several rows, before and now."""

    measure: str
    unit: str
    bars: tuple[Bar, ...]
    is_before_known: bool


Chart = Course | Comparison


def chart_of(item: Evidence, claims: Sequence[Claim], marks: tuple[Mark, ...]) -> Chart | None:
    """The chart of evidence that those claims cite; None where its rows make none."""
    return _course(item, claims, marks) or _comparison(item, claims)


def _course(item: Evidence, claims: Sequence[Claim], marks: tuple[Mark, ...]) -> Course | None:
    columns = item.rows.columns
    if "time" not in columns:
        return None
    measure = _measure(item, claims, columns)
    if measure is None:
        return None
    at, of = columns.index("time"), columns.index(measure)
    found: dict[str, list[tuple[float, float]]] = {}
    for row in item.rows.values:
        time, value = phrases.time_of(row[at]), row[of]
        if time is not None and _is_number(value):
            found.setdefault(_name(columns, row), []).append((_milliseconds(time), float(value)))  # type: ignore[arg-type]
    lines = [Line(name, tuple(sorted(points))) for name, points in found.items() if len(dict(points)) == len(points)]
    lines = [line for line in lines if len(line.points) >= TIMES]
    if not lines:
        return None
    first = min(line.points[0][0] for line in lines)
    last = max(line.points[-1][0] for line in lines)
    inside = tuple(mark for mark in marks if first <= mark.at <= last)
    return Course(_measure_words(measure), _unit(measure), tuple(lines[:SERIES]), inside)


def _comparison(item: Evidence, claims: Sequence[Claim]) -> Comparison | None:
    columns = item.rows.columns
    paired = [name for name in columns if f"{name}_before" in columns]
    candidates = paired or [name for name in columns if name == "share"]
    measure = _measure(item, claims, candidates)
    if measure is None or "time" in columns:
        return None
    before = columns.index(f"{measure}_before") if measure in paired else None
    of, cited = columns.index(measure), [_cited(claim) for claim in claims]
    bars = []
    for row in _alike(item, cited):
        value, was = row[of], row[before] if before is not None else None
        if _is_number(value):
            about = any(where and _meets(columns, row, where) for where in cited)
            bars.append(Bar(_name(columns, row), _number(was), float(value), about))  # type: ignore[arg-type]
    if not bars:
        return None
    return Comparison(_measure_words(measure), _unit(measure), _telling(bars), before is not None)


def _telling(bars: list[Bar]) -> tuple[Bar, ...]:
    """What claims are about, then what moved most; what can hardly be seen beside it is left to the table."""
    ranked = sorted(bars, key=lambda bar: (not bar.is_cited, -abs(bar.now - (bar.before or 0.0))))
    least = FAINT * max(max(abs(bar.now), abs(bar.before or 0.0)) for bar in bars)
    seen = [bar for bar in ranked if bar.is_cited or max(abs(bar.now), abs(bar.before or 0.0)) >= least]
    return tuple((seen or ranked)[:BARS])


def _alike(item: Evidence, cited: Iterable[dict[str, str]]) -> Iterable[tuple[Scalar, ...]]:
    """Rows that can stand on one axis: where they have units of their own, those of the metric that is cited."""
    columns = item.rows.columns
    if "unit" not in columns or "metric" not in columns:
        return item.rows.values
    metric = columns.index("metric")
    wanted = {row[metric] for row in item.rows.values for where in cited if where and _meets(columns, row, where)}
    return [row for row in item.rows.values if row[metric] in wanted] if len(wanted) == 1 else []


def _measure(item: Evidence, claims: Sequence[Claim], among: Iterable[str]) -> str | None:
    numeric = [name for name in among if _is_numeric(item, name)]
    asked = [m[1].removesuffix("_before") for claim in claims if (m := _SELECTED.match(claim.selector))]
    return next((name for name in (*asked, *_MEASURES) if name in numeric), None)


def _is_numeric(item: Evidence, name: str) -> bool:
    place = item.rows.columns.index(name)
    values = [row[place] for row in item.rows.values if row[place] is not None]
    return bool(values) and all(_is_number(value) for value in values)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Scalar) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _cited(claim: Claim) -> dict[str, str]:
    """The conditions of a claim's selector that ask for equal text."""
    return dict(_WHERE.findall(claim.selector))


def _meets(columns: Sequence[str], row: Sequence[Scalar], where: dict[str, str]) -> bool:
    return all(name in columns and str(row[columns.index(name)]) == wanted for name, wanted in where.items())


def _name(columns: Sequence[str], row: Sequence[Scalar]) -> str:
    named = {name: str(row[place]) for place, name in enumerate(columns) if isinstance(row[place], str)}
    parts = [named[name] for name in (*_NAMES, *_MORE_NAMES) if named.get(name)][:3]
    arrow = "caller" in named and "callee" in named
    text = f"{parts[0]} → {' '.join(parts[1:])}" if arrow else " ".join(parts)
    return phrases.line(text or "all", 60)


def _measure_words(measure: str) -> str:
    words = {"own_ms": "own time", "mean_ms": "mean latency", "p95_ms": "p95 latency", "error_ratio": "share failed"}
    return words.get(measure, phrases.line(measure.removesuffix("_ms").replace("_", " "), 60))


def _unit(measure: str) -> str:
    if measure.endswith("_ms"):
        return "ms"
    if measure.endswith("ratio") or measure.startswith("share"):
        return "%"
    return "/s" if measure == "per_second" else ""


def _milliseconds(time: datetime) -> float:
    return round(time.timestamp() * 1000)


def marks_of(onset: datetime | None, changes: Iterable[tuple[datetime, str]]) -> tuple[Mark, ...]:
    """The moments that every chart over time is marked with."""
    found = [Mark(_milliseconds(at), phrases.line(label, 40)) for at, label in changes]
    return (*found, *((Mark(_milliseconds(onset), "first symptom", is_onset=True),) if onset else ()))
