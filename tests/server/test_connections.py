"""Nobody holds a connection open, or fills memory by one, without having said who they are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import uvicorn
from uvicorn.server import ServerState

from watchkeeper.server.connections import MOST_BYTES, BoundedProtocol

HOST = b"Host: localhost\r\n"
WHOLE = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
SOON_SECONDS, NEVER_SECONDS, PATIENCE_SECONDS = 0.05, 3600.0, 20.0
PIECE = 2**14

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


class Hasty(BoundedProtocol):
    """One that waits for a moment only."""

    HEAD_SECONDS: ClassVar[float] = SOON_SECONDS


class Patient(BoundedProtocol):
    """One that waits longer than any test."""

    HEAD_SECONDS: ClassVar[float] = NEVER_SECONDS


async def answering(scope: dict, receive: Callable, send: Callable) -> None:  # type: ignore[type-arg]
    """Answer at once, whatever body follows; `/all` reads it first."""
    if scope["path"] == "/all":
        while (await receive()).get("more_body"):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def talked(protocol: type[BoundedProtocol], talk: Talk) -> bytes:
    """What a client makes of a server with that protocol."""

    async def served() -> bytes:
        config = uvicorn.Config(answering, log_config=None, lifespan="off")
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    return await talk(reader, writer)
            finally:
                writer.close()

    return asyncio.run(served())


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server ends it, gently or not."""
    read = b""
    try:
        while piece := await reader.read(PIECE):
            read += piece
    except ConnectionError:
        pass
    return read


def test_a_connection_on_which_nobody_says_anything_is_closed() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        return await until_closed(reader)

    assert talked(Hasty, talk) == b""


def test_a_head_that_does_not_end_is_not_waited_for() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\n" + HOST)
        return await until_closed(reader)

    assert talked(Hasty, talk) == b""


def test_empty_lines_between_two_requests_hold_nothing_open() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(WHOLE)
        read = await reader.readuntil(b"ok")
        writer.write(b"\r\n")
        return read + await until_closed(reader)

    assert talked(Hasty, talk).endswith(b"ok")


def test_what_is_left_of_a_body_that_was_answered_is_not_waited_for() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\na")
        return await until_closed(reader)

    assert talked(Hasty, talk).endswith(b"ok")


def test_a_head_that_grows_without_end_is_refused() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\n" + HOST)
        for number in range(2 * MOST_BYTES // PIECE):
            writer.write(b"X-%d: " % number + b"a" * PIECE + b"\r\n")
        return await until_closed(reader)

    assert b"200 OK" not in talked(Patient, talk)


def test_trailers_that_grow_without_end_are_refused() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST /all HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
        for number in range(2 * MOST_BYTES // PIECE):
            writer.write(b"X-%d: " % number + b"a" * PIECE + b"\r\n")
        return await until_closed(reader)

    assert b"200 OK" not in talked(Patient, talk)


def test_a_large_body_is_no_head() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        size = 8 * MOST_BYTES
        writer.write(b"POST /all HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size + b"a" * size)
        await writer.drain()
        return await reader.readuntil(b"ok")

    assert b"200 OK" in talked(Patient, talk)


def test_many_requests_on_one_connection_are_not_added_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        read = b""
        for number in range(4):
            writer.write(WHOLE[:-2] + b"X-%d: " % number + b"a" * (MOST_BYTES // 2) + b"\r\n\r\n")
            read += await reader.readuntil(b"ok")
        return read

    assert talked(Patient, talk).count(b"200 OK") == 4
