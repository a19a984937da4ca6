"""What a caller is told when something went wrong: a status, one sentence, in the form that the endpoint speaks."""

from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from watchkeeper.errors import (
    DiskFull,
    PayloadRejected,
    PayloadTooLarge,
    QueryRejected,
    QueueFull,
    SourceUnavailable,
    StoreUnavailable,
    WatchkeeperError,
)

RETRY_AFTER_SECONDS = 1

_STATUS: dict[type[WatchkeeperError], int] = {
    PayloadTooLarge: 413,
    PayloadRejected: 400,
    QueueFull: 429,
    DiskFull: 507,
    StoreUnavailable: 503,
    QueryRejected: 400,
    SourceUnavailable: 503,
}
_RPC_CODES = {400: 3, 413: 8, 415: 3, 429: 8, 503: 14, 507: 8}
"""google.rpc codes: invalid argument, resource exhausted, unavailable; anything else is internal (13)."""
_OTLP_PATHS = ("/v1/traces", "/v1/metrics", "/v1/logs")
_BUG = "something went wrong inside watchkeeper; its log has the reason"


class UnsupportedMedia(PayloadRejected):
    """A content type or encoding that is not spoken here: 415."""


def install(app: FastAPI) -> None:
    """Have the app answer every error of ours, of HTTP and of nobody's making."""
    app.add_exception_handler(WatchkeeperError, _answer_ours)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer_ours(request: Request, error: Exception) -> Response:
    return problem(request, _status(error), str(error))


async def _answer_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    response = problem(request, status, f"{request.method} {request.url.path[:200]}: {HTTPStatus(status).phrase}")
    response.headers.update(headers or {})
    return response


async def _answer_bug(request: Request, error: Exception) -> Response:
    return problem(request, 500, _BUG)


def _status(error: Exception) -> int:
    if isinstance(error, UnsupportedMedia):
        return 415
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def problem(request: Request, status: int, detail: str) -> Response:
    """The error in the caller's language: google.rpc.Status on OTLP's paths, problem+json elsewhere."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in (429, 503) else {}
    if request.url.path in _OTLP_PATHS:
        code = _RPC_CODES.get(status, 13)
        if request.headers.get("content-type", "").startswith("application/x-protobuf"):
            return Response(rpc_status(code, detail), status, headers, "application/x-protobuf")
        return Response(orjson.dumps({"code": code, "message": detail}), status, headers, "application/json")
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
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
