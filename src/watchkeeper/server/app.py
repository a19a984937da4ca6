"""The application: every endpoint over one live store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Protocol

import structlog
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

import watchkeeper
from watchkeeper.errors import WatchkeeperError
from watchkeeper.server import chat, ingest, problems, questions
from watchkeeper.server.ingest import Ingest, Sink
from watchkeeper.telemetry.bodies import MAXIMUM_BODY_BYTES
from watchkeeper.telemetry.sources import Sources

RETENTION_SECONDS = 60.0
AGAIN_SECONDS = 10.0
"""How often it is looked whether a case is due to be diagnosed again."""
DECODERS = 2
READERS = 4
LOCAL_NAMES = ["127.0.0.1", "localhost", "[::1]", "::1"]
"""Names under which the server answers: a page in a browser must not reach it under a name of its own."""

_log = structlog.get_logger()


class Store(Sink, Protocol):
    """The live store as the server needs it."""

    @property
    def reader(self) -> Sources:
        """What answers questions."""

    def retain(self, now: datetime) -> object:
        """Drop what is too old or too much."""


def create_app(
    store: Store,
    *,
    maximum_body_bytes: int = MAXIMUM_BODY_BYTES,
    retention_seconds: float = RETENTION_SECONDS,
    diagnose_due: Callable[[datetime], object] | None = None,
    again_seconds: float = AGAIN_SECONDS,
    answering: chat.Answering | None = None,
) -> FastAPI:
    """The application over a store that is open; who opened it closes it, after the application has ended.

    `diagnose_due` is called every few seconds with the time, to diagnose again what is due; `answering` answers
    questions at /v1/chat, which is not there without it.
    """
    decoders = ThreadPoolExecutor(DECODERS, "watchkeeper-decode")
    readers = ThreadPoolExecutor(READERS, "watchkeeper-read")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        chores = [asyncio.create_task(_regularly("retention", store.retain, readers, retention_seconds))]
        if diagnose_due is not None:
            chores.append(asyncio.create_task(_regularly("diagnosis", diagnose_due, readers, again_seconds)))
        try:
            yield
        finally:
            for chore in chores:
                chore.cancel()
                with suppress(asyncio.CancelledError):
                    await chore
            decoders.shutdown()
            readers.shutdown()

    app = FastAPI(
        title="watchkeeper", version=watchkeeper.__version__, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOCAL_NAMES)
    problems.install(app)
    app.include_router(ingest.routes(Ingest(store, decoders, maximum_body_bytes)))
    app.include_router(questions.routes(store.reader, readers))
    if answering is not None:
        app.include_router(chat.routes(answering, readers))
    app.add_api_route("/healthz", _health)
    return app


async def _health() -> dict[str, str]:
    return {"status": "ok", "name": "watchkeeper", "version": watchkeeper.__version__}


async def _regularly(
    name: str, work: Callable[[datetime], object], workers: ThreadPoolExecutor, every_seconds: float
) -> None:
    """Some work, again and again; what cannot be done now may be later."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every_seconds)
        try:
            await loop.run_in_executor(workers, work, datetime.now(UTC))
        except WatchkeeperError as error:
            _log.error(f"{name} failed", reason=str(error))
        except Exception:  # noqa: BLE001  # a bug in a chore must not end what keeps the disk from filling
            _log.exception(f"{name} failed; the server goes on without it until the next time")
