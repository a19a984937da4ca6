"""What the rest of the house may ask of telemetry: typed queries in, Arrow tables out.

Every method takes a query and, if the caller may lose interest, a `Cancel`. It raises `QueryRejected` for a
question that makes no sense and `SourceUnavailable` when the backend is down, too slow or was cancelled.
Duplicate exports of a span or a metric point are told once.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, Self

import pyarrow as pa
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from watchkeeper.domain import Window

DEFAULT_LIMIT = 100_000

WHOLE = "service.name"
"""The attribute under which a portion is all requests of a service."""
OTHER = "(other)"
"""The value of a portion that is all values beyond the cap."""
USER_KEYS = ("enduser.id", "user.id", "enduser.pseudo.id", "session.id")
"""Attributes that tell people apart, the one that does so best first."""

Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]


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


GAP = "# not known: "
"""Begins the line of a query's text that says what is missing in the rows."""


def missing(query_text: str) -> str | None:
    """What the text of a joined question says is missing in its rows, and why; None where all were asked."""
    last = query_text.rpartition("\n")[2]
    return last.removeprefix(GAP) if last.startswith(GAP) else None


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


class PortionQuery(Query):
    """Requests (as `RedQuery` counts them) that share an attribute's value, before the incident and in it.

    Columns: service_name, attribute, value, part (`usual | incident`), requests, errors, mean_ms, p95_ms, mean_log_ms
    and sd_log_ms (of the natural logarithm of the duration in ms; the latter null for a single request). All requests
    are counted where they lie, none is left out by a limit. Requests without the attribute are in no row of it.

    Every service's whole is there too, as the attribute `service.name`. Values are cut to 200 characters; those of a
    service beyond `values` are one portion `(other)` without p95_ms: never those with most failures or most time spent.
    """

    keys: tuple[Key, ...] = Field(default=(), max_length=40)
    """`operation` (the span's name), `service.version` and `service.instance.id`, or an attribute of the span, else
    of its resource. None means: these three, and up to 37 attributes that have 2 to 50 values in some service, without
    those that a failure sets (status codes, error types) and those that tell people, processes or threads apart."""
    split: AwareDatetime | None = None
    """Requests from here on are the incident's, those before it are usual; None: all are the incident's."""
    usual_end: AwareDatetime | None = None
    """Requests between this and `split` count as neither; None: there is no gap."""
    values: int = Field(default=20, ge=1, le=50)

    @model_validator(mode="after")
    def _the_gap_lies_before_the_split(self) -> Self:
        if self.usual_end is not None and (self.split is None or self.usual_end > self.split):
            raise ValueError("usual_end lies before split, where there is a split")
        return self


class SlowLimit(BaseModel, frozen=True, extra="forbid"):
    """From how many ms on a request of one operation is slow."""

    service: str
    operation: str
    slow_ms: float = Field(gt=0)


class UserQuery(Query):
    """How many different people sent requests (as `RedQuery` counts them), and how many of them met trouble.

    Columns: attribute, seen, affected (numbers of different values), requests (that carry the attribute). One row an
    attribute, in the order of `keys`; where no request carries it, all are 0. The same person may have a value of each.
    """

    keys: tuple[Key, ...] = Field(default=USER_KEYS, min_length=1, max_length=10)
    slow_ms: float | None = Field(default=None, gt=0)
    """A request that fails is trouble, and one that takes longer than this; None: only failures are."""
    slow_limits: tuple[SlowLimit, ...] = Field(default=(), max_length=200)
    """Limits of single operations, which go before `slow_ms`."""


class ExtentQuery(BaseModel, frozen=True, extra="forbid"):
    """What is there at all. Columns: table, service_name, first, last, rows: one row a table and service."""

    window: Window | None = None
    timeout_seconds: float = Field(default=30.0, gt=0)


class ChangeQuery(Query):
    """Changes that began in the window. Columns: those of `tables.CHANGES`, ordered by time."""

    environment: str | None = None
    with_commits: bool = False
    """Whether rows of kind `commit` come too: their attributes hold code, which must not go wherever changes go."""
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
    def portions(self, query: PortionQuery, cancel: Cancel | None = None) -> Answer: ...
    def users(self, query: UserQuery, cancel: Cancel | None = None) -> Answer: ...


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
