"""Flows of log lines: what one service said while it did one thing, in order of time, by template.

A flow is the lines of one trace in one service; lines without a trace belong to their thread, if they name it.
"""

from collections import defaultdict
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.analysis.log_templates import Template, Templates
from watchkeeper.domain import Window

THREAD_KEYS = ("thread.id", "thread.name")
WHERE_KEYS = ("code.function.name", "code.file.path", "code.filepath", "code.namespace", "code.function")
LINE_KEYS = ("code.line.number", "code.lineno")
Attributes = list[tuple[str, str]]


@dataclass(frozen=True)
class Line:
    """One line of a flow."""

    at_us: int
    template: Template


@dataclass(frozen=True)
class Flow:
    """Lines of one service that belong together, in order of time; lines of the same time in order of template."""

    service: str
    key: str
    """The trace, or the thread."""
    lines: tuple[Line, ...]


def templates_by_service(records: pa.Table) -> dict[str, Templates]:
    """What each service's lines have in common, learnt from all of them, whatever their order."""
    bodies: dict[str, list[str]] = defaultdict(list)
    for service, body in zip(records["service_name"].to_pylist(), records["body"].to_pylist(), strict=True):
        bodies[service].append(body or "")
    learnt = {}
    for service, lines in bodies.items():
        learnt[service] = Templates()
        learnt[service].learn(lines)
    return learnt


def times_us(records: pa.Table) -> list[int]:
    """The time of each record in microseconds since 1970."""
    return pc.cast(records["time"], pa.timestamp("us", "UTC"), safe=False).cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]


def us_of(window: Window) -> tuple[int, int]:
    """Begin and end of a window in microseconds since 1970."""
    return round(window.start.timestamp() * 1e6), round(window.end.timestamp() * 1e6)


def flows_of(records: pa.Table, learnt: dict[str, Templates]) -> list[Flow]:
    """The flows of a `LogQuery` answer, in order of service and key; lines that belong to none are left out."""
    lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
    columns = (records[c].to_pylist() for c in ("service_name", "trace_id", "attributes", "body"))
    for at, service, trace, attributes, body in zip(times_us(records), *columns, strict=True):
        key = trace or _thread(attributes)
        if key:
            lines[service, key].append(Line(at, learnt[service].of(body or "")))
    return [
        Flow(service, key, tuple(sorted(found, key=lambda line: (line.at_us, line.template.id))))
        for (service, key), found in sorted(lines.items())
    ]


def places_of(records: pa.Table, learnt: dict[str, Templates]) -> dict[tuple[str, str], str]:
    """By service and template id, where in the code the statement stands, if its records say so."""
    found: dict[tuple[str, str], str] = {}
    columns = (records[c].to_pylist() for c in ("service_name", "attributes", "body"))
    for service, attributes, body in zip(*columns, strict=True):
        place = _place(attributes)
        if place:
            key = service, learnt[service].of(body or "").id
            found[key] = min(found.get(key, place), place)
    return found


def begun_in(flows: list[Flow], window: Window) -> list[Flow]:
    """The flows whose first line lies in the window."""
    start, end = us_of(window)
    return [flow for flow in flows if start <= flow.lines[0].at_us < end]


def _thread(attributes: Attributes | None) -> str | None:
    said = dict(attributes or ())
    return next((f"{key} {said[key]}" for key in THREAD_KEYS if said.get(key)), None)


def _place(attributes: Attributes | None) -> str | None:
    said = dict(attributes or ())
    where = next((said[key] for key in WHERE_KEYS if said.get(key)), None)
    line = next((said[key] for key in LINE_KEYS if said.get(key)), None)
    return f"{where}:{line}" if where and line else where
