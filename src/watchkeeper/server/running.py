"""The application listening: until it is interrupted, or inside another program for as long as that needs it."""

import gc
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import uvicorn
from fastapi import FastAPI

from watchkeeper.errors import ConfigError
from watchkeeper.server.app import Store, create_app
from watchkeeper.server.chat import Answering
from watchkeeper.telemetry.bodies import MAXIMUM_BODY_BYTES

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4318
GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
_START_SECONDS = 30.0


def serve(
    store: Store,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    maximum_body_bytes: int = MAXIMUM_BODY_BYTES,
    say: Callable[[str], None] = lambda _: None,
    diagnose_due: Callable[[datetime], object] | None = None,
    answering: Answering | None = None,
) -> None:
    """Listen until interrupted (SIGINT, SIGTERM); requests that are being written are finished first.

    Raises ConfigError for a host that is not this machine's loopback and for a port that is taken.
    """
    require_loopback(host)
    # A JSON request is a million small objects: collecting after each 700 of them takes a third of the time.
    gc.set_threshold(10_000, 20, 100)
    with _listening(host, port) as listening, _ended_by_signals():
        say(f"watchkeeper listens on {_url(listening)} (OTLP over HTTP, /v1/changes, /v1/query, /v1/chat)")
        app = create_app(store, maximum_body_bytes=maximum_body_bytes, diagnose_due=diagnose_due, answering=answering)
        _server(app).run(sockets=[listening])


@contextmanager
def running_server(store: Store, port: int = 0, *, maximum_body_bytes: int = MAXIMUM_BODY_BYTES) -> Iterator[str]:
    """A server in a thread of this program, on a free port unless one is named; its base URL.

    At the end requests that are being written are finished; closing the store is left to who opened it.
    """
    with _listening(DEFAULT_HOST, port) as listening:
        server = _server(create_app(store, maximum_body_bytes=maximum_body_bytes))
        thread = threading.Thread(target=server.run, args=([listening],), name="watchkeeper-server", daemon=True)
        thread.start()
        try:
            if not server.is_ready.wait(_START_SECONDS):
                raise RuntimeError("the server did not start; its log has the reason")
            yield _url(listening)
        finally:
            server.should_exit = True
            thread.join()


def require_loopback(host: str) -> None:
    """Raise ConfigError unless the host is an address of this machine's loopback."""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ConfigError(
            f"server.host: {host!r} can be reached from other machines, and there is no access control yet; "
            f"expected {DEFAULT_HOST}"
        )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM end the server and nothing else, so that the store is closed afterwards.

    Uvicorn takes both while it runs, and raises them again at its end: then they must not kill.
    """
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    """Uvicorn's server that says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.is_ready.set()


def _server(app: FastAPI) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            loop="asyncio",
            # Longer than the pause between two exports: a connection that closes just then loses one.
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise ConfigError(
            f"server.port: {host}:{port} cannot be listened on ({error.strerror}); is another watchkeeper running?"
        ) from error
    with listening:
        yield listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
