"""Who gets in: in front of every path, websockets too, and before a byte of the body is read."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchkeeper.errors import RecordsUnavailable
from watchkeeper.server import access_origins as origins
from watchkeeper.server import signin
from watchkeeper.server.access_keys import KeyRing, caller_of
from watchkeeper.server.access_limits import Buckets, bounded
from watchkeeper.server.access_sessions import Sessions
from watchkeeper.server.access_table import READING, Wanted, is_page, is_telemetry, wanted
from watchkeeper.server.callers import Caller
from watchkeeper.server.problems import problem
from watchkeeper.telemetry.bodies import too_large

SMALL_BODY_BYTES = 2**20
"""The largest body of everything but telemetry and alerts."""
POLICY_VIOLATION = 1008
_NO_TOKEN = "expected a token that holds, as `Authorization: Bearer wk_…`; `watchkeeper token create` makes one"
_ELSEWHERE = "a page of another site sent this: expected the same origin"


@dataclass(frozen=True)
class Shown:
    """Who a request comes from, as far as it showed."""

    caller: Caller | None = None
    by_cookie: bool = False
    """A browser sends cookies whoever made it send the request: then that must be a page of ours."""


NOBODY = Shown()


class Gate(Protocol):
    """Tells who a request comes from, and how much they may ask."""

    async def shown(self, connection: HTTPConnection) -> Shown:
        """By token or session; raises RecordsUnavailable where it cannot be told."""

    def wait_seconds(self, caller: Caller) -> int:
        """Count one request; 0, or for how long they should wait."""

    def routes(self) -> APIRouter:
        """The pages by which people sign in."""

    def close(self) -> None:
        """Let go of what it holds."""


class TokenGate:
    """The gate of a server: a bearer token, or the session of a browser that signed in with one."""

    def __init__(self, ring: KeyRing, sessions: Sessions, buckets: Buckets, sign_ins: Buckets) -> None:
        self._ring, self._sessions, self._buckets, self._sign_ins = ring, sessions, buckets, sign_ins

    async def shown(self, connection: HTTPConnection) -> Shown:
        """By the token where one is shown, and then by nothing else."""
        if credentials := connection.headers.getlist("authorization"):
            kind, _, text = credentials[0].partition(" ")
            if len(credentials) > 1 or kind.lower() != "bearer":
                return NOBODY
            token = await self._ring.token(text.strip())
            return NOBODY if token is None else Shown(caller_of(token))
        if (session := self._sessions.session(connection)) is None:
            return NOBODY
        token = await self._ring.by_digest(session.digest)
        return NOBODY if token is None else Shown(caller_of(token), by_cookie=True)

    def wait_seconds(self, caller: Caller) -> int:
        """Whatever they ask for, and from wherever."""
        return self._buckets.wait_seconds(caller.name)

    def routes(self) -> APIRouter:
        """`/signin` and `/signout`."""
        return signin.routes(self._ring, self._sessions, self._sign_ins)

    def close(self) -> None:
        """Let go of the ring's thread."""
        self._ring.close()


class OpenToAll:
    """No gate: for a private server inside a test, and for nothing else."""

    async def shown(self, connection: HTTPConnection) -> Shown:
        """Everybody may do everything."""
        return Shown(Caller(name="everybody", scopes=frozenset(("admin",))))

    def wait_seconds(self, caller: Caller) -> int:
        """As much as they like."""
        return 0

    def routes(self) -> APIRouter:
        """Nobody signs in."""
        return APIRouter()

    def close(self) -> None:
        """There is nothing to let go of."""


class Access:
    """Lets requests through that may, with `request.state.caller`, and answers the others itself."""

    def __init__(self, app: ASGIApp, gate: Gate, maximum_body_bytes: int) -> None:
        self._app, self._gate, self._maximum_body_bytes = app, gate, maximum_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        shown, refusal = await self._looked_at(connection)
        if refusal is not None:
            await _answered(refusal, scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), "caller": shown.caller}
        if scope["type"] == "http":
            await self._app(scope, bounded(receive, self._limit_bytes(scope)), send)
        else:
            await self._app(scope, *self._watched(connection, shown, receive, send))

    async def _looked_at(self, connection: HTTPConnection) -> tuple[Shown, Response | None]:
        method = connection.scope.get("method", "GET")
        wants = wanted(connection.scope["path"], method)
        try:
            shown = await self._gate.shown(connection)
        except RecordsUnavailable as error:
            return NOBODY, None if wants == "open" else problem(connection, 503, str(error))
        if shown.caller is None:
            return shown, None if wants == "open" else _unknown(connection)
        # A page of ours that reads says no origin: who says one to read is another's, on another port of this host say.
        is_said = "origin" in connection.headers
        is_deed = connection.scope["type"] == "websocket" or method not in READING
        if shown.by_cookie and (is_deed or is_said) and not origins.is_same_origin(connection):
            return shown, problem(connection, 403, _ELSEWHERE)
        return shown, _not_allowed(connection, shown.caller, wants) or self._too_much(connection, shown.caller)

    def _too_much(self, connection: HTTPConnection, caller: Caller) -> Response | None:
        if seconds := self._gate.wait_seconds(caller):
            return problem(connection, 429, "that is more than one token may ask at once: try again later", seconds)
        limit_bytes = self._limit_bytes(connection.scope)
        announced = connection.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > limit_bytes:
            return problem(connection, 413, str(too_large(limit_bytes)))
        return None

    def _limit_bytes(self, scope: Scope) -> int:
        return self._maximum_body_bytes if is_telemetry(scope["path"]) else SMALL_BODY_BYTES

    def _watched(self, connection: HTTPConnection, shown: Shown, receive: Receive, send: Send) -> tuple[Receive, Send]:
        """A websocket that ends as soon as its caller may not come in any more: with the next word of either side."""
        is_over = False

        async def ended() -> bool:
            nonlocal is_over
            may_go_on = is_over or await self._gate.shown(connection) == shown
            # Asked of both ways at once, one of them says it.
            if not may_go_on and not is_over:
                is_over = True
                await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "signed out"})
            return is_over

        async def received() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and await ended():
                return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "websocket.send" and await ended():
                return
            if not is_over:
                await send(message)

        return received, sent


def _unknown(connection: HTTPConnection) -> Response:
    """401; whoever looks at a page is asked to sign in."""
    path = connection.scope["path"]
    if not (is_page(path) and origins.is_navigation(connection)):
        return problem(connection, 401, _NO_TOKEN)
    here = origins.path_of(connection)
    if origins.comes_from_elsewhere(connection):
        return signin.once_more(here)
    return RedirectResponse(f"/signin?next={quote(here, safe='/')}", 303)


def _not_allowed(connection: HTTPConnection, caller: Caller, wants: Wanted) -> Response | None:
    if wants == "open" or caller.may(wants):
        return None
    detail = f"the token `{caller.name}` has not the scope {wants}, which this needs"
    if is_page(connection.scope["path"]) and origins.is_navigation(connection):
        return signin.refused(detail)
    return problem(connection, 403, detail)


async def _answered(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
