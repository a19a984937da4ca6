"""What the rest of the house may ask of telemetry: typed queries in, Arrow tables out.

Every method takes a query and, if the caller may lose interest, a `Cancel`. It raises `QueryRejected` for a
question that makes no sense and `SourceUnavailable` when the backend is down, too slow or was cancelled.
Duplicate exports of a span or a metric point are told once.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa
from pydantic import BaseModel, Field

from watchkeeper.domain import Window

DEFAULT_LIMIT = 100_000


class Cancel:
    """A request to stop a query, from any thread; every query that it was given to is interrupted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: list[Callable[[], None]] = []
        self.is_cancelled = False

    def cancel(self) -> None:
        """Stop what runs under this handle and everything that is started under it later."""
        with self._lock:
            self.is_cancelled = True
            stops = list(self._stops)
        for stop in stops:
            stop()

    def register(self, stop: Callable[[], None]) -> Callable[[], None]:
        """Have `stop` called on cancellation; returns a function that takes it off again."""
        with self._lock:
            self._stops.append(stop)
            fire = self.is_cancelled
        if fire:
            stop()
        return lambda: self._stops.remove(stop)


@dataclass(frozen=True)
class Answer:
    """What a source said: rows, the exact text it was asked with, and whether the limit cut rows off."""

    rows: pa.Table
    query: str
    is_truncated: bool = False


class Query(BaseModel, frozen=True, extra="forbid"):
    """What all questions share: the half-open window, optionally services, and the time a reply may take."""

    window: Window
    services: tuple[str, ...] = ()
    """No name means all services."""
    timeout_seconds: float = Field(default=30.0, gt=0)


class AttributeFilter(BaseModel, frozen=True, extra="forbid"):
    """Keep rows whose attribute (else resource attribute) `key` is one of `values`."""

    key: str
    values: tuple[str, ...] = Field(min_length=1)


class MetricQuery(Query):
    """Points of metrics. Columns: those of `tables.METRICS`, ordered by time."""

    names: tuple[str, ...] = ()
    attributes: tuple[AttributeFilter, ...] = ()
    limit: int = Field(default=DEFAULT_LIMIT, gt=0)


class MetricBucketQuery(Query):
    """Gauges and sums per step. Columns: time, service_name, service_instance_id, service_version, name, unit,
    kind, temporality, is_monotonic, attributes, first, last, mean, minimum, maximum, total (the sum of values),
    points (how many), count (of a histogram: the last count).

    One row a series and step; `time` is the step's begin. A cumulative sum's rate is for the reader to take.
    """

    names: tuple[str, ...] = ()
    step_seconds: float = Field(default=10.0, gt=0)


class LogQuery(Query):
    """Log records. Columns: those of `tables.LOGS`, ordered by time.

    Where more than `limit` match, a sample spread evenly over the window is answered and marked truncated.
    """

    minimum_severity: int = 0
    """OpenTelemetry's severity number: 9 info, 13 warn, 17 error; records without one count as 0."""
    contains: str | None = None
    """A part of the body, in the same letters, upper and lower case apart."""
    trace_ids: tuple[str, ...] = ()
    attributes: tuple[AttributeFilter, ...] = ()
    limit: int = Field(default=DEFAULT_LIMIT, gt=0)


class LogCountQuery(Query):
    """How many records per step. Columns: time, service_name, severity (`debug|info|warn|error`), records.

    A record without a severity number is judged by its severity text, and is `info` without either.
    """

    step_seconds: float = Field(default=10.0, gt=0)


class SpanQuery(Query):
    """Spans. Columns: those of `tables.SPANS`, ordered by time.

    Whole traces are kept or left out: where more than `limit` spans match, traces are sampled by the hash of
    their id (the same traces each time) until they fit, and the answer is marked truncated.
    """

    trace_ids: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    only_errors: bool = False
    attributes: tuple[AttributeFilter, ...] = ()
    limit: int = Field(default=DEFAULT_LIMIT, gt=0)


class RedQuery(Query):
    """Requests, errors, durations per step, from entry spans (server or consumer spans, and roots of any kind
    but client). Columns: time (step begin), service_name, then those of `by`, requests, errors, mean_ms, p50_ms,
    p95_ms, p99_ms, maximum_ms. Steps without requests have no row.
    """

    by: tuple[Literal["operation", "service_version", "service_instance_id"], ...] = ()
    """`operation` is the span's name."""
    step_seconds: float = Field(default=10.0, gt=0)


class CallQuery(Query):
    """Who calls whom, per step, from client and producer spans and the spans that answer them.

    Columns: time (step begin), service_name (the caller), callee, is_instrumented (whether the callee reported
    spans itself), operation (the client span's name), requests, errors, mean_ms, p95_ms (as the client saw it),
    callee_mean_ms (as the callee saw it, null where it did not report).

    Where nothing answered, the callee is `peer.service`, else `server.address`, else `db.system.name` (or
    `db.system`), with `/` and the namespace of the database (`db.namespace`, `db.name`) appended where it is known, as
    in `postgresql/orders`; else the row is left out. A span of another service under a span that is no client's is a
    call too: its operation, errors and durations are then those of the callee's span.
    """

    step_seconds: float = Field(default=10.0, gt=0)


class ExtentQuery(BaseModel, frozen=True, extra="forbid"):
    """What is there at all. Columns: table, service_name, first, last, rows: one row a table and service."""

    window: Window | None = None
    timeout_seconds: float = Field(default=30.0, gt=0)


class ChangeQuery(Query):
    """Changes that began in the window. Columns: those of `tables.CHANGES`, ordered by time."""

    environment: str | None = None
    limit: int = Field(default=10_000, gt=0)


class FeedbackQuery(Query):
    """Feedback given in the window. Columns: those of `tables.FEEDBACK`, ordered by time."""

    limit: int = Field(default=DEFAULT_LIMIT, gt=0)


class EventQuery(Query):
    """Product events in the window. Columns: those of `tables.EVENTS`, ordered by time."""

    names: tuple[str, ...] = ()
    limit: int = Field(default=DEFAULT_LIMIT, gt=0)


class Metrics(Protocol):
    """Numbers that were measured over time."""

    def points(self, query: MetricQuery, cancel: Cancel | None = None) -> Answer: ...
    def metric_buckets(self, query: MetricBucketQuery, cancel: Cancel | None = None) -> Answer: ...


class Logs(Protocol):
    """Lines that services wrote."""

    def records(self, query: LogQuery, cancel: Cancel | None = None) -> Answer: ...
    def log_counts(self, query: LogCountQuery, cancel: Cancel | None = None) -> Answer: ...


class Traces(Protocol):
    """Requests as they went through services."""

    def spans(self, query: SpanQuery, cancel: Cancel | None = None) -> Answer: ...
    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer: ...
    def calls(self, query: CallQuery, cancel: Cancel | None = None) -> Answer: ...


class Changes(Protocol):
    """What was released, configured, flipped, migrated or scaled."""

    def changes(self, query: ChangeQuery, cancel: Cancel | None = None) -> Answer: ...


class Feedback(Protocol):
    """What people said about the product."""

    def feedback(self, query: FeedbackQuery, cancel: Cancel | None = None) -> Answer: ...


class Events(Protocol):
    """What people did with the product."""

    def events(self, query: EventQuery, cancel: Cancel | None = None) -> Answer: ...


class Extent(Protocol):
    """What there is to ask about: tables, services, first and last times."""

    def extent(self, query: ExtentQuery, cancel: Cancel | None = None) -> Answer: ...


class Sources(Metrics, Logs, Traces, Changes, Feedback, Events, Extent, Protocol):
    """Everything at once, as the embedded store and its remote face offer it."""
