"""Whether the server can do its work: `/healthz` that it lives, `/readyz` that what it needs is well."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

import watchkeeper
from watchkeeper.errors import WatchkeeperError
from watchkeeper.server.duty import Part

KEPT_SECONDS = 2.0
"""Anybody may ask: the parts are looked at no more often than that."""

Parts = Callable[[], Sequence[Part]]


class Health(BaseModel):
    """That it is watchkeeper, and which."""

    status: str = "ok"
    name: str = "watchkeeper"
    version: str = watchkeeper.__version__


class Readiness(BaseModel):
    """Whether it is ready; which parts there are is told to those who may read."""

    ready: bool
    not_well: int
    """How many needed parts are not well."""
    parts: tuple[Part, ...] | None = None


def routes(
    parts: Parts, workers: Executor, monotonic: Callable[[], float] = time.monotonic, kept_seconds: float = KEPT_SECONDS
) -> APIRouter:
    """`GET /healthz` and `GET /readyz`."""
    router = APIRouter()
    looks = _Looks(parts, workers, monotonic, kept_seconds)

    @router.get("/healthz")
    async def health() -> Health:
        return Health()

    @router.get("/readyz", response_model_exclude_none=True)
    async def ready(request: Request, response: Response) -> Readiness:
        seen = await looks.seen()
        ill = sum(part.is_needed and not part.is_well for part in seen)
        response.status_code = 503 if ill else 200
        caller = request.state.caller
        is_told = caller is not None and caller.may("read")
        return Readiness(ready=not ill, not_well=ill, parts=tuple(seen) if is_told else None)

    return router


class _Looks:
    """Looks at the parts once for all who ask, and not again for a moment."""

    def __init__(self, parts: Parts, workers: Executor, monotonic: Callable[[], float], kept_seconds: float) -> None:
        self._parts, self._workers, self._monotonic, self._kept_seconds = parts, workers, monotonic, kept_seconds
        self._looking: asyncio.Future[Sequence[Part]] | None = None
        self._at = float("-inf")

    async def seen(self) -> Sequence[Part]:
        """The parts as they were a moment ago."""
        is_old = self._looking is None or (self._looking.done() and self._monotonic() - self._at >= self._kept_seconds)
        if self._looking is None or is_old:
            self._looking = asyncio.get_running_loop().run_in_executor(self._workers, self._looked)
        return await asyncio.shield(self._looking)

    def _looked(self) -> Sequence[Part]:
        try:
            return self._parts()
        except WatchkeeperError as error:
            return [Part(name="records", is_well=False, is_needed=True, says=str(error))]
        finally:
            self._at = self._monotonic()
