"""Signing in by browser: forms that are ours, sessions that end, pages of other sites that get nowhere."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from made_access import GARBAGE, SESSION_KEY, MadeKeys, NoTelemetry, bearer, gate_over
from server.made_duty import MadeDuty
from watchkeeper.server.access_origins import local_path
from watchkeeper.server.access_sessions import FORM_SECONDS, Sessions
from watchkeeper.server.app import Wiring
from watchkeeper.server.running import running

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WAIT_SECONDS, TICK_SECONDS = 30, 0.02
PAGE = {"accept": "text/html"}
SOCKET, TICKS = "/_nicegui_ws/echo", "/_nicegui_ws/ticks"
AGAIN = "/v1/parcels/again"


def pages(app: FastAPI) -> None:
    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(f"seen by {request.state.caller.name}")

    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect:
            return

    async def tick(socket: WebSocket) -> None:
        await socket.accept()
        while socket.application_state is WebSocketState.CONNECTED:
            await socket.send_text("tick")
            if await _gone_within(socket, TICK_SECONDS):
                return

    sockets = [WebSocketRoute(SOCKET, echo), WebSocketRoute(TICKS, tick)]
    app.mount("/", Starlette(routes=[*sockets, Route("/{path:path}", page)]))


async def _gone_within(socket: WebSocket, seconds: float) -> bool:
    try:
        return (await asyncio.wait_for(socket.receive(), seconds))["type"] == "websocket.disconnect"
    except TimeoutError:
        return False


@pytest.fixture
def keys() -> MadeKeys:
    return MadeKeys()


@pytest.fixture
def client(keys: MadeKeys) -> Iterator[httpx.Client]:
    wiring = Wiring(store=NoTelemetry(), gate=gate_over(keys), duty=MadeDuty(), pages=pages)
    with running(wiring) as url, httpx.Client(base_url=url, timeout=WAIT_SECONDS) as client:
        yield client


def origin(client: httpx.Client) -> dict[str, str]:
    return {"origin": str(client.base_url).rstrip("/")}


def cookies(client: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def form(client: httpx.Client, onward: str = "/") -> dict[str, str]:
    """The fields that a browser would send back, without the token; the client keeps the cookie."""
    page = client.get("/signin", params={"next": onward}, headers=PAGE).text
    return dict(re.findall(r'name="(form|next)" value="([^"]*)"', page))


def sign_in(client: httpx.Client, token: str, onward: str = "/") -> httpx.Response:
    return client.post("/signin", data=form(client, onward) | {"token": token}, headers=origin(client))


def test_a_page_asks_for_a_token_and_leads_on_to_itself(client: httpx.Client, keys: MadeKeys) -> None:
    token = keys.create("ada", "read")
    asked = client.get("/incidents/INC-2026-0001", params={"tab": "x"}, headers=PAGE)
    assert (asked.status_code, asked.headers["location"]) == (303, "/signin?next=/incidents/INC-2026-0001%3Ftab%3Dx")
    onward = "/incidents/INC-2026-0001?tab=x"
    begun = sign_in(client, token, onward)
    assert (begun.status_code, begun.headers["location"]) == (303, onward)
    assert client.get(onward, headers=PAGE).text == "seen by ada"
    assert keys.signed_in == ["ada"]


def test_the_cookie_of_a_session_is_kept_from_scripts_and_other_sites(client: httpx.Client, keys: MadeKeys) -> None:
    token = keys.create("ada", "read")
    cookie = sign_in(client, token).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert token not in cookie


def test_over_tls_the_cookie_goes_over_tls_only(client: httpx.Client, keys: MadeKeys) -> None:
    token, tls = keys.create("ada", "read"), {"x-forwarded-proto": "https"}
    page = client.get("/signin", headers=tls)
    given = page.headers["set-cookie"].partition(";")[0]
    fields = dict(re.findall(r'name="(form|next)" value="([^"]*)"', page.text))
    secure = {"origin": str(client.base_url).replace("http:", "https:").rstrip("/"), "cookie": given, **tls}
    cookie = client.post("/signin", data=fields | {"token": token}, headers=secure).headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "; Secure" in cookie


def test_a_wrong_token_is_neither_repeated_nor_logged(client: httpx.Client) -> None:
    with capture_logs() as said:
        refused = sign_in(client, GARBAGE)
    assert refused.status_code == 401
    assert "not a token that holds" in refused.text
    assert GARBAGE not in refused.text
    assert GARBAGE not in str(said)
    assert "session" not in refused.headers["set-cookie"]


def test_a_token_that_may_not_see_anything_begins_no_session(client: httpx.Client, keys: MadeKeys) -> None:
    refused = sign_in(client, keys.create("exporter", "ingest"))
    assert (refused.status_code, "may not look at anything" in refused.text) == (403, True)


@pytest.mark.parametrize(
    ("headers", "change"),
    [
        ({"origin": "https://evil.example"}, {}),
        ({"origin": "null"}, {}),
        ({"sec-fetch-site": "cross-site"}, {}),
        ({}, {}),
        (None, {"form": "0" * 64}),
        (None, {"form": ""}),
    ],
    ids=str,
)
def test_a_form_of_another_page_begins_no_session(
    client: httpx.Client, keys: MadeKeys, headers: dict[str, str] | None, change: dict[str, str]
) -> None:
    fields = form(client) | {"token": keys.create("ada", "read")} | change
    refused = client.post("/signin", data=fields, headers=origin(client) if headers is None else headers)
    assert (refused.status_code, "came from another page" in refused.text) == (403, True)
    assert "session" not in refused.headers["set-cookie"]


def test_a_form_of_another_browser_begins_no_session(client: httpx.Client, keys: MadeKeys) -> None:
    fields = form(client)
    client.cookies.clear()
    form(client)
    sent = client.post("/signin", data=fields | {"token": keys.create("ada", "read")}, headers=origin(client))
    assert sent.status_code == 403


def test_a_session_that_somebody_planted_is_not_the_one_that_begins(client: httpx.Client, keys: MadeKeys) -> None:
    sign_in(client, keys.create("mallory", "read"))
    (planted,) = (f"{name}={value}" for name, value in client.cookies.items() if "session" in name)
    client.cookies.clear()
    fields, given = form(client), cookies(client)
    client.cookies.clear()
    sent = origin(client) | {"cookie": f"{given}; {planted}"}
    begun = client.post("/signin", data=fields | {"token": keys.create("ada", "read")}, headers=sent)
    assert (begun.status_code, planted in begun.headers["set-cookie"]) == (303, False)
    client.cookies.clear()
    assert client.get("/metrics", headers={"cookie": planted}).status_code == 401


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
        "javascript:alert(1)", "/%0d%0aset-cookie:x", "///evil.example", "http:evil.example", "evil", "",
        "/signout", "/signin?next=/", "/v1/incidents", "/" + "x" * 3000, "/ü", "/a\nb", "/a\x00",
    ],
)  # fmt: skip
def test_nobody_is_led_to_another_site(onward: str) -> None:
    assert local_path(onward) in ("/", "/%0d%0aset-cookie:x")


@pytest.mark.parametrize("onward", ["/", "/accuracy", "/incidents/INC-2026-0042?tab=drafts&x=%2F%2Fy"])
def test_paths_of_our_own_are_led_to(onward: str) -> None:
    assert local_path(onward) == onward


def test_a_path_with_markup_stays_text_on_the_page(client: httpx.Client) -> None:
    page = client.get("/signin", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script" not in page
    link = client.get('/x"><script>', headers={**PAGE, "sec-fetch-site": "cross-site"})
    assert "<script" not in link.text


def test_a_link_on_another_site_leads_to_the_page_once_more(client: httpx.Client, keys: MadeKeys) -> None:
    followed = client.get("/incidents/INC-2026-0001", headers={**PAGE, "sec-fetch-site": "cross-site"})
    assert followed.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/incidents/INC-2026-0001"' in followed.text


def test_a_session_ends_with_its_token(client: httpx.Client, keys: MadeKeys) -> None:
    sign_in(client, keys.create("ada", "read"))
    assert client.get("/metrics").status_code == 200
    keys.revoke("ada")
    assert client.get("/metrics").status_code == 401


def test_a_session_is_over_when_its_person_leaves_even_for_who_copied_the_cookie(
    client: httpx.Client, keys: MadeKeys
) -> None:
    sign_in(client, keys.create("ada", "read"))
    copied = {"cookie": cookies(client)}
    left = client.post("/signout", headers=origin(client))
    assert (left.status_code, left.headers["location"]) == (303, "/signin")
    assert "Max-Age=0" in left.headers["set-cookie"]
    client.cookies.clear()
    assert client.get("/metrics", headers=copied).status_code == 401


def test_what_is_shown_besides_a_session_decides(client: httpx.Client, keys: MadeKeys) -> None:
    sign_in(client, keys.create("ada", "read"))
    assert client.get("/metrics", headers=bearer(GARBAGE)).status_code == 401


def test_of_two_session_cookies_none_counts(client: httpx.Client, keys: MadeKeys) -> None:
    sign_in(client, keys.create("ada", "read"))
    (shown,) = (f"{name}={value}" for name, value in client.cookies.items() if "session" in name)
    client.cookies.clear()
    assert client.get("/metrics", headers={"cookie": shown}).status_code == 200
    assert client.get("/metrics", headers={"cookie": f"{shown}; {shown}"}).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "{own}"}, 404),
        ({"sec-fetch-site": "same-origin"}, 404),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "{own}.evil.example"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({}, 403),
    ],
    ids=str,
)
def test_only_a_page_of_our_own_acts_for_who_is_signed_in(
    client: httpx.Client, keys: MadeKeys, headers: dict[str, str], status: int
) -> None:
    sign_in(client, keys.create("ada", "operate"))
    sent = {name: value.format(own=origin(client)["origin"]) for name, value in headers.items()}
    assert client.post(AGAIN, json={"key": "gone"}, headers=sent).status_code == status


def test_a_program_with_a_token_needs_no_origin(client: httpx.Client, keys: MadeKeys) -> None:
    headers = bearer(keys.create("script", "operate"))
    assert client.post(AGAIN, json={"key": "gone"}, headers=headers).status_code == 404


def test_who_may_not_see_a_page_is_told_so_on_one(client: httpx.Client, keys: MadeKeys) -> None:
    told = client.get("/", headers={**PAGE, **bearer(keys.create("exporter", "ingest"))})
    assert (told.status_code, "has not the scope read" in told.text) == (403, True)


def test_tries_to_sign_in_are_counted(keys: MadeKeys) -> None:
    with (
        running(Wiring(store=NoTelemetry(), gate=gate_over(keys, sign_ins=2))) as url,
        httpx.Client(base_url=url) as client,
    ):
        statuses = [sign_in(client, GARBAGE).status_code for _ in range(3)]
        late = sign_in(client, keys.create("ada", "read"))
    assert statuses == [401, 401, 429]
    assert (late.status_code, int(late.headers["retry-after"]) > 1) == (429, True)


# Websockets


def websocket(client: httpx.Client, path: str = SOCKET, **headers: str) -> ClientConnection:
    host = urlsplit(str(client.base_url)).netloc
    return connect(f"ws://{host}{path}", additional_headers=headers, proxy=None)


def test_a_websocket_opens_to_a_page_of_our_own(client: httpx.Client, keys: MadeKeys) -> None:
    sign_in(client, keys.create("ada", "read"))
    with websocket(client, cookie=cookies(client), **origin(client)) as line:
        line.send("hello")
        assert line.recv(WAIT_SECONDS) == "hello"


@pytest.mark.parametrize("sent", [{}, {"origin": "http://evil.example"}], ids=["no origin", "another origin"])
def test_a_websocket_of_another_page_is_refused(client: httpx.Client, keys: MadeKeys, sent: dict[str, str]) -> None:
    sign_in(client, keys.create("ada", "read"))
    with pytest.raises(InvalidStatus) as refused:
        websocket(client, cookie=cookies(client), **sent)
    assert refused.value.response.status_code == 403


def test_a_websocket_without_a_session_is_refused(client: httpx.Client) -> None:
    with pytest.raises(InvalidStatus) as refused:
        websocket(client, **origin(client))
    assert refused.value.response.status_code == 401


def test_an_open_websocket_ends_when_its_token_does(client: httpx.Client, keys: MadeKeys) -> None:
    sign_in(client, keys.create("ada", "read"))
    with websocket(client, cookie=cookies(client), **origin(client)) as line:
        keys.revoke("ada")
        line.send("hello")
        with pytest.raises(ConnectionClosed):
            line.recv(WAIT_SECONDS)


def test_an_open_websocket_tells_nothing_more_to_a_browser_that_signed_out(
    client: httpx.Client, keys: MadeKeys
) -> None:
    sign_in(client, keys.create("ada", "read"))
    with websocket(client, TICKS, cookie=cookies(client), **origin(client)) as line:
        assert line.recv(WAIT_SECONDS) == "tick"
        client.post("/signout", headers=origin(client))
        with pytest.raises(ConnectionClosed, match="signed out"):
            for _ in line:
                pass


def test_a_server_ends_though_websockets_are_open(keys: MadeKeys) -> None:
    headers = bearer(keys.create("ada", "read"))
    with ExitStack() as serving:
        url = serving.enter_context(running(Wiring(store=NoTelemetry(), gate=gate_over(keys), pages=pages)))
        with connect(f"ws://{urlsplit(url).netloc}{SOCKET}", additional_headers=headers, proxy=None) as line:
            serving.close()
            with pytest.raises(ConnectionClosed):
                line.recv(WAIT_SECONDS)


# Cookies by themselves


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def showing(cookie: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "scheme": "http", "headers": [(b"cookie", cookie.encode())]})


def value_of(cookie: str) -> str:
    return cookie.partition(";")[0]


def test_a_session_survives_a_restart_and_ends_at_its_time() -> None:
    clock = Clock()
    shown = showing(value_of(Sessions(SESSION_KEY, 12, clock).begin(showing(""), "ab" * 32)))
    again = Sessions(SESSION_KEY, 12, clock)
    session = again.session(shown)
    assert session is not None
    assert session.digest == "ab" * 32
    clock.now += timedelta(hours=12)
    assert again.session(shown) is None


def test_a_session_that_another_key_signed_or_that_was_changed_is_none() -> None:
    sessions = Sessions(SESSION_KEY, 12, Clock())
    cookie = value_of(sessions.begin(showing(""), "ab" * 32))
    name, value = cookie.split("=")
    forged = value_of(Sessions(b"another key", 12, Clock()).begin(showing(""), "ab" * 32)).split("=")[1]
    ends, rest = value.split(".", 1)
    for other in (forged, value[:-1], f"{int(ends) + 1}.{rest}", value.replace("ab", "cd"), "", "....", value + "0"):
        assert sessions.session(showing(f"{name}={other}")) is None
    assert sessions.session(showing(cookie)) is not None


def test_a_form_is_taken_for_an_hour() -> None:
    clock = Clock()
    sessions = Sessions(SESSION_KEY, 12, clock)
    carried, cookie = sessions.form(showing(""))
    assert sessions.is_form(showing(value_of(cookie)), carried)
    clock.now += timedelta(seconds=FORM_SECONDS + 1)
    assert not sessions.is_form(showing(value_of(cookie)), carried)
