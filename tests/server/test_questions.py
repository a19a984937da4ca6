import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx
import pytest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from pydantic import BaseModel

from otlp_messages import ARRIVAL, NOON, NOON_NS, log_request, metric_request, span_request
from watchkeeper.domain import Window
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.server.access import OpenToAll
from watchkeeper.server.running import running_server
from watchkeeper.tables import table_of
from watchkeeper.telemetry.live import Batch
from watchkeeper.telemetry.otlp import decode
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.remote import Remote
from watchkeeper.telemetry.sources import Answer, Cancel, ExtentQuery, RedQuery, Sources, SpanQuery
from watchkeeper.telemetry.store import Store
from watchkeeper.telemetry.wire import QUESTIONS

WINDOW = Window(start=NOON - timedelta(minutes=5), end=NOON + timedelta(minutes=5))


class Reading:
    """A store that is only asked."""

    def __init__(self, reader: Sources) -> None:
        self.reader = reader

    def submit(self, batch: Batch) -> "Future[None]":
        raise AssertionError("nothing is sent here")

    def retain(self, now: datetime) -> None: ...


@pytest.fixture(scope="module")
def local() -> Store:
    spans = [span_request(number) for number in range(1, 8)]
    spans.append(span_request(1, span_id=b"\5" * 8, parent_span_id=b"\0" * 7 + b"\2", kind=3, status=Status(code=2)))
    for span in spans[1:]:
        spans[0].MergeFrom(span)
    gauge = metric_request(gauge=m.Gauge(data_points=[m.NumberDataPoint(time_unix_nano=NOON_NS, as_int=7)]))
    at = {"time": NOON, "service_name": "checkout", "attributes": [("k", "v")]}
    return store_of(
        {
            "spans": decode("traces", "protobuf", spans[0].SerializeToString(), ARRIVAL),
            "metrics": decode("metrics", "protobuf", gauge.SerializeToString(), ARRIVAL),
            "logs": decode("logs", "protobuf", log_request().SerializeToString(), ARRIVAL),
            "changes": table_of("changes", [{**at, "id": "c", "kind": "deploy", "commits": ["a"]}]),
            "feedback": table_of("feedback", [{**at, "id": "f", "text": "slow"}]),
            "events": table_of("events", [{**at, "id": "e", "name": "order"}]),
        }
    )


@pytest.fixture(scope="module")
def url(local: Store) -> Iterator[str]:
    with running_server(Reading(local), gate=OpenToAll()) as url:
        yield url


def query_of(kind: type[BaseModel]) -> BaseModel:
    return kind(**({} if kind is ExtentQuery else {"window": WINDOW}))


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_remote_answers_as_the_store_itself_does(url: str, local: Store, question: str) -> None:
    query = query_of(QUESTIONS[question])
    here: Answer = getattr(local, question)(query)
    there: Answer = getattr(Remote(url), question)(query)
    assert here.rows.num_rows > 0 or question == "calls"
    order = [(name, "ascending") for name in here.rows.schema.names if name in ("table", "time", "service_name")]
    order = order or [(here.rows.schema.names[0], "ascending")]
    assert there.rows.schema.equals(here.rows.schema, check_metadata=True)
    assert there.rows.sort_by(order).to_pylist() == here.rows.sort_by(order).to_pylist()
    assert (there.query, there.is_truncated) == (here.query, here.is_truncated)


def test_an_answer_that_was_cut_says_so_from_afar(url: str) -> None:
    answer = Remote(url).spans(SpanQuery(window=WINDOW, limit=3))
    assert answer.is_truncated
    assert answer.rows.num_rows <= 3


def test_an_address_may_come_without_its_scheme(url: str) -> None:
    remote = Remote(url.removeprefix("http://") + "/")
    assert remote.url == url
    assert remote.is_there()


@pytest.mark.parametrize(
    ("question", "body", "reason"),
    [
        ("nothing", b"{}", "there is no question 'nothing', expected one of points"),
        ("red", b"{}", "red: window: Field required"),
        ("red", b"{", "red: the query: Invalid JSON"),
        ("extent", b'{"sql": "DROP TABLE spans"}', "extent: sql: Extra inputs are not permitted"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(url: str, question: str, body: bytes, reason: str) -> None:
    response = httpx.post(f"{url}/v1/query/{question}", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert reason in response.json()["detail"]


class Failing(Reading):
    """A store whose answers are errors."""

    def __init__(self, error: Exception) -> None:
        super().__init__(self)  # type: ignore[arg-type]
        self._error = error

    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer:
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected", "reason"),
    [
        (QueryRejected("the step is too small"), QueryRejected, "^the step is too small$"),
        (SourceUnavailable("the store took too long"), SourceUnavailable, "with 503: the store took too long"),
        (RuntimeError("insides"), SourceUnavailable, "with 500: something went wrong inside watchkeeper"),
    ],
)
def test_errors_keep_their_kind_from_afar(error: Exception, expected: type[Exception], reason: str) -> None:
    with running_server(Failing(error), gate=OpenToAll()) as url, pytest.raises(expected, match=reason):
        Remote(url).red(RedQuery(window=WINDOW))


class Endless(Reading):
    """A store whose answer never comes, unless it is cancelled."""

    def __init__(self) -> None:
        super().__init__(self)  # type: ignore[arg-type]
        self.was_asked = threading.Event()
        self.was_cancelled = threading.Event()

    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer:
        assert cancel is not None
        cancel.register(self.was_cancelled.set)
        self.was_asked.set()
        self.was_cancelled.wait(30)
        raise SourceUnavailable("was cancelled")


def test_a_cancelled_question_ends_here_and_there() -> None:
    store, cancel = Endless(), Cancel()
    with running_server(store, gate=OpenToAll()) as url, ThreadPoolExecutor(1) as asking:
        answer = asking.submit(Remote(url).red, RedQuery(window=WINDOW), cancel)
        assert store.was_asked.wait(30)
        cancel.cancel()
        with pytest.raises(SourceUnavailable, match="was cancelled"):
            answer.result(30)
        assert store.was_cancelled.wait(30)


def test_a_question_that_is_cancelled_before_it_is_put_is_not_answered(url: str) -> None:
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(SourceUnavailable, match="was cancelled"):
        Remote(url).extent(ExtentQuery(), cancel)


def test_a_server_that_is_not_there_is_said_with_its_address() -> None:
    with pytest.raises(SourceUnavailable, match=r"watchkeeper at http://127\.0\.0\.1:9 cannot be reached"):
        Remote("http://127.0.0.1:9").extent(ExtentQuery())
    assert not Remote("http://127.0.0.1:9").is_there()


@pytest.mark.parametrize("address", ["", "ftp://x", "http://", "postgres://x/y"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(QueryRejected, match="no address of a server"):
        Remote(address)
