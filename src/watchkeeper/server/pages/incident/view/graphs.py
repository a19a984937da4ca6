"""How requests went around the incident, as graphs side by side that share their lines, their marks and their time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from watchkeeper.server.duty import Course as Asked
from watchkeeper.server.pages.incident.view import phrases
from watchkeeper.server.pages.incident.view.charts import Course, Line, Mark

_MEASURES = {
    "requests": ("Requests per second", ""),
    "failed": ("Share that failed", "%"),
    "p95": ("p95 latency", "ms"),
}
_ROLES = {"blamed": "blamed", "affected": "affected", "entry": "where requests come in"}
CHANGES = 6
"""Changes that are marked: the latest."""


@dataclass(frozen=True)
class Graphs:
    """The graphs, and what stands once for all of them."""

    charts: tuple[Course, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    """Each service, and why it is shown; in the order of their colours."""
    marks: tuple[str, ...] = ()
    """What each dashed line stands for, in words; the first symptom, where there is one, is the last."""
    has_onset: bool = False
    first: float = 0.0
    last: float = 0.0
    """From when to when, in milliseconds since 1970."""


def graphs_of(courses: Sequence[Asked], marks: Sequence[Mark]) -> Graphs:
    """The graphs of these courses; none where there is nothing to see."""
    times = [at for course in courses for series in course.series for at, _ in series.points]
    if not times:
        return Graphs()
    first, last = (round(at.timestamp() * 1000) for at in (min(times), max(times)))
    names = {series.service: series.role for course in courses for series in course.series}
    inside = [mark for mark in marks if first <= mark.at <= last]
    onset = [mark for mark in inside if mark.is_onset]
    shown = (*sorted((mark for mark in inside if not mark.is_onset), key=lambda mark: mark.at)[-CHANGES:], *onset)
    return Graphs(
        charts=tuple(_chart(course, list(names), shown) for course in courses),
        lines=tuple((phrases.line(name, 60), _ROLES[role]) for name, role in names.items()),
        marks=tuple(f"{mark.label} {_clock(mark.at)}" for mark in shown),
        has_onset=bool(onset),
        first=first,
        last=last,
    )


def _chart(course: Asked, names: Sequence[str], marks: tuple[Mark, ...]) -> Course:
    """One graph; a service without that figure keeps its place, so that colours mean the same in all of them."""
    measure, unit = _MEASURES[course.figure]
    times = 100.0 if unit == "%" else 1.0
    found = {
        series.service: tuple((round(at.timestamp() * 1000), round(value * times, 3)) for at, value in series.points)
        for series in course.series
    }
    return Course(measure, unit, tuple(Line(phrases.line(name, 60), found.get(name, ())) for name in names), marks)


def _clock(milliseconds: float) -> str:
    return phrases.clock(datetime.fromtimestamp(milliseconds / 1000, UTC))
