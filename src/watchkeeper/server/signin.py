"""The page by which a person signs in with a token: plain HTML, no script, nothing fetched from anywhere."""

import asyncio
import html
from http import HTTPStatus
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from watchkeeper.server import access_origins as origins
from watchkeeper.server.access_headers import strict_page
from watchkeeper.server.access_keys import HeldToken, KeyRing, caller_of
from watchkeeper.server.access_limits import Buckets
from watchkeeper.server.access_sessions import Sessions
from watchkeeper.server.reading import read_body

MAXIMUM_FORM_BYTES = 8192
MAXIMUM_FORM_SECONDS = 20.0
"""How long a form may take to arrive: whoever sends it is not known yet."""
_STALE = "This form was open for too long, or came from another page. Please try again."
_WRONG = "That is not a token that holds. Please look for a space too many, or for another token."
_BLIND = "This token may not look at anything: it needs the scope read, operate or admin."
_MANY = "Too many tries. Please wait a minute."

_log = structlog.get_logger()

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #f6f7f9; --card: #fff; --line: #c6ccd6; --act: #1f5fbf;
  --wrong: #a3261b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #12161c; --card: #1b2129; --line: #3a4452;
  --act: #6ea2f5; --wrong: #ff8f84; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 24rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: 1.5rem; }
h1 { font-size: 1.25rem; margin: 0 0 1rem; }
p { margin: .75rem 0; overflow-wrap: anywhere; }
small { display: block; margin-top: 1rem; opacity: .8; }
label { display: block; font-weight: 600; }
input { width: 100%; font: inherit; padding: .6rem; margin: .25rem 0 1rem; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: .25rem; }
button { width: 100%; font: inherit; font-weight: 600; padding: .6rem; border: 0; border-radius: .25rem; color: #fff;
  background: #1f5fbf; cursor: pointer; }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
.wrong { color: var(--wrong); font-weight: 600; }
a { color: var(--act); }
"""


_POLICY = strict_page(_STYLE)


def routes(ring: KeyRing, sessions: Sessions, tries: Buckets) -> APIRouter:
    """`GET` and `POST /signin`, `POST /signout`."""
    router = APIRouter(include_in_schema=False)
    desk = _Desk(ring, sessions, tries)
    router.add_api_route("/signin", desk.show, methods=["GET"], response_model=None)
    router.add_api_route("/signin", desk.sign_in, methods=["POST"], response_model=None)
    router.add_api_route("/signout", desk.sign_out, methods=["POST"], response_model=None)
    return router


def once_more(path: str) -> Response:
    """A page that goes to the same path again, now as a page of ours: then the browser sends its session along."""
    return _page(f'<p><a href="{html.escape(path)}">Go on</a></p>', head=_refresh(path))


def refused(why: str) -> Response:
    """A page for somebody who is signed in and may not see that."""
    leave = '<form method="post" action="/signout"><button>Sign in with another token</button></form>'
    return _page(f'<p class="wrong">{html.escape(why)}</p>{leave}', HTTPStatus.FORBIDDEN)


class _Desk:
    """Gives out forms, and takes tokens for sessions."""

    def __init__(self, ring: KeyRing, sessions: Sessions, tries: Buckets) -> None:
        self._ring, self._sessions, self._tries = ring, sessions, tries

    async def show(self, request: Request) -> Response:
        """The form; whoever is signed in already is sent on."""
        onward = origins.local_path(request.query_params.get("next", ""))
        caller = request.state.caller
        if caller is not None and caller.may("read"):
            return RedirectResponse(onward, HTTPStatus.SEE_OTHER)
        return self._form(request, onward)

    async def sign_in(self, request: Request) -> Response:
        """A session for a token, given by a form that we made; the token goes nowhere else."""
        fields = await _fields(request)
        onward = origins.local_path(fields.get("next", ""))
        client = origins.client_of(request)
        if seconds := self._tries.wait_seconds(client):
            response = self._form(request, onward, _MANY, HTTPStatus.TOO_MANY_REQUESTS)
            response.headers["Retry-After"] = str(seconds)
            return response
        is_ours = origins.is_same_origin(request) and self._sessions.is_form(request, fields.get("form", ""))
        if not is_ours:
            return self._form(request, onward, _STALE, HTTPStatus.FORBIDDEN)
        token = await self._ring.token(fields.get("token", "").strip())
        if token is None:
            _log.warning("a sign-in was refused", client=client)
            return self._form(request, onward, _WRONG, HTTPStatus.UNAUTHORIZED)
        if not caller_of(token).may("read"):
            return self._form(request, onward, _BLIND, HTTPStatus.FORBIDDEN)
        return self._begun(request, token, onward)

    async def sign_out(self, request: Request) -> Response:
        """The session is over, also where somebody copied its cookie."""
        response = RedirectResponse("/signin", HTTPStatus.SEE_OTHER)
        response.headers.append("Set-Cookie", self._sessions.end(request))
        return response

    def _begun(self, request: Request, token: HeldToken, onward: str) -> Response:
        self._ring.note_sign_in(token.name)
        # Whatever session the browser had is over: one that somebody planted there must not live on.
        self._sessions.end(request)
        response = RedirectResponse(onward, HTTPStatus.SEE_OTHER)
        response.headers.append("Set-Cookie", self._sessions.begin(request, token.digest))
        return response

    def _form(self, request: Request, onward: str, wrong: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        carried, cookie = self._sessions.form(request)
        told = f'<p class="wrong" role="alert">{html.escape(wrong)}</p>' if wrong else ""
        response = _page(
            f"""{told}<form method="post" action="/signin">
<input type="hidden" name="form" value="{carried}"><input type="hidden" name="next" value="{html.escape(onward)}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus
 maxlength="256" spellcheck="false" autocapitalize="off"><button>Sign in</button></form>
<small>On the machine that watchkeeper runs on, the first token is in the file <code>token</code> of its home,
usually <code>~/.watchkeeper/token</code>. <code>watchkeeper token create</code> makes others.</small>""",
            status,
        )
        response.headers.append("Set-Cookie", cookie)
        return response


async def _fields(request: Request) -> dict[str, str]:
    """The form's fields, each of which may come once; a form that is none has none."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return {}
    try:
        async with asyncio.timeout(MAXIMUM_FORM_SECONDS):
            body = (await read_body(request, MAXIMUM_FORM_BYTES)).decode("ascii", "replace")
        found = parse_qs(body, max_num_fields=8)
    except (TimeoutError, ValueError):
        return {}
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _refresh(path: str) -> str:
    return f'<meta http-equiv="refresh" content="0; url={html.escape(path)}">'


def _page(body: str, status: HTTPStatus = HTTPStatus.OK, head: str = "") -> Response:
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>watchkeeper</title><link rel="icon" href="data:,">{head}<style>{_STYLE}</style></head>
<body><main><h1>watchkeeper</h1>{body}</main></body></html>"""
    return HTMLResponse(text, status, {"Content-Security-Policy": _POLICY})
