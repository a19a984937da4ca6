import gzip
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from queue import SimpleQueue

import httpx
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m

from otlp_messages import JSON, NOON, NOON_NS, PROTOBUF, as_json, log_request, metric_request, span_request, value
from watchkeeper.domain import Window
from watchkeeper.errors import DiskFull, QueueFull, StoreUnavailable
from watchkeeper.server.access import OpenToAll
from watchkeeper.server.ingest import MAXIMUM_REQUESTS
from watchkeeper.server.running import running_server
from watchkeeper.tables import TableName
from watchkeeper.telemetry.live import Batch, LiveStore
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import ChangeQuery, ExtentQuery, LogQuery, MetricQuery, Sources, SpanQuery

WINDOW = Window(start=NOON - timedelta(hours=1), end=NOON + timedelta(hours=1))
POINT = m.NumberDataPoint(time_unix_nano=NOON_NS, as_int=7)
CHANGE = {"id": "d1", "kind": "deploy", "service": "checkout", "began_at": NOON.isoformat()}


@dataclass
class Server:
    store: LiveStore
    client: httpx.Client

    def export(self, signal: str, body: bytes, **headers: str) -> httpx.Response:
        named = {key.replace("_", "-"): text for key, text in headers.items()}
        return self.client.post(f"/v1/{signal}", content=body, headers={**PROTOBUF, **named})

    def rows(self) -> dict[TableName, int]:
        told = self.store.reader.extent(ExtentQuery()).rows.to_pylist()
        return {row["table"]: row["rows"] for row in told if row["rows"]}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("store") / "store.duckdb"
    with (
        LiveStore(path) as store,
        running_server(store, gate=OpenToAll()) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield Server(store, client)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with (
        LiveStore(tmp_path / "store.duckdb") as store,
        running_server(store, gate=OpenToAll()) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield Server(store, client)


REQUESTS: list[tuple[str, Message]] = [
    ("traces", span_request()),
    ("metrics", metric_request(gauge=m.Gauge(data_points=[POINT]))),
    ("logs", log_request()),
]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_every_signal_is_on_disk_when_it_is_answered(server: Server, packed: bool) -> None:
    for signal, request in REQUESTS:
        body = request.SerializeToString()
        headers = {"content_encoding": "gzip"} if packed else {}
        response = server.export(signal, gzip.compress(body) if packed else body, **headers)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-type"] == "application/x-protobuf"
    assert server.rows() == {"spans": 1, "metrics": 1, "logs": 1}


def test_json_is_answered_in_json(server: Server) -> None:
    for signal, request in REQUESTS:
        response = server.export(signal, as_json(request), content_type="application/json; charset=utf-8")
        assert (response.status_code, response.json()) == (200, {})
        assert response.headers["content-type"] == "application/json"
    assert server.rows() == {"spans": 1, "metrics": 1, "logs": 1}


def test_a_re_sent_body_is_told_once(server: Server) -> None:
    request = log_request().SerializeToString()
    for _ in range(3):
        assert server.export("logs", request).status_code == 200
    assert server.store.reader.records(LogQuery(window=WINDOW)).rows.num_rows == 1


def test_a_span_exported_again_in_another_body_is_told_once(server: Server) -> None:
    both = span_request(1)
    both.MergeFrom(span_request(2))
    for request in (span_request(1), both):
        assert server.export("traces", request.SerializeToString()).status_code == 200
    assert server.store.reader.spans(SpanQuery(window=WINDOW)).rows.num_rows == 2


def test_what_comes_late_and_out_of_order_is_found_at_its_time(server: Server) -> None:
    for minutes in (0, -45, 30):
        point = m.NumberDataPoint(time_unix_nano=NOON_NS + minutes * 60 * 10**9, as_int=minutes)
        request = metric_request(gauge=m.Gauge(data_points=[point]))
        assert server.export("metrics", request.SerializeToString()).status_code == 200
    rows = server.store.reader.points(MetricQuery(window=WINDOW)).rows
    assert rows["value"].to_pylist() == [-45.0, 0.0, 30.0]


def test_text_that_looks_like_sql_or_markup_is_only_text(server: Server) -> None:
    hostile = "'; DROP TABLE logs; -- <script>alert(1)</script> {{7*7}} \u202e\x1b[31m"
    response = server.export("logs", log_request(body=value(hostile)).SerializeToString())
    assert response.status_code == 200
    assert server.store.reader.records(LogQuery(window=WINDOW)).rows["body"].to_pylist() == [hostile]


def test_a_change_posted_twice_is_one_change(server: Server) -> None:
    for version in ("1", "2"):
        response = server.client.post("/v1/changes", json={**CHANGE, "version": version})
        assert (response.status_code, response.json()) == (200, {"accepted": 1, "ids": ["d1"]})
    rows = server.store.reader.changes(ChangeQuery(window=WINDOW)).rows
    assert rows["version"].to_pylist() == ["2"]


def test_feedback_and_events_are_taken(server: Server) -> None:
    at = NOON.isoformat()
    assert server.client.post("/v1/feedback", json=[{"time": at, "text": "slow"}]).status_code == 200
    assert server.client.post("/v1/events", json={"events": [{"time": at, "name": "order"}]}).status_code == 200
    assert server.rows() == {"feedback": 1, "events": 1}


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_a_malformed_body_is_refused_with_the_reason_and_nothing_is_written(running: Server, signal: str) -> None:
    response = running.export(signal, b"\xff\xff\xff")
    assert (response.status_code, response.headers["content-type"]) == (400, "application/x-protobuf")
    assert b"no protobuf message" in response.content or b"holds no protobuf message" in response.content
    response = running.export(signal, b"{", **JSON_TYPE)
    assert response.status_code == 400
    assert "no JSON" in response.json()["message"]
    assert running.rows() == {}


JSON_TYPE = {"content_type": "application/json"}


def test_one_wrong_record_among_good_ones_writes_none_of_them(running: Server) -> None:
    request = span_request(1)
    request.MergeFrom(span_request(2, trace_id=b"short"))
    response = running.export("traces", as_json(request), **JSON_TYPE)
    assert response.status_code == 400
    assert "trace id" in response.json()["message"]
    assert running.rows() == {}


def test_a_wrong_change_is_refused_with_field_and_value(running: Server) -> None:
    response = running.client.post("/v1/changes", json=[CHANGE, {**CHANGE, "kind": "boom"}])
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert "changes[1].kind" in response.json()["detail"]
    assert '"boom"' in response.json()["detail"]
    assert running.rows() == {}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"content_type": "text/plain"}, "text/plain"),
        ({"content_type": ""}, "content type"),
        ({"content_encoding": "br"}, "'br', expected one of identity, gzip, deflate"),
    ],
)
def test_a_type_or_compression_that_is_not_spoken_is_refused(
    running: Server, headers: dict[str, str], reason: str
) -> None:
    response = running.export("traces", span_request().SerializeToString(), **headers)
    assert response.status_code == 415
    assert reason in response.text
    assert running.client.post("/v1/changes", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_what_is_announced_too_large_is_refused_before_it_is_read(running: Server) -> None:
    address = running.client.base_url
    connection = HTTPConnection(address.host, address.port or 0, timeout=30)
    connection.putrequest("POST", "/v1/logs")
    connection.putheader("content-type", "application/x-protobuf")
    connection.putheader("content-length", str(17 * 2**20))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_past_the_limit_is_refused_though_nothing_was_announced(running: Server) -> None:
    pieces = (bytes(2**20) for _ in range(17))
    response = running.client.post("/v1/logs", content=pieces, headers=PROTOBUF)
    assert response.status_code == 413
    assert b"larger than 16 MiB" in response.content


def test_a_zip_bomb_is_refused(running: Server) -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    assert len(bomb) < 2**17
    response = running.export("logs", bomb, content_encoding="gzip")
    assert response.status_code == 413
    assert running.export("logs", b"\x1f\x8bno", content_encoding="gzip").status_code == 400


def test_a_body_just_below_the_limit_is_taken(server: Server) -> None:
    request = ExportLogsServiceRequest()
    for number in range(255):
        request.MergeFrom(log_request(body=value(f"{number}" + "x" * 65_000)))
    assert server.export("logs", request.SerializeToString()).status_code == 200
    assert server.rows() == {"logs": 255}


def test_paths_and_methods_that_are_not_there_are_said(running: Server) -> None:
    assert running.client.get("/v1/traces").status_code == 405
    response = running.client.post("/v1/nothing")
    assert (response.status_code, response.json()["title"]) == (404, "Not Found")


def test_a_page_that_reaches_the_server_under_another_name_is_refused(running: Server) -> None:
    assert running.client.get("/healthz", headers={"host": "evil.example"}).status_code == 400


def test_health_names_the_program(running: Server) -> None:
    assert running.client.get("/healthz").json()["name"] == "watchkeeper"


class Refusing:
    """A store that takes nothing, at once or only later."""

    def __init__(self, error: Exception, *, later: bool) -> None:
        self._error = error
        self._later = later
        self.reader: Sources = store_of({})

    def submit(self, batch: Batch) -> "Future[None]":
        if not self._later:
            raise self._error
        future: Future[None] = Future()
        future.set_exception(self._error)
        return future

    def retain(self, now: datetime) -> None: ...


@contextmanager
def refusing(error: Exception, *, later: bool) -> Iterator[httpx.Client]:
    with running_server(Refusing(error, later=later), gate=OpenToAll()) as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (QueueFull("9 rows wait"), 429, "1"),
        (DiskFull("no room left"), 507, None),
        (StoreUnavailable("the store is closing"), 503, "1"),
    ],
)
def test_a_store_that_cannot_take_more_is_said(
    error: Exception, status: int, retry_after: str | None, later: bool
) -> None:
    with refusing(error, later=later) as client:
        otlp = client.post("/v1/traces", content=as_json(span_request()), headers=JSON)
        posted = client.post("/v1/changes", json=CHANGE)
    assert otlp.status_code == posted.status_code == status
    assert otlp.json()["message"] == posted.json()["detail"] == str(error)
    assert otlp.headers.get("retry-after") == retry_after


class Stuck(Refusing):
    """A store that takes everything and never gets round to writing it, until it is let go."""

    def __init__(self) -> None:
        super().__init__(QueueFull("unused"), later=False)
        self.taken: SimpleQueue[Future[None]] = SimpleQueue()

    def submit(self, batch: Batch) -> "Future[None]":
        future: Future[None] = Future()
        self.taken.put(future)
        return future


def test_more_requests_than_can_wait_are_told_to_come_again() -> None:
    stuck = Stuck()
    with running_server(stuck, gate=OpenToAll()) as url, ThreadPoolExecutor(MAXIMUM_REQUESTS) as senders:
        waiting = [
            senders.submit(httpx.post, f"{url}/v1/changes", json=CHANGE, timeout=60) for _ in range(MAXIMUM_REQUESTS)
        ]
        taken = [stuck.taken.get(timeout=60) for _ in waiting]
        one_more = httpx.post(f"{url}/v1/changes", json=CHANGE)
        for future in taken:
            future.set_result(None)
        assert {response.result().status_code for response in waiting} == {200}
    assert (one_more.status_code, one_more.headers["retry-after"]) == (429, "1")


def test_a_bug_of_ours_is_said_without_its_insides(caplog: pytest.LogCaptureFixture) -> None:
    with refusing(RuntimeError("secret insides"), later=False) as client:
        response = client.post("/v1/traces", content=as_json(span_request()), headers=JSON)
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text


def test_many_senders_at_once_lose_nothing(server: Server) -> None:
    bodies = [span_request(number).SerializeToString() for number in range(60)]
    with ThreadPoolExecutor(8) as senders:
        statuses = set(senders.map(lambda body: server.export("traces", body).status_code, bodies))
    assert statuses == {200}
    assert server.rows() == {"spans": 60}
