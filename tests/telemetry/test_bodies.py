import gzip
import tracemalloc
import zlib

import pytest

from watchkeeper.errors import PayloadRejected, PayloadTooLarge
from watchkeeper.telemetry.bodies import decompressed

TEXT = b"telemetry " * 1_000
RAW_DEFLATE = zlib.compress(TEXT, wbits=-15)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (TEXT, "identity"),
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT[:500]) + gzip.compress(TEXT[500:]), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (RAW_DEFLATE, "deflate"),
    ],
    ids=["identity", "gzip", "two gzip members", "zlib", "raw deflate"],
)
def test_a_body_comes_out_as_it_was(body: bytes, encoding: str) -> None:
    assert decompressed(body, encoding) == TEXT


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate"])
def test_exactly_the_limit_is_allowed_and_one_byte_more_is_not(encoding: str) -> None:
    pack = {"identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    assert len(decompressed(pack(b"x" * 1_000), encoding, 1_000)) == 1_000
    with pytest.raises(PayloadTooLarge, match="larger than"):
        decompressed(pack(b"x" * 1_001), encoding, 1_000)


@pytest.mark.parametrize("body", [b"not compressed", gzip.compress(TEXT, mtime=0)[:40], b"\x1f\x8b"])
def test_what_is_no_gzip_or_is_cut_off_is_rejected(body: bytes) -> None:
    with pytest.raises(PayloadRejected, match="gzip"):
        decompressed(body, "gzip")


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    bomb = gzip.compress(bytes(200 * 2**20), 1)
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLarge):
            decompressed(bomb, "gzip")
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()


def test_many_small_members_cannot_get_past_the_limit() -> None:
    with pytest.raises(PayloadTooLarge):
        decompressed(gzip.compress(bytes(2**20)) * 17, "gzip")
