"""The application: every endpoint over one live store."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Protocol

import structlog
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

import watchkeeper
from watchkeeper.errors import StoreUnavailable
from watchkeeper.server import ingest, problems, questions
from watchkeeper.server.ingest import Ingest, Sink
from watchkeeper.telemetry.bodies import MAXIMUM_BODY_BYTES
from watchkeeper.telemetry.sources import Sources

RETENTION_SECONDS = 60.0
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
    store: Store, *, maximum_body_bytes: int = MAXIMUM_BODY_BYTES, retention_seconds: float = RETENTION_SECONDS
) -> FastAPI:
    """The application over a store that is open; who opened it closes it, after the application has ended."""
    decoders = ThreadPoolExecutor(DECODERS, "watchkeeper-decode")
    readers = ThreadPoolExecutor(READERS, "watchkeeper-read")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        retaining = asyncio.create_task(_retain(store, readers, retention_seconds))
        try:
            yield
        finally:
            retaining.cancel()
            with suppress(asyncio.CancelledError):
                await retaining
            decoders.shutdown()
            readers.shutdown()

    app = FastAPI(
        title="watchkeeper", version=watchkeeper.__version__, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOCAL_NAMES)
    problems.install(app)
    app.include_router(ingest.routes(Ingest(store, decoders, maximum_body_bytes)))
    app.include_router(questions.routes(store.reader, readers))
    app.add_api_route("/healthz", _health)
    return app


async def _health() -> dict[str, str]:
    return {"status": "ok", "name": "watchkeeper", "version": watchkeeper.__version__}


async def _retain(store: Store, workers: ThreadPoolExecutor, every_seconds: float) -> None:
    """Retention, again and again; a store that cannot be tidied now may be later."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every_seconds)
        try:
            await loop.run_in_executor(workers, store.retain, datetime.now(UTC))
        except StoreUnavailable as error:
            _log.error("retention failed", reason=str(error))
        except Exception:  # noqa: BLE001  # a bug in tidying up must not end what keeps the disk from filling
            _log.exception("retention failed; the server goes on without it until the next time")
