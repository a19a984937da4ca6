"""Reads over a DuckDB connection that holds the six tables: everything that `Sources` promises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.tables import TABLES, TableName
from watchkeeper.telemetry import aggregate_queries, portion_queries, row_queries
from watchkeeper.telemetry.asking import Ask, asking
from watchkeeper.telemetry.sources import (
    Answer,
    CallQuery,
    Cancel,
    ChangeQuery,
    EventQuery,
    ExtentQuery,
    FeedbackQuery,
    LogCountQuery,
    LogQuery,
    MetricBucketQuery,
    MetricQuery,
    PortionQuery,
    Query,
    RedQuery,
    SpanQuery,
    UserQuery,
)
from watchkeeper.telemetry.sql import Sql


class Store:
    """The embedded store's reading side. Safe to use from many threads: each question has a cursor of its own."""

    def __init__(self, new_cursor: Callable[[], duckdb.DuckDBPyConnection], close: Callable[[], None]) -> None:
        self._new_cursor = new_cursor
        self._close = close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connection, where it is the store's own."""
        self._close()

    def points(self, query: MetricQuery, cancel: Cancel | None = None) -> Answer:
        """Metric points in order of time; beyond the limit the later ones are left out."""
        matching = row_queries.points_matching(query)
        statement = row_queries.rows("metrics", matching, query.limit + 1, row_queries.POINT_KEY)
        return self._rows("metrics", statement, query.limit, query, cancel)

    def records(self, query: LogQuery, cancel: Cancel | None = None) -> Answer:
        """Log records in order of time; beyond the limit a sample spread evenly over the window."""
        matching = row_queries.logs_matching(query)
        with asking(self._new_cursor(), query.timeout_seconds, cancel) as ask:
            sample = _sample(ask, row_queries.log_slots, "logs", matching, query.limit)
            chosen = row_queries.sampled("logs", matching, sample.slots)
            return _answer(ask, "logs", row_queries.rows("logs", chosen, query.limit), is_truncated=sample.is_part)

    def spans(self, query: SpanQuery, cancel: Cancel | None = None) -> Answer:
        """Spans in order of time; beyond the limit whole traces are left out, the same ones each time."""
        matching = row_queries.spans_matching(query)
        with asking(self._new_cursor(), query.timeout_seconds, cancel) as ask:
            sample = _sample(ask, row_queries.span_slots, "spans", matching, query.limit)
            chosen = row_queries.sampled("spans", matching, sample.slots)
            unique_by = row_queries.SPAN_KEY if sample.has_duplicates else None
            statement = row_queries.rows("spans", chosen, query.limit, unique_by)
            return _answer(ask, "spans", statement, is_truncated=sample.is_part)

    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer:
        """Requests, errors and durations per step."""
        return self._figures(aggregate_queries.red(query), query, cancel)

    def calls(self, query: CallQuery, cancel: Cancel | None = None) -> Answer:
        """Who calls whom, per step."""
        return self._figures(aggregate_queries.calls(query), query, cancel)

    def portions(self, query: PortionQuery, cancel: Cancel | None = None) -> Answer:
        """Requests by attribute and value; which attributes there are is asked first, where none is named."""
        with asking(self._new_cursor(), query.timeout_seconds, cancel) as ask:
            keys = query.keys or _keys(ask, query)
            [counted] = ask(row_queries.count_of("spans", portion_queries.requests_of(query))).to_pylist()
            has_duplicates = counted["rows"] > counted["different"]
            statement = portion_queries.portions(query, keys, has_duplicates=has_duplicates)
            return Answer(rows=ask(statement), query=statement.spelled_out())

    def users(self, query: UserQuery, cancel: Cancel | None = None) -> Answer:
        """How many people sent requests, and how many met trouble."""
        return self._figures(portion_queries.users(query), query, cancel)

    def metric_buckets(self, query: MetricBucketQuery, cancel: Cancel | None = None) -> Answer:
        """What each series did, per step."""
        return self._figures(aggregate_queries.metric_buckets(query), query, cancel)

    def log_counts(self, query: LogCountQuery, cancel: Cancel | None = None) -> Answer:
        """How many records of which severity, per step."""
        return self._figures(aggregate_queries.log_counts(query), query, cancel)

    def changes(self, query: ChangeQuery, cancel: Cancel | None = None) -> Answer:
        """Changes in order of time."""
        return self._rows("changes", row_queries.changes(query), query.limit, query, cancel)

    def feedback(self, query: FeedbackQuery, cancel: Cancel | None = None) -> Answer:
        """Feedback in order of time."""
        return self._rows("feedback", row_queries.feedback(query), query.limit, query, cancel)

    def events(self, query: EventQuery, cancel: Cancel | None = None) -> Answer:
        """Product events in order of time."""
        return self._rows("events", row_queries.events(query), query.limit, query, cancel)

    def extent(self, query: ExtentQuery, cancel: Cancel | None = None) -> Answer:
        """What is there: first and last times and rows (duplicates counted), a table and service."""
        return self._figures(row_queries.extent(query, tuple(TABLES)), query, cancel)

    def _figures(self, statement: Sql, query: Query | ExtentQuery, cancel: Cancel | None) -> Answer:
        with asking(self._new_cursor(), query.timeout_seconds, cancel) as ask:
            return Answer(rows=ask(statement), query=statement.spelled_out())

    def _rows(self, table: TableName, statement: Sql, limit: int, query: Query, cancel: Cancel | None) -> Answer:
        """The statement asks for one row more than the limit: that row tells that there were more."""
        with asking(self._new_cursor(), query.timeout_seconds, cancel) as ask:
            answer = _answer(ask, table, statement, is_truncated=False)
        return Answer(answer.rows.slice(0, limit), answer.query, is_truncated=answer.rows.num_rows > limit)


def _keys(ask: Ask, query: PortionQuery) -> tuple[str, ...]:
    found = ask(portion_queries.telling_keys(query))["key"].to_pylist()
    return (*portion_queries.COLUMN_OF, *found)


def _answer(ask: Ask, table: TableName, statement: Sql, *, is_truncated: bool) -> Answer:
    rows = ask(statement).cast(TABLES[table])
    return Answer(rows=rows, query=statement.spelled_out(), is_truncated=is_truncated)


@dataclass(frozen=True)
class _Sample:
    """Which rows to read: those of the first so many slots (None: all), and whether some are there twice."""

    slots: int | None
    has_duplicates: bool

    @property
    def is_part(self) -> bool:
        return self.slots is not None


def _sample(ask: Ask, slots_of: Callable[[Sql], Sql], table: TableName, matching: Sql, limit: int) -> _Sample:
    """As many slots as stay within the limit, and at least one that is not empty."""
    [counted] = ask(row_queries.count_of(table, matching)).to_pylist()
    has_duplicates = counted["rows"] > counted["different"]
    if counted["different"] <= limit:
        return _Sample(None, has_duplicates)
    slots = ask(slots_of(matching))
    sums = pc.cumulative_sum(slots["rows"].cast(pa.int64()))
    fitting = pc.sum(pc.less_equal(sums, limit)).as_py()
    return _Sample(int(slots["slot"][max(fitting, 1) - 1].as_py()) + 1, has_duplicates)
