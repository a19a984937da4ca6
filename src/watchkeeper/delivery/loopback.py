"""A small HTTP server on a free port of this machine, for as long as it is needed: what the fakes run on."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

START_SECONDS = 30.0
GRACE_SECONDS = 1

Mishap = Literal["error", "busy", "unauthorized", "forbidden", "rejected", "lost", "silent"]
"""What may go wrong: 500; 429 with Retry-After; 401; 403; 400; or it is taken, and the answer breaks off, or never
comes."""
TAKEN = ("lost", "silent")
"""Mishaps after which what was sent has arrived."""
_STATUS = {"error": 500, "busy": 429, "unauthorized": 401, "forbidden": 403, "rejected": 400}


@dataclass
class Mishaps:
    """What goes wrong with the next requests, by what their path ends in."""

    planned: list[tuple[Mishap, str]] = field(default_factory=list)
    retry_after_seconds: int = 7

    def plan(self, mishap: Mishap, times: int = 1, path: str = "", method: str = "POST") -> None:
        """Have it happen to the next so many requests of that method whose path ends so."""
        self.planned += [(mishap, f"{method} {path}")] * times

    def next(self, request: Request) -> Mishap | None:
        """What happens to this request, once."""
        for place, (mishap, wanted) in enumerate(self.planned):
            method, _, path = wanted.partition(" ")
            if request.method == method and request.url.path.endswith(path):
                del self.planned[place]
                return mishap
        return None

    def answer(self, mishap: Mishap) -> Response:
        """The answer that goes with it."""
        if mishap in TAKEN:
            return _Unfinished() if mishap == "lost" else _Silent()
        headers = {"Retry-After": str(self.retry_after_seconds)} if mishap == "busy" else {}
        return JSONResponse({"errorMessages": [f"planned: {mishap}"]}, _STATUS[mishap], headers)


class _Unfinished(Response):
    """An answer that breaks off."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise more than comes; the server then ends the connection."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})


class _Silent(Response):
    """No answer at all."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait until whoever asks has given up."""
        while (await receive())["type"] != "http.disconnect":
            pass


class _Server(uvicorn.Server):
    """Uvicorn's server that says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.is_ready.set()


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The application in a thread of this program; its base URL."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        loop="asyncio",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = _Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), name="watchkeeper-fake", daemon=True)
        thread.start()
        try:
            if not server.is_ready.wait(START_SECONDS):
                raise RuntimeError("the fake server did not start")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
