"""What browsers are told about every answer: what it may load and run, who may frame it, that it is not kept."""

import base64
import hashlib
import secrets
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchkeeper.server.access_table import is_page

STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For everything that is no page."""
STATIC = "/_nicegui/"
"""What NiceGUI's pages are made of; a version is in its path, so that it may be kept for ever."""
_NONCE_BYTES = 16
_LEFT_OUT = frozenset((b"accept-encoding", b"x-forwarded-prefix"))
"""A page is given its nonce before it would be compressed; and NiceGUI would write the prefix into it as it came."""
_TAGS = (
    b'<script type="importmap">',
    b"<script>\n      addStyle = ",
    b'<script type="module">\n      import * as Vue from',
    b'<script type="module">\n      // Load DOMPurify',
)
"""The scripts that NiceGUI writes into a page, each once; no other inline script runs, whoever wrote it."""


def strict_page(style: str) -> str:
    """The policy of a page that has this style and a form, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def nicegui_page(nonce: str) -> str:
    """The tightest policy with which NiceGUI works.

    It evaluates handlers and compiles templates (`unsafe-eval`) and sets styles on elements (`unsafe-inline` for
    styles); its inline scripts run by a nonce, so that markup that came from outside would still run nothing.
    """
    return (
        f"default-src 'none'; script-src 'self' 'unsafe-eval' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
        "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )


class AnswerHeaders:
    """Puts the headers on every answer, and the nonce into pages."""

    def __init__(self, app: ASGIApp, make_nonce: Callable[[], str] | None = None) -> None:
        self._app = app
        self._make_nonce = make_nonce or (lambda: secrets.token_urlsafe(_NONCE_BYTES))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; websockets have no headers of ours."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if is_page(path) and not path.startswith(STATIC):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in _LEFT_OUT]
            await self._app(scope, receive, _Page(send, self._make_nonce()).send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _put(MutableHeaders(raw=message.setdefault("headers", [])), STRICT, is_kept=path.startswith(STATIC))
            await send(message)

        await self._app(scope, receive, with_headers)


class _Page:
    """The answer to one request for a page; where it is one of NiceGUI's, its own scripts get the nonce."""

    def __init__(self, send: Send, nonce: str) -> None:
        self._send, self._nonce = send, nonce
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """Pass on what is no HTML, gather what is."""
        if message["type"] == "http.response.start":
            headers = Headers(raw=message.setdefault("headers", []))
            is_html = headers.get("content-type", "").startswith("text/html")
            if is_html and "content-security-policy" not in headers:
                self._start = message
                return
            _put(MutableHeaders(raw=message["headers"]), STRICT)
        if self._start is None:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = with_nonce(bytes(self._body), self._nonce)
        headers = MutableHeaders(raw=start["headers"])
        _put(headers, nicegui_page(self._nonce))
        headers["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def with_nonce(page: bytes, nonce: str) -> bytes:
    """The page with the nonce on NiceGUI's own inline scripts, and on none that comes a second time."""
    for tag in _TAGS:
        page = page.replace(tag, tag.replace(b"<script", f'<script nonce="{nonce}"'.encode(), 1), 1)
    return page


def _put(headers: MutableHeaders, policy: str, is_kept: bool = False) -> None:
    headers.setdefault("Content-Security-Policy", policy)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    # Not `no-referrer`: then browsers would send no origin along with our own forms.
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if not is_kept:
        headers["Cache-Control"] = "no-store"
