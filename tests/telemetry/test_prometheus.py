"""The adapter against a server that answers as a Prometheus was recorded to, well and badly."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made_prometheus import (
    BUILD,
    TOO_MANY,
    VECTOR,
    MadePrometheus,
    Reply,
    failure,
    made_prometheus,
    matrix,
    success,
    vector,
)
from made_shop import Shop, at
from watchkeeper.domain import Window
from watchkeeper.errors import ConfigError, QueryRejected, SourceUnavailable
from watchkeeper.tables import METRICS
from watchkeeper.telemetry import prometheus_http
from watchkeeper.telemetry.prometheus import Prometheus
from watchkeeper.telemetry.prometheus_text import one_of, quoted, selector
from watchkeeper.telemetry.sources import (
    AttributeFilter,
    CallQuery,
    Cancel,
    ExtentQuery,
    MetricBucketQuery,
    MetricQuery,
    RedQuery,
)
from watchkeeper.telemetry.wire import QUESTIONS

TOKEN = "a-secret-token-of-the-team"
START = datetime(2026, 11, 21, 9, 20, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(seconds=60))
T0 = START.timestamp()
COUNTER = "http_requests_total"
POINTS = MetricQuery(window=WINDOW)
NOT_KEPT = ("spans", "records", "log_counts", "portions", "users", "changes", "feedback", "events")
SMALL_SERIES = ({"__name__": "up", "job": "cart"}, [(T0 + 1, "1")])


def holding(*series: tuple[Mapping[str, str], list[tuple[float, str]]]):
    """Answers like a server with these series; which metrics there are, and their samples."""

    def answering(path: str, form: Mapping[str, str]) -> Reply:
        if form.get("query", "").startswith("count by (__name__)"):
            return vector(*(({"__name__": labels["__name__"]}, "1") for labels, _ in series))
        return matrix(*series)

    return answering


def refusal(status: int, body: bytes) -> str:
    """What is said of a server that answers everything so."""
    with made_prometheus(lambda *_: (status, body)) as server, pytest.raises(SourceUnavailable) as caught:
        Prometheus(server.url, TOKEN).points(POINTS)
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_samples_become_rows_with_who_what_and_when():
    labels = {"__name__": COUNTER, "service": "cart", "instance": "10.0.0.1:80", "http_route": "/cart", "code": "500"}
    with made_prometheus(holding((labels, [(T0 + 5, "10"), (T0 + 10, "12")]))) as server:
        rows = Prometheus(server.url).points(POINTS).rows
    assert rows.schema == METRICS
    row = rows.to_pylist()[1]
    assert (row["service_name"], row["service_instance_id"], row["value"]) == ("cart", "10.0.0.1:80", 12.0)
    assert (row["kind"], row["temporality"], row["is_monotonic"]) == ("sum", "cumulative", True)
    assert row["attributes"] == [("code", "500"), ("http.route", "/cart")]
    assert row["time"] == START + timedelta(seconds=10)


def test_only_samples_inside_the_half_open_window_count():
    samples = [(T0 - 0.001, "1"), (T0, "2"), (T0 + 59.999, "3"), (T0 + 60, "4")]
    with made_prometheus(holding(({"__name__": "up", "job": "cart"}, samples))) as server:
        assert Prometheus(server.url).points(POINTS).rows["value"].to_pylist() == [2.0, 3.0]


def test_what_is_no_number_is_no_sample():
    samples = [(T0 + 1, "NaN"), (T0 + 2, "+Inf"), (T0 + 3, "-Inf"), (T0 + 4, "7")]
    with made_prometheus(holding(({"__name__": "up", "job": "cart"}, samples))) as server:
        assert Prometheus(server.url).points(POINTS).rows["value"].to_pylist() == [7.0]


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"service": "cart", "job": "pods"}, "cart"),
        ({"service": "", "job": "pods"}, "pods"),
        ({"instance": "x"}, "unknown_service"),
    ],
)
def test_the_first_label_that_a_series_has_names_its_service(labels: dict[str, str], service: str):
    with made_prometheus(holding(({"__name__": "up", **labels}, [(T0 + 1, "1")]))) as server:
        assert Prometheus(server.url).points(POINTS).rows["service_name"].to_pylist() == [service]


def test_steps_tell_what_a_series_did_in_them():
    samples = [(T0 + 1, "4"), (T0 + 4, "2"), (T0 + 11, "6")]
    with made_prometheus(holding(({"__name__": "queue_length", "job": "cart"}, samples))) as server:
        rows = Prometheus(server.url).metric_buckets(MetricBucketQuery(window=WINDOW)).rows.to_pylist()
    first = rows[0]
    assert [row["time"] for row in rows] == [START, START + timedelta(seconds=10)]
    assert [first[n] for n in ("first", "last", "mean", "minimum", "maximum", "total", "points")] == [
        4,
        2,
        3,
        2,
        4,
        6,
        2,
    ]


def test_seconds_of_cpu_are_told_as_utilization_too_and_a_restart_is_no_use():
    samples = [(T0 + 1, "100"), (T0 + 3, "101"), (T0 + 5, "0.5"), (T0 + 7, "1.5")]
    labels = {"__name__": "process_cpu_seconds_total", "job": "cart"}
    query = MetricQuery(window=WINDOW, names=("process.cpu.utilization",))
    with made_prometheus(holding((labels, samples))) as server:
        rows = Prometheus(server.url).points(query).rows
    assert rows["value"].to_pylist() == [0.5, 0.5]
    assert rows["kind"].to_pylist() == ["gauge", "gauge"]


def test_the_limit_keeps_the_earliest_and_says_so():
    samples = [(T0 + second, "1") for second in range(10)]
    with made_prometheus(holding(({"__name__": "up", "job": "cart"}, samples))) as server:
        answer = Prometheus(server.url).points(MetricQuery(window=WINDOW, limit=3))
    assert answer.is_truncated
    assert answer.rows["time"].to_pylist()[-1] == START + timedelta(seconds=2)


def test_the_query_is_the_text_that_was_sent_with_its_time():
    with made_prometheus(holding(SMALL_SERIES)) as server:
        answer = Prometheus(server.url).points(MetricQuery(window=WINDOW, names=("up",)))
    sent = [(form["query"], form["time"]) for _, form in server.asked]
    assert sent == [
        ("count by (__name__) (last_over_time(up[60s]))", "2026-11-21T09:20:59.999Z"),
        ("up[60s]", "2026-11-21T09:20:59.999Z"),
    ]
    assert all(f"time={time}\n{promql}" in answer.query for promql, time in sent)


def test_the_token_is_sent_and_told_nowhere():
    with made_prometheus(holding(SMALL_SERIES)) as server:
        answer = Prometheus(server.url, TOKEN).points(POINTS)
    assert set(server.tokens) == {f"Bearer {TOKEN}"}
    assert TOKEN not in answer.query
    assert TOKEN not in repr(Prometheus(server.url, TOKEN))


def test_what_the_server_warns_of_makes_the_answer_one_in_part():
    data = {"resultType": "vector", "result": []}
    with made_prometheus(lambda *_: success(data, warnings=["a store\n did not answer"])) as server:
        answer = Prometheus(server.url).points(POINTS)
    assert answer.is_truncated
    assert "# the server warns: a store  did not answer" in answer.query


def test_native_histograms_are_left_out_and_it_is_said():
    native = {"metric": {"__name__": "h", "job": "cart"}, "histograms": [[T0 + 1, {"count": "1", "sum": "1"}]]}

    def answering(path: str, form: Mapping[str, str]) -> Reply:
        if "count by" in form["query"]:
            return vector(({"__name__": "h"}, "1"))
        return success({"resultType": "matrix", "result": [native]})

    with made_prometheus(answering) as server:
        answer = Prometheus(server.url).points(POINTS)
    assert answer.rows.num_rows == 0
    assert "1 native histograms" in answer.query


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, failure(400, "bad_data", f"invalid parameter near {TOKEN}\nat char 3")[1], "invalid parameter"),
        (422, failure(422, "execution", TOO_MANY)[1], "too many samples"),
        (503, failure(503, "timeout", "query timed out in expression evaluation")[1], "timed out"),
        (401, b"Unauthorized", "another token"),
        (403, b"<html>no</html>", "another token"),
        (500, b"<html><body>Internal Server Error</body></html>", "no answer of Prometheus"),
        (502, b"", "no answer of Prometheus"),
        (200, b"<!doctype html><title>Sign in</title>", "no answer of Prometheus"),
        (200, b'{"status":"success","data":null}', "no answer of Prometheus"),
        (200, b'{"status":"success","data":{"resultType":"vector"}}', "strange"),
        (200, b'{"status":"success","data":{"result":[{"metric":{},"value":["x"]}]}}', "strange"),
        (200, b'{"status":"success","data":{"result":[7]}}', "strange"),
        (200, b'{"status":"success","data":{"result":[{"metric":[],"values":{}}]}}', "strange"),
        (200, b"[1, 2]", "no answer of Prometheus"),
        (302, b"", "no answer of Prometheus"),
    ],
)
def test_a_bad_answer_is_one_sentence(status: int, body: bytes, said: str):
    assert said in refusal(status, body)


def test_a_long_error_is_cut():
    assert len(refusal(400, failure(400, "bad_data", "x" * 10_000)[1])) < 500


def test_a_server_that_is_not_there_is_unavailable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://someone:hidden@127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(SourceUnavailable, match="cannot be reached") as caught:
            Prometheus(url).points(POINTS)
    assert "hidden" not in str(caught.value)


def test_a_connection_that_broke_is_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bodies = [b"", b'{"status":"success","data":{"version":"2.42.0"}}']

        def serve() -> None:
            for body in bodies:
                connection, _ = listener.accept()
                connection.recv(65_536)
                if body:
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        assert Prometheus(f"http://127.0.0.1:{listener.getsockname()[1]}").version() == "2.42.0"
        thread.join()


def silent() -> socket.socket:
    """Takes connections and says nothing."""
    return socket.create_server(("127.0.0.1", 0))


def test_a_server_that_does_not_answer_is_given_up_in_time():
    with silent() as listener, pytest.raises(SourceUnavailable, match=r"within 0\.2 s"):
        Prometheus(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=0.2).points(POINTS)


def test_a_question_can_be_cancelled_while_it_waits():
    with silent() as listener:
        cancel, failures = Cancel(), list[str]()

        def ask() -> None:
            try:
                Prometheus(f"http://127.0.0.1:{listener.getsockname()[1]}").points(POINTS, cancel)
            except SourceUnavailable as error:
                failures.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        connection, _ = listener.accept()
        connection.recv(1)
        cancel.cancel()
        thread.join()
        connection.close()
    assert "cancelled" in failures[0]


def test_an_answer_that_is_too_large_is_left_out_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prometheus_http, "LARGEST_BYTES", 2_000)
    many = [(T0 + second / 10, "1") for second in range(500)]

    def answering(path: str, form: Mapping[str, str]) -> Reply:
        if "count by" in form["query"]:
            return vector(({"__name__": "large"}, "1e9"), ({"__name__": "small"}, "1"))
        if "large" in form["query"]:
            return matrix(({"__name__": "large", "job": "cart"}, many))
        return matrix(({"__name__": "small", "job": "cart"}, [(T0 + 1, "1")]))

    with made_prometheus(answering) as server:
        answer = Prometheus(server.url).points(POINTS)
    assert answer.is_truncated
    assert answer.rows["name"].to_pylist() == ["small"]


def test_requests_are_asked_for_before_what_nobody_looks_at():
    names = ("go_threads", "http_requests_total", "aaa", "process_resident_memory_bytes")

    def answering(path: str, form: Mapping[str, str]) -> Reply:
        if "count by" in form["query"]:
            return vector(*(({"__name__": name}, "1e6") for name in names))
        return matrix()

    with made_prometheus(answering) as server:
        Prometheus(server.url).metric_buckets(MetricBucketQuery(window=WINDOW))
    assert [form["query"].removesuffix("[60s]") for _, form in server.asked[1:]] == [
        names[1],
        names[3],
        "aaa",
        names[0],
    ]


HOSTILE = ('a"} or vector(1) #', "new\nline", "back\\slash", "nul\0", "{{ $labels }}", "()[]|.*", "\ud800", "ü✓")


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_stays_inside_its_quotes(text: str):
    literal = quoted(text)
    inner = literal[1:-1].replace("\\\\", "").replace('\\"', "")
    assert literal[0] == literal[-1] == '"'
    assert '"' not in inner
    assert literal.isprintable()


def test_a_name_that_is_no_plain_one_is_matched_as_a_label():
    assert selector(["odd name{"], 'job="x"') == '{__name__="odd name{", job="x"}'
    assert one_of(["a.b", "c|d"]) == '=~"a\\\\.b|c\\\\|d"'


def test_services_are_looked_for_under_each_label_in_order():
    query = MetricQuery(window=WINDOW, names=("up",), services=("cart",))
    with made_prometheus(holding()) as server:
        Prometheus(server.url, service_labels=("service", "job")).points(query)
    assert [form["query"] for _, form in server.asked] == [
        'count by (__name__) (last_over_time(up{service="cart"}[60s]))',
        'count by (__name__) (last_over_time(up{service="", job="cart"}[60s]))',
    ]


def test_attributes_are_looked_for_under_the_label_that_prometheus_makes_of_them():
    wanted = AttributeFilter(key="http.route", values=("/a", "/b"))
    with made_prometheus(holding()) as server:
        Prometheus(server.url).points(MetricQuery(window=WINDOW, names=("up",), attributes=(wanted,)))
    assert 'up{http_route=~"/a|/b"}' in server.asked[0][1]["query"]


def test_more_steps_than_a_series_may_have_are_rejected():
    long = Window(start=START, end=START + timedelta(days=30))

    def answering(path: str, form: Mapping[str, str]) -> Reply:
        return vector(({"__name__": COUNTER}, "5")) if "count by" in form["query"] else vector(({"job": "x"}, "5"))

    with made_prometheus(answering) as server, pytest.raises(QueryRejected, match="11,000"):
        Prometheus(server.url).red(RedQuery(window=long, step_seconds=5))


def test_no_request_metric_means_no_rows_and_one_question():
    with made_prometheus(lambda *_: vector()) as server:
        answer = Prometheus(server.url).red(RedQuery(window=WINDOW, by=("operation",)))
    assert answer.rows.num_rows == 0
    assert len(server.asked) == 1


@pytest.mark.parametrize("question", [name for name in QUESTIONS if name != "extent"])
def test_every_answer_has_the_columns_of_the_store(question: str):
    query = QUESTIONS[question](window=Window(start=at(0), end=at(60)))
    expected = getattr(Shop(seconds=60, onset=60).store(), question)(query).rows.schema
    with made_prometheus(lambda *_: vector()) as server:
        found = getattr(Prometheus(server.url), question)(query).rows.schema
    assert found.names == expected.names
    assert [field.type for field in found if not pa.types.is_map(field.type)] == [
        field.type for field in expected if not pa.types.is_map(field.type)
    ]


@pytest.mark.parametrize(
    "question", ["spans", "records", "log_counts", "portions", "users", "changes", "feedback", "events"]
)
def test_what_a_prometheus_does_not_keep_is_not_asked_of_it(question: str):
    with made_prometheus(lambda *_: vector()) as server:
        answer = getattr(Prometheus(server.url), question)(QUESTIONS[question](window=WINDOW))
    assert server.asked == []
    assert "holds no" in answer.query


def test_where_no_window_is_named_the_servers_own_clock_says_when_now_is():
    def answering(path: str, form: Mapping[str, str]) -> Reply:
        if form["query"] == "time()":
            return success({"resultType": "scalar", "result": [T0, str(T0)]})
        return matrix(({"service": "cart"}, [(T0 - 600, "3"), (T0 - 540, "3")]))

    with made_prometheus(answering) as server:
        [row] = Prometheus(server.url).extent(ExtentQuery()).rows.to_pylist()
    assert (row["table"], row["service_name"], row["rows"]) == ("metrics", "cart", 6)
    assert row["first"] < row["last"] == START - timedelta(seconds=540)


def test_the_version_is_what_the_server_says():
    with made_prometheus(lambda *_: success(BUILD)) as server:
        assert Prometheus(server.url).version() == "2.42.0+ds"
    assert server.asked == [("status/buildinfo", {})]


def test_a_recorded_answer_is_read():
    with made_prometheus(lambda *_: success(VECTOR)) as server:
        Prometheus(server.url).points(POINTS)
    assert "service:error_ratio:rate30s" in server.asked[1][1]["query"]


@pytest.mark.parametrize(
    ("url", "token", "labels", "said"),
    [
        ("localhost", "", ("job",), "prometheus.url"),
        ("ftp://x", "", ("job",), "prometheus.url"),
        ("http://x:port", "", ("job",), "prometheus.url"),
        ("http://x", "two\nlines", ("job",), "prometheus.token_variable"),
        ("http://x", "", ("job) or vector(1",), "prometheus.service_labels"),
    ],
)
def test_a_wrong_setting_is_named(url: str, token: str, labels: tuple[str, ...], said: str):
    with pytest.raises(ConfigError, match=said):
        Prometheus(url, token, service_labels=labels)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SERIES = st.fixed_dictionaries(
    {"metric": st.dictionaries(st.sampled_from(["__name__", "job", "le", "code"]), JSON_VALUES, max_size=4)},
    optional={
        "values": st.lists(st.tuples(JSON_VALUES, JSON_VALUES), max_size=3),
        "value": st.tuples(st.floats(0, 1e12), st.sampled_from(["1", "NaN", "+Inf", "-1e308", "x", "1e400"])),
    },
)
ASKED = {
    "points": POINTS,
    "metric_buckets": MetricBucketQuery(window=WINDOW),
    "red": RedQuery(window=WINDOW),
    "calls": CallQuery(window=WINDOW),
    "extent": ExtentQuery(window=WINDOW),
}


@pytest.fixture(scope="module")
def saying() -> Iterator[tuple[MadePrometheus, list[object]]]:
    """A server that answers everything with the last of a list."""
    said: list[object] = [[]]
    with made_prometheus(lambda *_: success({"resultType": "matrix", "result": said[-1]})) as server:
        yield server, said


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(result=st.lists(SERIES, max_size=3) | JSON_VALUES, question=st.sampled_from(sorted(ASKED)))
def test_whatever_a_server_says_is_an_answer_or_one_sentence(
    saying: tuple[MadePrometheus, list[object]], result: object, question: str
):
    server, said = saying
    said.append(result)
    with suppress(SourceUnavailable):
        answer = getattr(Prometheus(server.url), question)(ASKED[question])
        answer.rows.validate(full=True)
