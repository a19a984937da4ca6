"""The gate itself: what is read before it opens, what opens it, how much gets through, what browsers are told."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from made_access import GARBAGE, MadeKeys, NoTelemetry, bearer, gate_over
from otlp_messages import PROTOBUF, span_request
from watchkeeper.server.access_limits import Buckets
from watchkeeper.server.app import Wiring
from watchkeeper.server.running import running

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
BODY = span_request().SerializeToString()
CHANGE = {"id": "d1", "kind": "deploy", "service": "checkout", "began_at": NOON.isoformat()}
WAIT_SECONDS = 30


@pytest.fixture
def keys() -> MadeKeys:
    return MadeKeys()


@pytest.fixture
def client(keys: MadeKeys) -> Iterator[httpx.Client]:
    wiring = Wiring(store=NoTelemetry(), gate=gate_over(keys), names=("watch.example",))
    with running(wiring) as url, httpx.Client(base_url=url, timeout=WAIT_SECONDS) as client:
        yield client


def raw(client: httpx.Client, request: bytes) -> bytes:
    """The first line of what a request gets that is sent as it is, and no more of it than this."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), WAIT_SECONDS) as line:
        line.sendall(request)
        return line.makefile("rb").readline()


def test_without_a_token_the_answer_comes_before_the_body(client: httpx.Client) -> None:
    head = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    assert b" 401 " in raw(client, head + b"Content-Length: 1000000\r\n\r\n")
    assert b" 401 " in raw(client, head + b"Transfer-Encoding: chunked\r\n\r\n")


def test_otlp_is_refused_in_its_own_encoding(client: httpx.Client) -> None:
    binary = client.post("/v1/traces", content=BODY, headers=PROTOBUF)
    assert (binary.status_code, binary.headers["content-type"]) == (401, "application/x-protobuf")
    assert binary.content.startswith(b"\x08\x10")
    readable = client.post("/v1/logs", content=b"{}", headers={"content-type": "application/json"})
    assert (readable.status_code, readable.json()["code"]) == (401, 16)


def test_a_refusal_elsewhere_is_a_problem_that_repeats_no_token(client: httpx.Client) -> None:
    refused = client.get("/v1/incidents", headers=bearer(GARBAGE))
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["title"] == "Unauthorized"
    assert GARBAGE not in refused.text


def test_a_token_that_was_revoked_or_is_over_opens_nothing(client: httpx.Client, keys: MadeKeys) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    good, over = keys.create("ada", "read", ends_at=ends), keys.create("bob", "read", ends_at=NOON)
    assert client.get("/metrics", headers=bearer(good)).status_code == 200
    assert client.get("/metrics", headers=bearer(over)).status_code == 401
    keys.revoke("ada")
    assert client.get("/metrics", headers=bearer(good)).status_code == 401


@pytest.mark.parametrize(
    "credentials",
    [
        ["Bearer {good}", "Bearer {good}"],
        ["Bearer {bad}", "Bearer {good}"],
        ["Bearer {bad}, Bearer {good}"],
        ["Basic {good}"],
        ["{good}"],
        ["Bearer {good} "+"x"],
        ["Bearer"],
        [""],
    ],
    ids=str,
)  # fmt: skip
def test_credentials_that_can_be_read_in_two_ways_are_none(
    client: httpx.Client, keys: MadeKeys, credentials: list[str]
) -> None:
    good = keys.create("ada", "admin")
    shown = [("authorization", each.format(good=good, bad=GARBAGE)) for each in credentials]
    assert client.get("/metrics", headers=shown).status_code == 401


def test_the_word_bearer_may_be_written_in_any_case(client: httpx.Client, keys: MadeKeys) -> None:
    headers = {"authorization": f"bearer {keys.create('ada', 'read')}"}
    assert client.get("/metrics", headers=headers).status_code == 200


def test_a_token_in_the_address_opens_nothing(client: httpx.Client, keys: MadeKeys) -> None:
    token = keys.create("ada", "admin")
    assert client.get("/metrics", params={"token": token, "access_token": token}).status_code == 401


def test_scopes_of_a_newer_version_open_nothing(client: httpx.Client, keys: MadeKeys) -> None:
    assert client.get("/metrics", headers=bearer(keys.create("new", "everything"))).status_code == 403


def test_a_caller_that_asks_too_much_waits_and_others_do_not(keys: MadeKeys) -> None:
    noisy, quiet = keys.create("noisy", "ingest", "read"), keys.create("quiet", "read")
    wiring = Wiring(store=NoTelemetry(), gate=gate_over(keys, per_second=0.01, burst=2))
    with running(wiring) as url, httpx.Client(base_url=url, headers=bearer(noisy)) as client:
        assert [client.get("/metrics").status_code for _ in range(3)] == [200, 200, 429]
        refused = client.post("/v1/traces", content=BODY, headers=PROTOBUF)
        assert (refused.status_code, int(refused.headers["retry-after"]) > 1) == (429, True)
        assert refused.headers["content-type"] == "application/x-protobuf"
        # Alertmanager drops what is answered 429.
        assert client.post("/v1/alerts/alertmanager", json={}).status_code == 503
        assert client.get("/metrics", headers=bearer(quiet)).status_code == 200


def test_buckets_fill_again_and_only_so_many_are_kept() -> None:
    now = [0.0]
    buckets = Buckets(per_second=2, burst=2, monotonic=lambda: now[0], most=3)
    assert [buckets.wait_seconds("ada") for _ in range(3)] == [0, 0, 1]
    now[0] += 0.5
    assert [buckets.wait_seconds("ada") for _ in range(2)] == [0, 1]
    for number in range(1000):
        buckets.wait_seconds(str(number))
    assert len(buckets) == 3


@pytest.mark.parametrize("streamed", [False, True], ids=["with its length", "streamed"])
def test_a_body_past_the_limit_is_refused_wherever_it_is_sent(
    client: httpx.Client, keys: MadeKeys, streamed: bool
) -> None:
    token = keys.create("ada", "admin")
    large = b"x" * (2**20 + 1)
    content = iter([large[:1000], large[1000:]]) if streamed else large
    headers = {**bearer(token), "content-type": "application/json"}
    answer = client.post("/v1/query/red", content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_other_names_are_answered_only_where_they_are_set(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"host": "watch.example"}).status_code == 200
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/healthz", "/v1/incidents", "/nothing", "/signin"])
def test_every_answer_says_what_browsers_may_do_with_it(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
