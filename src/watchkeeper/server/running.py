"""The application listening: until it is interrupted, or inside another program for as long as that needs it."""

import dataclasses
import gc
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from watchkeeper.errors import ConfigError
from watchkeeper.server.access import Gate
from watchkeeper.server.app import Store, Wiring, create_app
from watchkeeper.server.connections import BoundedProtocol
from watchkeeper.telemetry.bodies import MAXIMUM_BODY_BYTES

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4318
GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
LARGEST_MESSAGE_BYTES = 2**20
"""Of a websocket."""
_START_SECONDS = 30.0


def serve(
    wiring: Wiring,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    is_guarded: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Listen until interrupted (SIGINT, SIGTERM); requests that are being written are finished first.

    `is_guarded` says that somebody has made a token by hand. Raises ConfigError for an address that other machines
    reach while nobody has, and for a port that is taken.
    """
    require_address(host, is_guarded)
    # A JSON request is a million small objects: collecting after each 700 of them takes a third of the time.
    gc.set_threshold(10_000, 20, 100)
    with _listening(host, port) as listening, _ended_by_signals():
        app = create_app(dataclasses.replace(wiring, names=(*wiring.names, *_names_of(host))))
        say(f"watchkeeper listens on {_url(listening)} (pages, OTLP over HTTP, alerts, /v1)")
        _server(app).run(sockets=[listening])


@contextmanager
def running(wiring: Wiring, port: int = 0) -> Iterator[str]:
    """A server in a thread of this program, on a free port unless one is named; its base URL.

    At the end requests that are being written are finished; closing the store is left to who opened it.
    """
    with _listening(DEFAULT_HOST, port) as listening:
        server = _server(create_app(wiring))
        thread = threading.Thread(target=server.run, args=([listening],), name="watchkeeper-server", daemon=True)
        thread.start()
        try:
            if not server.is_ready.wait(_START_SECONDS):
                raise RuntimeError("the server did not start; its log has the reason")
            yield _url(listening)
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def running_server(
    store: Store, port: int = 0, *, gate: Gate, maximum_body_bytes: int = MAXIMUM_BODY_BYTES
) -> Iterator[str]:
    """The same of a server with nothing but a store."""
    with running(Wiring(store=store, gate=gate, maximum_body_bytes=maximum_body_bytes), port) as url:
        yield url


def require_address(host: str, is_guarded: bool) -> None:
    """Raise ConfigError for an address that other machines reach, unless somebody has made a token by hand."""
    if not is_guarded and not _is_loopback(host):
        raise ConfigError(
            f"server.host: {host!r} can be reached from other machines: first run "
            f"`watchkeeper token create NAME --scope read`; expected {DEFAULT_HOST} until then"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names_of(host: str) -> tuple[str, ...]:
    """The name under which a server answers that listens there; of `all addresses`, none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return (host,)
    if address.is_unspecified:
        return ()
    return (host,) if address.version == 4 else (host, f"[{host}]")


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
            http=BoundedProtocol,
            ws="auto",
            ws_max_size=LARGEST_MESSAGE_BYTES,
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
    # Handed on to every connection: else the second segment of an answer waits 40 ms for the first's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listening:
        yield listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
