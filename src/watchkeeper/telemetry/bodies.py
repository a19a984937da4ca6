"""Bodies as they come over the wire: decompressed, but never past the limit."""

import zlib

from watchkeeper.errors import PayloadRejected, PayloadTooLarge

MAXIMUM_BODY_BYTES = 16 * 2**20
ENCODINGS = ("identity", "gzip", "deflate")

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS
_STEP_BYTES = 2**20


def decompressed(body: bytes, encoding: str, limit_bytes: int = MAXIMUM_BODY_BYTES) -> bytes:
    """The body as it was before `Content-Encoding` (one of ENCODINGS).

    Raises PayloadTooLarge as soon as more than `limit_bytes` come out, PayloadRejected where it is not what it
    says or is cut off.
    """
    if encoding == "identity":
        if len(body) > limit_bytes:
            raise too_large(limit_bytes)
        return body
    try:
        return b"".join(_inflated(body, encoding, limit_bytes))
    except zlib.error as error:
        raise PayloadRejected(f"the body is no {encoding}: {error}") from error


def too_large(limit_bytes: int) -> PayloadTooLarge:
    """The error that says what the limit is."""
    return PayloadTooLarge(f"the body is larger than {limit_bytes / 2**20:g} MiB after decompression")


def _inflated(body: bytes, encoding: str, limit_bytes: int) -> list[bytes]:
    """The pieces that come out; gzip may consist of several members, one after the other."""
    pieces: list[bytes] = []
    total = 0
    rest = body
    while rest:
        member = zlib.decompressobj(_window(encoding, rest))
        while not member.eof:
            piece = member.decompress(rest, _STEP_BYTES)
            rest = member.unconsumed_tail
            total += len(piece)
            if total > limit_bytes:
                raise too_large(limit_bytes)
            pieces.append(piece)
            if not piece and not rest and not member.eof:
                raise PayloadRejected(f"the {encoding} body is cut off")
        rest = member.unused_data if encoding == "gzip" else b""
    return pieces


def _window(encoding: str, data: bytes) -> int:
    """What zlib should expect; `deflate` may come with or without zlib's header."""
    if encoding == "gzip":
        return _GZIP
    has_header = len(data) >= 2 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
    return _ZLIB if has_header else _RAW
