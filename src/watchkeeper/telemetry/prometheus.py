"""A Prometheus or VictoriaMetrics as a source: metrics, and what metrics of requests tell of requests and calls.

`Answer.query` is the PromQL that was sent, with its times, to be pasted. Prometheus keeps no spans, lines, changes,
feedback or events: such questions are answered without rows, and the text says so.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from watchkeeper.domain import Window
from watchkeeper.errors import ConfigError
from watchkeeper.telemetry.prometheus_asking import Asking, asking
from watchkeeper.telemetry.prometheus_extent import extent_rows
from watchkeeper.telemetry.prometheus_http import Address
from watchkeeper.telemetry.prometheus_points import bucket_rows, point_rows
from watchkeeper.telemetry.prometheus_requests import OPERATION, Requests
from watchkeeper.telemetry.prometheus_rows import LABELS_BY, NOTHING, USERS, call_rows, red_rows
from watchkeeper.telemetry.prometheus_samples import Samples
from watchkeeper.telemetry.prometheus_steps import Steps
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
    RedQuery,
    SpanQuery,
    UserQuery,
)

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
SERVICE_LABELS = ("service", "service_name", "app", "job")
PAST = timedelta(hours=2)
"""How far back the extent is looked for where no window is given."""


class Prometheus:
    """What the server at `url` (such as http://127.0.0.1:9090) holds; implements `Sources`. Safe to use from threads.

    A service is named by the first of `service_labels` that a series has. The token is sent as bearer token and
    nowhere told. Raises ConfigError for an address, a token or a label that cannot be one.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        timeout_seconds: float = 20.0,
        service_labels: Sequence[str] = SERVICE_LABELS,
    ) -> None:
        self._address = Address(url, token, timeout_seconds).checked()
        self._labels = tuple(service_labels)
        for label in self._labels:
            if not _LABEL.fullmatch(label):
                raise ConfigError(f"prometheus.service_labels: {label!r} is no label's name, expected one like service")

    @property
    def url(self) -> str:
        """The address, without what must not be told of it."""
        return self._address.shown

    def version(self) -> str:
        """What the server says of its version; raises SourceUnavailable where it does not answer."""
        with asking(self._address, self._address.timeout_seconds, None) as ask:
            return ask.version()

    def points(self, query: MetricQuery, cancel: Cancel | None = None) -> Answer:
        """Samples as they were scraped, in order of time; beyond the limit the later ones are left out."""
        with asking(self._address, query.timeout_seconds, cancel) as ask:
            samples = Samples(ask, query.window, query.services, self._labels, query.names, query.attributes)
            measured, is_part = samples.measured()
            rows = point_rows(measured, self._labels)
            return _answer(rows.slice(0, query.limit), ask, is_part or rows.num_rows > query.limit)

    def metric_buckets(self, query: MetricBucketQuery, cancel: Cancel | None = None) -> Answer:
        """What each series did, per step; where there are too many, what tells of requests and resources."""
        with asking(self._address, query.timeout_seconds, cancel) as ask:
            measured, is_part = Samples(ask, query.window, query.services, self._labels, query.names).measured()
            return _answer(bucket_rows(measured, query.step_seconds, self._labels), ask, is_part)

    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer:
        """Requests, errors and durations per step as the services' own metrics tell; the slowest is not known."""
        with asking(self._address, query.timeout_seconds, cancel) as ask:
            steps = Steps.over(query.window, query.step_seconds)
            by = tuple(dict.fromkeys(label for column in query.by for label in LABELS_BY[column]))
            requests = Requests(ask, query.window, steps, query.services, self._labels, by)
            return _answer(red_rows(requests, query.by), ask)

    def calls(self, query: CallQuery, cancel: Cancel | None = None) -> Answer:
        """Who calls whom as the callers' metrics tell, where they name the callee; callees are not asked."""
        with asking(self._address, query.timeout_seconds, cancel) as ask:
            steps = Steps.over(query.window, query.step_seconds)
            return _answer(call_rows(Requests(ask, query.window, steps, query.services, self._labels, OPERATION)), ask)

    def extent(self, query: ExtentQuery, cancel: Cancel | None = None) -> Answer:
        """Services by their labels; the last two hours where no window is given. See `prometheus_extent`."""
        with asking(self._address, query.timeout_seconds, cancel) as ask:
            end = query.window.end if query.window else datetime.fromtimestamp(ask.now() + 1e-3, UTC)
            window = query.window or Window(start=end - PAST, end=end)
            return _answer(extent_rows(ask, window, self._labels), ask)

    def records(self, query: LogQuery, cancel: Cancel | None = None) -> Answer:
        """None."""
        return self._nothing("lines of logs")

    def log_counts(self, query: LogCountQuery, cancel: Cancel | None = None) -> Answer:
        """None."""
        return self._nothing("counts of lines")

    def spans(self, query: SpanQuery, cancel: Cancel | None = None) -> Answer:
        """None."""
        return self._nothing("spans")

    def portions(self, query: PortionQuery, cancel: Cancel | None = None) -> Answer:
        """None: metrics do not tell the attributes of single requests."""
        return self._nothing("attributes of single requests")

    def users(self, query: UserQuery, cancel: Cancel | None = None) -> Answer:
        """As if no request carried any of the attributes."""
        rows = [{"attribute": key, "seen": 0, "affected": 0, "requests": 0} for key in query.keys]
        return Answer(pa.Table.from_pylist(rows, schema=USERS), self._nothing("people").query)

    def changes(self, query: ChangeQuery, cancel: Cancel | None = None) -> Answer:
        """None."""
        return self._nothing("changes")

    def feedback(self, query: FeedbackQuery, cancel: Cancel | None = None) -> Answer:
        """None."""
        return self._nothing("feedback")

    def events(self, query: EventQuery, cancel: Cancel | None = None) -> Answer:
        """None."""
        return self._nothing("product events")

    def _nothing(self, of: str) -> Answer:
        return Answer(NOTHING[of].empty_table(), f"# a Prometheus holds no {of}: {self.url} was not asked")


def _answer(rows: pa.Table, ask: Asking, is_part: bool = False) -> Answer:
    """An answer that the server warned of is one in part."""
    return Answer(rows, ask.text, is_part or bool(ask.warnings))
