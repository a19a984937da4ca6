"""What the trouble looks like to somebody who is going to read diffs: what moved, since when, and in which words."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from watchkeeper.analysis.commit_words import COMMON
from watchkeeper.analysis.diffs import words_of
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats

WARN = 13
LEAST_POINTS, BASE_SHARE = 4, 0.12
"""Points, and share of the points before the alert, that a level needs to be called usual."""
SPREADS, LEAST_RISE = 6.0, 0.2
"""A figure has left its level when it is so many spreads and such a share of the level away from it."""
NEARLY_ALL = 0.85
SEEN_OFTEN = 4
"""Lines of a kind that make it a habit, so that it says something when they stop."""
LINES, LENGTH = 20_000, 500
_VARIABLE = re.compile(r"\b[0-9a-f]{8,}\b|\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Move:
    """One figure that left its usual level and stayed away until it was noticed."""

    service: str
    metric: str
    before: float
    now: float
    began: datetime
    give_seconds: float
    """How closely the begin is known."""

    @property
    def ratio(self) -> float:
        """Now by before; large where there was nothing before."""
        return self.now / self.before if self.before > 0 else float("inf")


@dataclass(frozen=True)
class Line:
    """One kind of message: of logs, and of spans that failed."""

    service: str
    template: str
    example: str
    severity: int
    before: int
    now: int
    first: datetime
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """The trouble as it is compared with commits."""

    service: str
    onset: datetime
    give_seconds: float
    moves: tuple[Move, ...]
    lines: tuple[Line, ...]
    """What is said now, the newest kinds with the most severe first."""
    words: Mapping[str, float]
    """Words of the trouble, with how much they say (0 to 1)."""
    gone: frozenset[str]
    """Words that are no longer said."""
    steady: Mapping[tuple[str, str], float]
    """Levels of figures that did not move, by service and metric."""
    edges: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Who calls whom."""
    services: frozenset[str] = field(default_factory=frozenset)

    @property
    def latest(self) -> datetime:
        """A cause began at this moment at the latest."""
        return self.onset + timedelta(seconds=self.give_seconds)

    @property
    def troubled(self) -> frozenset[str]:
        """Who shows trouble: its own figures moved, or it writes of it."""
        shown = {move.service for move in self.moves}
        return frozenset({self.service, *shown, *(line.service for line in self.lines if line.severity >= WARN)})

    def near(self, service: str) -> bool:
        """Whether a service calls somebody in trouble, or is called by one."""
        return any({service, other} & self.troubled for a, other in self.edges if a == service) or any(
            a in self.troubled for a, other in self.edges if other == service
        )


def picture(
    service: str, measure: str | None, text: str, at: datetime, metrics: pa.Table, logs: pa.Table, spans: pa.Table
) -> Picture:
    """What metrics (buckets), logs and spans show of what was noticed at `at` in a service."""
    series = list(_series(metrics, at))
    moves = sorted(
        (m for m in (_moved(*key, times, values) for key, times, values in series) if m is not None),
        key=lambda m: (m.service != service, m.metric != measure, m.began),
    )
    moving = {(m.service, m.metric) for m in moves}
    own = next((m for m in moves if m.service == service and m.metric == measure), None)
    own = own or next((m for m in moves if m.service == service), None)
    messages = [*_messages(logs), *_failures(spans)]
    onset, give = (own.began, own.give_seconds) if own is not None else (_first_trouble(messages, service, at), 120.0)
    split = onset - timedelta(seconds=give)
    lines = _lines(messages, split, at)
    words, gone = _vocabulary(service, measure, text, moves, lines, spans, split)
    edges, seen = _edges(spans)
    return Picture(
        service=service,
        onset=onset,
        give_seconds=give,
        moves=tuple(moves),
        lines=tuple(lines),
        words=words,
        gone=gone,
        steady={key: float(np.nanmedian(values)) for key, _, values in series if key not in moving},
        edges=edges,
        services=frozenset({service, *seen, *(key[0] for key, _, _ in series), *(m[1] for m in messages)}),
    )


def _series(metrics: pa.Table, at: datetime) -> Iterator[tuple[tuple[str, str], list[datetime], Floats]]:
    """Levels by service and metric up to a moment after it was noticed; what only ever grows as its growth."""
    found: dict[tuple[str, str], dict[datetime, list[float]]] = defaultdict(lambda: defaultdict(list))
    growing: set[tuple[str, str]] = set()
    for row in metrics.select(["time", "service_name", "name", "mean", "temporality", "is_monotonic"]).to_pylist():
        key = (row["service_name"], row["name"])
        if row["mean"] is not None and row["time"] <= at + timedelta(seconds=60):
            found[key][row["time"]].append(row["mean"])
            if row["is_monotonic"] and row["temporality"] == "cumulative":
                growing.add(key)
    for key, points in sorted(found.items()):
        times = sorted(points)
        values = np.array([float(np.mean(points[time])) for time in times])
        if key in growing:
            times, values = times[1:], np.maximum(np.diff(values), 0.0)
        if len(times) >= LEAST_POINTS + 2:
            yield key, times, values


def _moved(service: str, metric: str, times: list[datetime], values: Floats) -> Move | None:
    """When the figure left its level for good; None where it did not.

    The level is first that of the earliest points, then that of all points before it was left.
    """
    first, size = max(LEAST_POINTS, int(BASE_SHARE * values.size)), values.size
    left = None
    for _ in range(2):
        level, spread = location_scale(values[:first])
        band = max(SPREADS * max(spread, 0.0), LEAST_RISE * abs(level), 1e-9)
        outside = np.abs(values - level) > band
        share = np.cumsum(outside[::-1])[::-1] / np.arange(size, 0, -1)
        starts = np.flatnonzero(outside & (share >= NEARLY_ALL))
        starts = starts[starts >= LEAST_POINTS]
        if starts.size == 0 or starts[0] > size - 2:
            return None
        left = int(starts[0])
        first = max(LEAST_POINTS, left)
    assert left is not None
    calm = np.flatnonzero(np.abs(values[:left] - level) <= max(2 * spread, band / 4))
    last = int(calm[-1]) if calm.size else left - 1
    now = float(np.median(values[-max(2, (size - left) // 4) :]))
    step = (times[left] - times[left - 1]).total_seconds()
    give = max(step, (times[left] - times[last]).total_seconds())
    return Move(service, metric, float(level), now, times[left], give)


Message = tuple[datetime, str, int, str]
"""When, by whom, how severe, and its text."""


def _messages(logs: pa.Table) -> Iterator[Message]:
    for row in logs.slice(0, LINES).select(["time", "service_name", "severity_number", "body"]).to_pylist():
        if row["body"]:
            yield row["time"], row["service_name"], row["severity_number"] or 9, row["body"][:LENGTH]


def _failures(spans: pa.Table) -> Iterator[Message]:
    columns = ["time", "service_name", "status_code", "status_message", "name", "attributes"]
    for row in spans.slice(0, LINES).select(columns).to_pylist():
        if row["status_code"] == "error":
            told = " ".join(f"{k}={v}" for k, v in (row["attributes"] or ())[:10])
            yield row["time"], row["service_name"], 17, f"{row['name']}: {row['status_message'] or ''} {told}"[:LENGTH]


def _first_trouble(messages: Iterable[Message], service: str, at: datetime) -> datetime:
    """When the service first wrote a kind of warning that it had not written in the first half; else when noticed."""
    known = sorted(m for m in messages if m[0] <= at and m[2] >= WARN)
    own = [m for m in known if m[1] == service] or known
    return own[0][0] if own else at


def _lines(messages: Iterable[Message], split: datetime, at: datetime) -> list[Line]:
    """Kinds of messages with how many came before and since; those that are new or severe first."""
    groups: dict[tuple[str, str], list[Message]] = defaultdict(list)
    for message in messages:
        groups[message[1], _VARIABLE.sub("<n>", message[3])].append(message)
    found = []
    for (service, template), group in groups.items():
        since = sorted(m for m in group if m[0] >= split)
        before = len(group) - len(since)
        severity = max(m[2] for m in group)
        told = since or sorted(group)
        examples = tuple(m[3] for m in told[:60])
        found.append(Line(service, template, told[0][3], severity, before, len(since), told[0][0], examples))
    return sorted(found, key=lambda n: (n.before > 0, -n.severity, -n.now, n.service, n.template))


def _is_new(line: Line) -> bool:
    return line.now >= 1 and line.now > 3 * line.before and (line.severity >= WARN or line.now >= SEEN_OFTEN)


def _vocabulary(
    service: str,
    measure: str | None,
    text: str,
    moves: Iterable[Move],
    lines: Iterable[Line],
    spans: pa.Table,
    split: datetime,
) -> tuple[dict[str, float], frozenset[str]]:
    """Words of the trouble with their weight, and words that are said no more."""
    said: dict[str, float] = {}
    usual: set[str] = set()
    stopped: set[str] = set()

    def tell(words: Iterable[str], weight: float) -> None:
        for word in set(words) - COMMON:
            said[word] = max(said.get(word, 0.0), weight)

    for line in lines:
        words = words_of(line.template.replace("<n>", " "))
        if _is_new(line):
            tell(words, 1.0 if line.severity >= WARN else 0.7)
        elif line.before:
            usual.update(words)
        if line.before >= SEEN_OFTEN and line.now == 0:
            stopped.update(words)
    for move in moves:
        tell(words_of(move.metric), 0.7 if move.service == service else 0.5)
    tell(words_of(text), 0.6)
    tell(words_of(measure or ""), 0.8)
    before, now = _of_spans(spans, split)
    tell(now - before, 0.8)
    tell(now & before, 0.3)
    new = {word: weight * (0.5 if word in usual and weight >= 0.7 else 1.0) for word, weight in said.items()}
    return new, frozenset(((stopped - set(said)) | (before - now if now else set())) - COMMON)


def _of_spans(spans: pa.Table, split: datetime) -> tuple[set[str], set[str]]:
    before: set[str] = set()
    now: set[str] = set()
    for row in spans.slice(0, LINES).select(["time", "name", "attributes"]).to_pylist():
        told = [v for k, v in row["attributes"] or () if k.startswith("db.") and not k.endswith("system")]
        (now if row["time"] >= split else before).update(words_of(" ".join([row["name"], *told])[:LENGTH]))
    return before, now


def _edges(spans: pa.Table) -> tuple[frozenset[tuple[str, str]], set[str]]:
    rows = spans.slice(0, LINES).select(["span_id", "parent_span_id", "service_name"]).to_pylist()
    owner = {row["span_id"]: row["service_name"] for row in rows}
    pairs = {(owner[r["parent_span_id"]], r["service_name"]) for r in rows if r["parent_span_id"] in owner}
    return frozenset((a, b) for a, b in pairs if a != b), set(owner.values())
