"""What a caller is told when something went wrong: a status, one sentence, in the form that the endpoint speaks."""

from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection

from watchkeeper.errors import (
    AccessDenied,
    DeliveryFailed,
    DiskFull,
    KnowledgeUnavailable,
    ModelUnavailable,
    PayloadRejected,
    PayloadTooLarge,
    QueryRejected,
    QueueFull,
    RecordsUnavailable,
    SourceUnavailable,
    StoreUnavailable,
    WatchkeeperError,
)

RETRY_AFTER_SECONDS = 1
CHALLENGE = 'Bearer realm="watchkeeper"'
LONGEST_DETAIL = 500

_STATUS: dict[type[WatchkeeperError], int] = {
    PayloadTooLarge: 413,
    PayloadRejected: 400,
    QueueFull: 429,
    DiskFull: 507,
    StoreUnavailable: 503,
    QueryRejected: 400,
    SourceUnavailable: 503,
    RecordsUnavailable: 503,
    ModelUnavailable: 503,
    KnowledgeUnavailable: 503,
    DeliveryFailed: 502,
    AccessDenied: 403,
}
_RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 415: 3, 429: 8, 503: 14, 507: 8}
"""google.rpc codes: invalid argument, unauthenticated, permission denied, not found, resource exhausted, unavailable;
anything else is internal (13)."""
_OTLP_PATHS = ("/v1/traces", "/v1/metrics", "/v1/logs")
_BUG = "something went wrong inside watchkeeper; its log has the reason"


class UnsupportedMedia(PayloadRejected):
    """A content type or encoding that is not spoken here: 415."""


class NotThere(QueryRejected):
    """What was asked for by its id is not there: 404."""


class NotNow(QueryRejected):
    """What is there cannot be done that to in its state: 409."""


class Oversized(HTTPException):
    """A body past the limit, noticed while it was read; of HTTP's kind, so that no parser takes it for bad JSON."""

    def __init__(self, detail: str) -> None:
        super().__init__(413, detail)


def install(app: FastAPI) -> None:
    """Have the app answer every error of ours, of HTTP and of nobody's making."""
    app.add_exception_handler(WatchkeeperError, _answer_ours)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(ClientDisconnect, _answer_gone)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer_ours(request: Request, error: Exception) -> Response:
    return problem(request, _status(error), str(error))


async def _answer_invalid(request: Request, error: Exception) -> Response:
    """What is wrong with the first field that is; what was sent is not repeated."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) and error.errors() else {}
    where = ".".join(str(part) for part in first.get("loc", ())) or "the request"
    return problem(request, 422, f"{where}: {first.get('msg', 'is not what was expected')}")


async def _answer_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    phrase = f"{request.method} {request.url.path[:200]}: {HTTPStatus(status).phrase}"
    response = problem(request, status, error.detail if isinstance(error, Oversized) else phrase)
    response.headers.update(headers or {})
    return response


async def _answer_gone(request: Request, error: Exception) -> Response:
    """Nobody is there to read it; but a sender that hangs up is no failure of ours, and leaves no trace in the log."""
    return problem(request, 400, "the sender went away before its body was whole")


async def _answer_bug(request: Request, error: Exception) -> Response:
    return problem(request, 500, _BUG)


def _status(error: Exception) -> int:
    named = {UnsupportedMedia: 415, NotThere: 404, NotNow: 409} | _STATUS
    return next((status for kind, status in named.items() if isinstance(error, kind)), 500)


def problem(request: HTTPConnection, status: int, detail: str, retry_after: int = RETRY_AFTER_SECONDS) -> Response:
    """The error in the caller's language: google.rpc.Status on OTLP's paths, problem+json elsewhere."""
    if status == HTTPStatus.TOO_MANY_REQUESTS and request.url.path.startswith("/v1/alerts/"):
        # Alertmanager drops what is answered 429, and sends again what is answered 503: no alert may be lost.
        status = 503
    headers = {"Retry-After": str(retry_after)} if status in (429, 503) else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    # Text from a request may hold half a surrogate pair, which is no UTF-8.
    said = detail[:LONGEST_DETAIL].encode("utf-8", "replace").decode()
    if request.url.path in _OTLP_PATHS:
        code = _RPC_CODES.get(status, 13)
        if request.headers.get("content-type", "").startswith("application/x-protobuf"):
            return Response(rpc_status(code, said), status, headers, "application/x-protobuf")
        return Response(orjson.dumps({"code": code, "message": said}), status, headers, "application/json")
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": said}
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


def rpc_status(code: int, message: str) -> bytes:
    """A google.rpc.Status with code (field 1) and message (field 2), as protobuf writes it."""
    text = message.encode()
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])
