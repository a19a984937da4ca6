"""Requests that are made to get past the gate, or to trip it."""

import logging
import re
from collections.abc import Iterator

import httpx
import pytest

from made_access import MadeKeys, NoTelemetry, gate_over
from watchkeeper.server.api_bodies import Judgement
from watchkeeper.server.app import Wiring
from watchkeeper.server.pages.installing import _made_ready
from watchkeeper.server.running import running

WAIT_SECONDS = 30
NO_ORIGINS = ("http://[", "http://[::1", "//", "null", "http://127.0.0.1:99999999")
FORM = re.compile(r'name="form" value="([0-9a-f]+)"')
OPEN = ("/healthz", "/readyz", "/signin")
TRICKS = (
    "/{0}", "{0}/", "{0}//", "{0};x", "{0}%00", "{0}/../v1/incidents", "{0}%2f..%2fv1/incidents", "/%2e{0}",
    "{0}/%2e%2e/metrics", "{0}\\..\\metrics",
)  # fmt: skip


@pytest.fixture
def keys() -> MadeKeys:
    return MadeKeys()


@pytest.fixture
def client(keys: MadeKeys) -> Iterator[httpx.Client]:
    with (
        running(Wiring(store=NoTelemetry(), gate=gate_over(keys))) as url,
        httpx.Client(base_url=url, timeout=WAIT_SECONDS) as client,
    ):
        yield client


def signed_in(client: httpx.Client, token: str) -> None:
    """The client's cookies are those of a session from now on."""
    carried = FORM.search(client.get("/signin").text)
    assert carried is not None
    origin = {"origin": str(client.base_url).rstrip("/")}
    begun = client.post("/signin", data={"form": carried[1], "token": token}, headers=origin)
    assert begun.status_code == 303


@pytest.mark.parametrize("origin", NO_ORIGINS)
def test_an_origin_that_is_none_is_another_site_and_no_fault_of_ours(client: httpx.Client, origin: str) -> None:
    refused = client.post("/signin", data={"token": "x"}, headers={"origin": origin})
    assert refused.status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "https://evil.example", "null", "http://["])
def test_a_session_does_not_read_for_a_page_of_another_origin(
    client: httpx.Client, keys: MadeKeys, origin: str
) -> None:
    signed_in(client, keys.create("ada", "read"))
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"origin": origin}).status_code == 403


def test_no_spelling_of_an_open_path_leads_to_a_closed_one(client: httpx.Client) -> None:
    for raw in (trick.format(path) for path in OPEN for trick in TRICKS):
        request = client.build_request("GET", "/")
        request.url = request.url.copy_with(raw_path=raw.encode())
        assert client.send(request).status_code in (400, 401), raw


def test_no_method_gets_past_the_gate(client: httpx.Client) -> None:
    for method in ("OPTIONS", "TRACE", "HEAD", "PUT", "DELETE", "PATCH", "PROPFIND"):
        for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
            assert client.request(method, "/v1/incidents", headers={name: "GET"}).status_code == 401


def test_no_header_names_another_path(client: httpx.Client) -> None:
    for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Path"):
        assert client.get("/metrics", headers={name: "/healthz"}).status_code == 401
        assert "watchkeeper_requests" not in client.get("/healthz", headers={name: "/metrics"}).text


@pytest.mark.parametrize("onset", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_an_onset_that_is_no_time_is_refused(onset: str) -> None:
    with pytest.raises(ValueError, match="expected a time of the years 1 to 9999"):
        Judgement.model_validate({"diagnosis": 0, "judged": "partly", "true_onset": onset})


def test_what_a_browser_says_is_one_plain_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    _made_ready()
    with caplog.at_level(logging.ERROR, "nicegui"):
        logging.getLogger("nicegui").error("x\nroot logged in %s\x1b[2J", "now")
    assert [record.getMessage() for record in caplog.records] == ["x root logged in now[2J"]
