"""Requests read up to the limit: body, content type, content encoding."""

from fastapi import Request

from watchkeeper.server.problems import UnsupportedMedia
from watchkeeper.telemetry.bodies import ENCODINGS, too_large
from watchkeeper.telemetry.otlp import Encoding

_OTLP_TYPES: dict[str, Encoding] = {"application/x-protobuf": "protobuf", "application/json": "json"}


def otlp_encoding(request: Request) -> Encoding:
    """Which of OTLP's encodings the body is said to have; raises UnsupportedMedia for any other type."""
    kind = _media_type(request)
    if kind not in _OTLP_TYPES:
        raise UnsupportedMedia(f"the content type is {kind[:80]!r}, expected one of {', '.join(_OTLP_TYPES)}")
    return _OTLP_TYPES[kind]


def require_json(request: Request) -> None:
    """Raise UnsupportedMedia unless the body is said to be JSON."""
    kind = _media_type(request)
    if kind != "application/json":
        raise UnsupportedMedia(f"the content type is {kind[:80]!r}, expected application/json")


def content_encoding(request: Request) -> str:
    """How the body is compressed; raises UnsupportedMedia for a way that is not spoken here."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower() or "identity"
    if encoding not in ENCODINGS:
        raise UnsupportedMedia(f"the content encoding is {encoding[:80]!r}, expected one of {', '.join(ENCODINGS)}")
    return encoding


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The body as it came, still compressed; raises PayloadTooLarge as soon as it is past the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit_bytes:
        raise too_large(limit_bytes)
    pieces: list[bytes] = []
    total = 0
    async for piece in request.stream():
        total += len(piece)
        if total > limit_bytes:
            raise too_large(limit_bytes)
        pieces.append(piece)
    return b"".join(pieces)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
