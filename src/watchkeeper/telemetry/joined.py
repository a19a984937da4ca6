"""Two sources as one: the own store, and a Prometheus that adds what only it has measured.

What the store keeps is never lost because the other is down: its rows are answered all the same, and `query` says what
is missing and why (`missing(answer.query)` reads it).
"""

from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.telemetry.sources import (
    GAP,
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
    RedQuery,
    Sources,
    SpanQuery,
    UserQuery,
)

Q = TypeVar("Q")
Ask = Callable[[Q, Cancel | None], Answer]


class Joined:
    """Spans, logs, changes, feedback and events of `store`; metrics of both, requests and calls of either."""

    def __init__(self, store: Sources, prometheus: Sources) -> None:
        self.store = store
        self.prometheus = prometheus

    def points(self, query: MetricQuery, cancel: Cancel | None = None) -> Answer:
        """The store's points, then the other's, as far as the limit goes."""
        joined = _both(self.store.points, self.prometheus.points, query, cancel)
        rows = joined.rows.slice(0, query.limit)
        is_part = joined.is_truncated or joined.rows.num_rows > query.limit
        return Answer(rows.sort_by("time"), joined.query, is_part)

    def metric_buckets(self, query: MetricBucketQuery, cancel: Cancel | None = None) -> Answer:
        """The store's series, then the other's."""
        return _both(self.store.metric_buckets, self.prometheus.metric_buckets, query, cancel)

    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer:
        """Requests as the store's spans tell; of services without any spans in the window as their metrics tell."""
        return _both(self.store.red, self.prometheus.red, query, cancel, own_services_only=True)

    def calls(self, query: CallQuery, cancel: Cancel | None = None) -> Answer:
        """Calls as the store's spans tell; of callers without any in the window as their metrics tell."""
        return _both(self.store.calls, self.prometheus.calls, query, cancel, own_services_only=True)

    def records(self, query: LogQuery, cancel: Cancel | None = None) -> Answer:
        """The store's."""
        return self.store.records(query, cancel)

    def log_counts(self, query: LogCountQuery, cancel: Cancel | None = None) -> Answer:
        """The store's."""
        return self.store.log_counts(query, cancel)

    def spans(self, query: SpanQuery, cancel: Cancel | None = None) -> Answer:
        """The store's."""
        return self.store.spans(query, cancel)

    def portions(self, query: PortionQuery, cancel: Cancel | None = None) -> Answer:
        """The store's."""
        return self.store.portions(query, cancel)

    def users(self, query: UserQuery, cancel: Cancel | None = None) -> Answer:
        """The store's."""
        return self.store.users(query, cancel)

    def changes(self, query: ChangeQuery, cancel: Cancel | None = None) -> Answer:
        """The store's."""
        return self.store.changes(query, cancel)

    def feedback(self, query: FeedbackQuery, cancel: Cancel | None = None) -> Answer:
        """The store's."""
        return self.store.feedback(query, cancel)

    def events(self, query: EventQuery, cancel: Cancel | None = None) -> Answer:
        """The store's."""
        return self.store.events(query, cancel)

    def extent(self, query: ExtentQuery, cancel: Cancel | None = None) -> Answer:
        """What there is in either; a service that is in both has two rows."""
        return _both(self.store.extent, self.prometheus.extent, query, cancel)


def _both(own: Ask[Q], other: Ask[Q], query: Q, cancel: Cancel | None, own_services_only: bool = False) -> Answer:
    """The store's rows, and the other's; without those of services that the store has rows of, where so wished.

    Where the store fails, so does the question; where the other does, the text says so.
    """
    first = own(query, cancel)
    try:
        more = other(query, cancel)
    except (SourceUnavailable, QueryRejected) as error:
        return Answer(first.rows, f"{first.query}\n{GAP}{' '.join(str(error).split())}", first.is_truncated)
    added = more.rows
    if own_services_only:
        known = pc.unique(first.rows["service_name"])
        added = added.filter(pc.invert(pc.is_in(added["service_name"], value_set=known)))
    text = f"{first.query}\n\n# and of Prometheus:\n{more.query}"
    return Answer(_one_after_another(first.rows, added), text, first.is_truncated or more.is_truncated)


def _one_after_another(first: pa.Table, more: pa.Table) -> pa.Table:
    """Both tables as one in the first's columns, in order of time and service where there is a time."""
    rows = pa.concat_tables([first, more.select(first.column_names).cast(first.schema)])
    keys = [name for name in ("time", "service_name", "name", "operation") if name in rows.column_names]
    return rows.sort_by([(key, "ascending") for key in keys]) if more.num_rows and "time" in keys else rows
