"""What else is new: errors in logs that were never written before, and business figures that fell."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.analysis.budget import chance_of
from watchkeeper.analysis.lognews import ERROR, log_news
from watchkeeper.analysis.robust import rate_drop
from watchkeeper.analysis.series import Floats, Grid, steps_of
from watchkeeper.domain import Signal, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.redaction import redact
from watchkeeper.telemetry.sources import EventQuery, LogQuery, Sources

STEP_SECONDS = 60.0
RECENT_STEPS = 5
PAST_STEPS = 30
HISTORY_STEPS = 240
LEAST_EVENTS = 60
"""Events that must have been expected in the recent steps."""
DROP_SHARE = 0.5
RECENT_SECONDS = 120.0
PAST_SECONDS = 1800.0
LEAST_PAST_SECONDS = 600.0
LEAST_LINES = 10
LEAST_MINUTES = 2
"""Minutes in which a new error was written: what a restart writes is written once."""
RECORDS = 20_000
EXAMPLE = 200
LONGEST_NAME = 100


class NewsWatch:
    """Looks once a minute at error lines and product events; events of a minute that is over are asked for once."""

    def __init__(self, sources: Sources, alarms_a_week: float) -> None:
        self._sources, self._alarms = sources, alarms_a_week
        self._counts: dict[str, Floats] = {}
        self._grid: Grid | None = None

    def look(self, end: datetime) -> list[Signal]:
        """New errors and fallen business figures at that moment; nothing where the source is down."""
        found: list[Signal] = []
        for part in (self._errors, self._events):
            try:
                found += part(end)
            except SourceUnavailable:
                continue
        return found

    def _errors(self, end: datetime) -> list[Signal]:
        recent = Window.before(end, RECENT_SECONDS)
        query = LogQuery(window=recent, minimum_severity=ERROR, limit=RECORDS)
        if self._sources.records(query).rows.num_rows < LEAST_LINES:
            return []
        past = Window.before(recent.start, PAST_SECONDS)
        whole = Window(start=past.start, end=end)
        rows = self._sources.records(LogQuery(window=whole, minimum_severity=ERROR, limit=RECORDS)).rows
        if not self._has_past(recent):
            return []
        chance = chance_of(self._alarms, 1, RECENT_SECONDS)
        news = log_news(rows, past, recent, significance=min(1e-3, chance), least=LEAST_LINES)
        return [
            _error_signal(each.service, each.template, each.example, each.after, end)
            for each in news
            if each.is_new and (recent.end - each.first).total_seconds() >= RECENT_SECONDS / LEAST_MINUTES
        ]

    def _has_past(self, recent: Window) -> bool:
        """Whether anybody logged anything ten minutes ago: without a past everything is new."""
        before = Window.before(recent.start - timedelta(seconds=LEAST_PAST_SECONDS), PAST_SECONDS)
        return bool(self._sources.records(LogQuery(window=before, limit=1)).rows.num_rows)

    def _events(self, end: datetime) -> list[Signal]:
        grid, fresh = self._minutes(end)
        if fresh:
            asked = Window(start=grid.time_of(grid.size - fresh), end=grid.time_of(grid.size))
            rows = self._sources.events(EventQuery(window=asked)).rows
            new = counted(rows, Grid(asked.start, STEP_SECONDS, fresh))
            empty = np.zeros(HISTORY_STEPS)
            self._counts = {
                name: np.concatenate([self._counts.get(name, empty), new.get(name, np.zeros(fresh))])[-HISTORY_STEPS:]
                for name in self._counts.keys() | new.keys()
            }
            self._grid = grid
        chance = chance_of(self._alarms, len(self._counts), RECENT_STEPS * STEP_SECONDS)
        return [s for name, counts in sorted(self._counts.items()) if (s := fallen(name, counts, chance, end))]

    def _minutes(self, end: datetime) -> tuple[Grid, int]:
        """The minutes up to that moment, and how many of them have not been asked for."""
        last = datetime.fromtimestamp(end.timestamp() // STEP_SECONDS * STEP_SECONDS, UTC)
        grid = Grid(last - timedelta(seconds=HISTORY_STEPS * STEP_SECONDS), STEP_SECONDS, HISTORY_STEPS)
        gone = HISTORY_STEPS if self._grid is None else round(self._grid.position_of(grid.start))
        return grid, min(HISTORY_STEPS, gone) if gone >= 0 else HISTORY_STEPS


def counted(events: pa.Table, grid: Grid) -> dict[str, Floats]:
    """Events a step by name, each shape (n,); a step without any is zero."""
    steps = steps_of(events, grid)
    names = pc.fill_null(events["name"], "").to_pylist()
    out: dict[str, Floats] = {}
    for name, step in zip(names, steps.tolist(), strict=True):
        if name and 0 <= step < grid.size:
            out.setdefault(name, np.zeros(grid.size))[step] += 1
    return out


def fallen(name: str, counts: Floats, chance: float, at: datetime) -> Signal | None:
    """A business figure that fell to less than half of what it was, for minutes; None where it did not."""
    known = counts[int(np.flatnonzero(counts)[0]) :] if counts.any() else counts[:0]
    past, recent = known[:-RECENT_STEPS], known[-RECENT_STEPS:]
    if past.size < PAST_STEPS or np.median(past) * RECENT_STEPS < LEAST_EVENTS:
        return None
    usual, now = float(np.median(past)), float(recent.mean())
    if max(now, float(recent[-2:].mean())) > DROP_SHARE * usual or rate_drop(recent, past) > chance:
        return None
    plain = redact(name)[:LONGEST_NAME]
    return Signal(
        kind="business",
        at=at,
        measure=plain,
        direction="down",
        observed=now,
        expected=usual,
        text=f"{plain}: {now:.3g} a minute, usually {usual:.3g}",
    )


def _error_signal(service: str, template: str, example: str, lines: int, at: datetime) -> Signal:
    text = redact(example or template)[:EXAMPLE]
    return Signal(
        kind="anomaly",
        at=at,
        service=service,
        measure="new errors",
        direction="up",
        observed=float(lines),
        expected=0.0,
        text=f"{service} logs an error that it never logged before, {lines} times: {text}",
    )
