import random
import shlex
import unicodedata
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_rows import span, spans

from watchkeeper import library
from watchkeeper.analysis.reproduction import Replay, reproduce
from watchkeeper.analysis.request_lines import command_of, request_line
from watchkeeper.domain import Window
from watchkeeper.lab.truth import Truth
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.telemetry.sources import SpanQuery

Row = dict[str, object]
INCIDENTS = library.HOME / "evals" / "incidents"


def http(method: str = "GET", path: str = "/", **attributes: str) -> list[tuple[str, str]]:
    more = {key.replace("_", "."): value for key, value in attributes.items()}
    return list({"http.request.method": method, "url.path": path, **more}.items())


def trace(number: int, *, path: str = "/pay", name: str = "POST /pay", broken: str = "", ms: int = 10) -> list[Row]:
    """gateway → payment; whoever is broken fails, and so does everything above."""
    common: Row = {"trace_id": f"t{number}", "duration_ns": ms * 10**6}
    door = span(number, service_name="gateway", span_id="a", name=name, attributes=http("POST", path), **common)
    call = span(number, service_name="gateway", span_id="b", parent_span_id="a", kind="client", **common)
    inner = span(
        number, service_name="payment", span_id="c", parent_span_id="b", attributes=http("POST", "/x"), **common
    )
    if broken:
        door["status_code"] = call["status_code"] = "error"
    if broken == "payment":
        inner["status_code"] = "error"
    return [door, call, inner]


def replay(*rows: Row, component: str | None = None, is_slow: bool = False) -> Replay:
    found = reproduce(spans(*rows), component, is_slow=is_slow)
    assert found is not None
    return found


def command(attributes: list[tuple[str, str]]) -> str:
    request = request_line(dict(attributes))
    assert request is not None
    return command_of(request)


def test_the_request_that_entered_is_told_and_not_the_one_that_failed_inside() -> None:
    found = replay(*trace(1), *trace(2, broken="payment"), component="payment")
    assert (found.command, found.trace_id) == ('curl --globoff --request POST "$HOST"/pay', "t2")
    assert (found.service, found.operation, found.method, found.is_safe) == ("gateway", "POST /pay", "POST", False)


def test_a_trace_in_which_the_component_itself_failed_goes_before_others() -> None:
    rows = [*trace(1, broken="gateway"), *trace(2, broken="payment"), *trace(3, broken="gateway")]
    assert replay(*rows, component="payment").trace_id == "t2"
    assert replay(*rows, component="gateway").trace_id == "t1"
    assert replay(*rows, component="unheard-of").trace_id == "t1"


def test_of_failing_operations_the_most_common_is_told() -> None:
    rows = trace(1, name="POST /rare", path="/rare", broken="payment")
    rows += [row for n in (2, 3) for row in trace(n, broken="payment")]
    assert replay(*rows, component="payment").trace_id == "t2"


def test_where_it_is_slow_the_slowest_trace_of_the_component_is_told() -> None:
    rows = [*trace(1, broken="payment"), *trace(2, ms=900), *trace(3, ms=20)]
    assert replay(*rows, component="payment", is_slow=True).trace_id == "t2"
    assert replay(*trace(1), *trace(2, ms=900), component="payment").trace_id == "t2"


def test_a_trace_that_is_there_from_its_beginning_goes_before_a_torn_one() -> None:
    torn = trace(1, broken="payment")[1:]
    assert replay(*torn, *trace(2, broken="payment"), *trace(3), component="payment").trace_id == "t2"


def test_the_order_in_which_spans_come_changes_nothing() -> None:
    rows = [
        row for n in range(12) for row in trace(n, path=f"/pay/{n}", name=f"p{n % 3}", broken="payment" if n else "")
    ]
    expected = replay(*rows, component="payment")
    shuffler = random.Random(7)
    for _ in range(5):
        shuffler.shuffle(rows)
        assert replay(*rows, component="payment") == expected


@pytest.mark.parametrize(
    "row",
    [
        span(1, kind="consumer", status_code="error", attributes=http()),
        span(1, kind="client", status_code="error", attributes=http()),
        span(1, status_code="error", attributes=[("rpc.system", "grpc"), ("rpc.method", "Pay")]),
        span(1, status_code="error", attributes=[*http(), ("rpc.system", "grpc")]),
        span(1, status_code="error", attributes=[("http.request.method", "GET")]),
        span(1, status_code="error", attributes=http(method="BREW")),
        span(1, status_code="error", attributes=http(method="GET; rm -rf /")),
        span(1, status_code="error", attributes=http(path="https://evil.example/")),
        span(1, status_code="error", attributes=http(path="x" * 1_000_000)),
        span(1, status_code="error", attributes=None),
    ],
)
def test_what_is_no_http_request_is_no_command(row: Row) -> None:
    assert reproduce(spans(row)) is None


def test_nothing_at_all_is_no_command() -> None:
    assert reproduce(spans()) is None


def test_path_and_query_are_told_as_they_were() -> None:
    attributes = http(path="/products/141", url_query="page=2&sort=price%20asc")
    assert command(attributes) == """curl --globoff "$HOST"'/products/141?page=2&sort=price%20asc'"""


def test_older_names_of_attributes_are_understood() -> None:
    assert command([("http.method", "HEAD"), ("http.target", "/a?b=1")]) == """curl --globoff --head "$HOST"'/a?b=1'"""


def test_a_route_stands_in_for_a_path_that_is_missing_or_too_long() -> None:
    assert command([("http.request.method", "GET"), ("http.route", "/a/{id}")]).endswith("\"$HOST\"'/a/{id}'")
    assert command(http(path="/" + "x" * 1_000_000, http_route="/a")).endswith('"$HOST"/a')


def test_nothing_but_what_is_allowed_gets_into_the_command() -> None:
    attributes = [
        *http(path="/pay"),
        ("user.id", "u1"),
        ("http.request.header.authorization", "Bearer abc"),
        ("app.card", "4111"),
        ("url.full", "http://someone:secret@host/pay"),
    ]
    assert command(attributes) == 'curl --globoff "$HOST"/pay'


@pytest.mark.parametrize(
    ("path", "route", "query", "secret"),
    [
        ("/carts/s62a9a05fff19", "/carts/{session}", "", "s62a9a05fff19"),
        ("/users/jane%40example.com/orders", "", "", "jane"),
        ("/users/jane%2540example.com", "", "", "jane"),
        ("/users/jane+doe@example.com", "", "", "jane"),
        ("/users/42", "/users/:userId", "", "42"),
        ("/reset/9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c", "", "", "9f8a7b6c"),
        ("/x", "", "token=abc123", "abc123"),
        ("/x", "", "a=1&access%5Ftoken=abc123", "abc123"),
        ("/x", "", "sessionId=abc123", "abc123"),
        ("/x", "", "q=jane%40example.com", "jane"),
        ("/x", "", "h=Bearer+abcdef0123456789", "abcdef"),
        ("/x", "", "card=4111111111111111", "4111"),
        ("/x", "", "n=4111111111111111", "4111"),
        ("/x", "", "k=AKIAABCDEFGHIJKLMNOP", "AKIA"),
        ("/x", "", "jane@example.com", "jane"),
        ("/token=abc123/x", "", "", "abc123"),
    ],
)
def test_secrets_and_people_do_not_get_into_the_command(path: str, route: str, query: str, secret: str) -> None:
    told = command(http(path=path, http_route=route, url_query=query))
    assert secret not in told
    assert "[redacted:" in told or route in told


HOSTILE = [
    "/a'b\"c`d$(rm -rf ~)",
    "/$HOME;reboot|cat&&x>y",
    "/line\nbreak\r\x1b[31m\x00",
    "/\u202egnp.exe\u2066",
    "//evil.example/x",
    "/{1..9}[1-3]",
    "/100%",
    "/\\\\'; echo '",
    "/é/日本",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_one_harmless_word_of_the_command(text: str) -> None:
    told = command(http(path=text, url_query=f"q={text}"))
    _is_harmless(told)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=50))
def test_any_text_is_one_harmless_word_of_the_command(path: str, query: str, route: str) -> None:
    _is_harmless(command(http(path="/" + path, url_query=query, http_route=route)))


def _is_harmless(told: str) -> None:
    assert not any(unicodedata.category(c).startswith("C") or (c.isspace() and c != " ") for c in told)
    program, option, target = shlex.split(told)
    assert (program, option) == ("curl", "--globoff")
    assert target.startswith("$HOST/")
    assert not target.startswith("$HOST//")
    # Outside "$HOST", whatever a shell would act on stands between single quotes.
    rest = told.removeprefix('curl --globoff "$HOST"')
    assert rest == shlex.quote(target.removeprefix("$HOST"))
    assert len(told) < 20_000


def test_the_host_is_told_only_where_most_requests_went_there() -> None:
    ours = [span(n, attributes=http(server_address="shop.internal", server_port="8080")) for n in range(3)]
    forged = span(9, status_code="error", attributes=http(server_address="evil.example"))
    failing = span(9, status_code="error", attributes=http(server_address="shop.internal", server_port="8080"))
    assert replay(*ours, forged).command == 'curl --globoff "$HOST"/'
    assert replay(*ours, failing).command == "curl --globoff http://shop.internal:8080/"
    odd = [span(n, status_code="error", attributes=http(server_address="a b;$(x)")) for n in range(3)]
    assert replay(*odd).command == 'curl --globoff "$HOST"/'


def test_a_host_by_its_version_six_address_is_in_brackets() -> None:
    request = request_line(dict(http(url_scheme="https", server_address="::1", server_port="443")))
    assert request is not None
    assert command_of(request, is_host_known=True) == "curl --globoff 'https://[::1]/'"


@pytest.mark.parametrize(
    ("incident", "target"), [("error-deploy-payment", "/checkout"), ("crash-cart", "/cart/items")], ids=str
)
def test_a_recorded_failure_is_told_as_the_request_of_its_shopper(incident: str, target: str) -> None:
    truth, table = _recorded(INCIDENTS / incident)
    found = reproduce(table, truth.service)
    assert found is not None
    assert found.command == f'curl --globoff --request POST "$HOST"{target}'
    failed = {row["service_name"] for row in table.to_pylist() if row["trace_id"] == found.trace_id and _failed(row)}
    assert "gateway" in failed


def _failed(row: Row) -> bool:
    return row["status_code"] == "error"


def _recorded(folder: Path) -> tuple[Truth, object]:
    truth = Truth.from_yaml(folder / "truth.yaml")
    assert truth.symptom_onset is not None
    window = Window(start=truth.symptom_onset, end=truth.symptom_onset + timedelta(seconds=60))
    return truth, open_recording(folder / "telemetry").spans(SpanQuery(window=window, limit=20_000)).rows


def test_of_equals_the_first_is_told() -> None:
    assert replay(*trace(500, broken="payment"), *trace(1, broken="payment"), component="payment").trace_id == "t1"
