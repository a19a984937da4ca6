"""The application: every endpoint over one live store, behind one gate."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import structlog
from fastapi import APIRouter, FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

import watchkeeper
from watchkeeper.errors import WatchkeeperError
from watchkeeper.server import api, chat, ingest, problems, questions, readiness
from watchkeeper.server.access import Access, Gate
from watchkeeper.server.access_headers import AnswerHeaders
from watchkeeper.server.duty import Duty, Part
from watchkeeper.server.ingest import Ingest, Sink
from watchkeeper.server.measures import Measured, Measures
from watchkeeper.server.places import Places
from watchkeeper.telemetry.bodies import MAXIMUM_BODY_BYTES
from watchkeeper.telemetry.sources import Sources

RETENTION_SECONDS = 60.0
DECODERS, READERS, CLERKS = 2, 4, 4
"""Threads that decode what comes in, that ask the telemetry, and that ask the records: none waits for another kind."""
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]", "::1")
"""Names under which the server always answers: a page in a browser must not reach it under a name of its own."""
OPENAPI = "/v1/openapi.json"

_log = structlog.get_logger()


class Store(Sink, Protocol):
    """The live store as the server needs it."""

    @property
    def reader(self) -> Sources:
        """What answers questions."""

    def retain(self, now: datetime) -> object:
        """Drop what is too old or too much."""


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What the application is made of; what is left out is not there."""

    store: Store
    """Open; who opened it closes it, after the application has ended."""
    gate: Gate
    """There is no default: a server that nobody thought about would be open."""
    sources: Sources | None = None
    """What questions are answered from; the store where none is handed in."""
    names: Sequence[str] = ()
    """More names under which it answers."""
    maximum_body_bytes: int = MAXIMUM_BODY_BYTES
    retention_seconds: float = RETENTION_SECONDS
    answering: chat.Answering | None = None
    """Answers questions at /v1/chat."""
    places: Places = field(default_factory=Places)
    """In which it does so; the pages are handed the same."""
    duty: Duty | None = None
    """The incidents, for the API under /v1/incidents and for /readyz."""
    routers: Sequence[Callable[[Executor], APIRouter]] = ()
    """More endpoints, such as those that take alerts; each is made with the threads that blocking work goes to."""
    pages: Callable[[FastAPI], None] | None = None
    """Puts the pages on the application, last: they take every path that is left."""
    measures: Measures | None = None
    """Read at /metrics; those of this application alone where none are handed in."""


def create_app(wiring: Wiring) -> FastAPI:
    """The application, ready to be served; what it holds of its own ends with its lifespan."""
    decoders = ThreadPoolExecutor(DECODERS, "watchkeeper-decode")
    readers = ThreadPoolExecutor(READERS, "watchkeeper-read")
    clerks = ThreadPoolExecutor(CLERKS, "watchkeeper-records")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        retention = asyncio.create_task(_retain(wiring.store, wiring.retention_seconds, readers))
        try:
            yield
        finally:
            retention.cancel()
            with suppress(asyncio.CancelledError):
                await retention
            decoders.shutdown()
            readers.shutdown()
            clerks.shutdown()
            wiring.gate.close()

    app = FastAPI(
        title="watchkeeper",
        version=watchkeeper.__version__,
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    problems.install(app)
    measures = wiring.measures or Measures()
    _put_in_front(app, wiring, measures)
    for router in _routers(wiring, measures, decoders, readers, clerks):
        app.include_router(router)
    if wiring.pages is not None:
        wiring.pages(app)
    return app


def _put_in_front(app: FastAPI, wiring: Wiring, measures: Measures) -> None:
    """The last comes first: headers on everything, then names, then counting, then the gate."""
    app.add_middleware(Access, gate=wiring.gate, maximum_body_bytes=wiring.maximum_body_bytes)
    app.add_middleware(Measured, measures=measures)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL_NAMES, *wiring.names], www_redirect=False)
    app.add_middleware(AnswerHeaders)


def _routers(
    wiring: Wiring, measures: Measures, decoders: Executor, readers: Executor, clerks: Executor
) -> list[APIRouter]:
    duty = wiring.duty
    parts: Callable[[], Sequence[Part]] = list if duty is None else duty.parts
    routers = [
        readiness.routes(parts, clerks),
        measures.routes(),
        wiring.gate.routes(),
        ingest.routes(Ingest(wiring.store, decoders, wiring.maximum_body_bytes)),
        questions.routes(wiring.sources or wiring.store.reader, readers),
    ]
    if wiring.answering is not None:
        routers.append(chat.routes(wiring.answering, readers, wiring.places))
    if duty is not None:
        routers.append(api.routes(duty, clerks))
    return routers + [make(clerks) for make in wiring.routers]


async def _retain(store: Store, every_seconds: float, workers: ThreadPoolExecutor) -> None:
    """Drop what is due, again and again; what cannot be dropped now may be later."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every_seconds)
        try:
            await loop.run_in_executor(workers, store.retain, datetime.now(UTC))
        except WatchkeeperError as error:
            _log.error("retention failed", reason=str(error))
        except Exception:  # noqa: BLE001  # a bug must not end what keeps the disk from filling
            _log.exception("retention failed; the server goes on without it until the next time")
