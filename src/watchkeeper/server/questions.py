"""What goes out: typed queries answered as Arrow streams, and stopped when the one who asked has gone."""

import asyncio
from concurrent.futures import Executor
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from watchkeeper.server.reading import read_body, require_json
from watchkeeper.telemetry import wire
from watchkeeper.telemetry.sources import Answer, Cancel, Sources

MAXIMUM_QUERY_BYTES = 2**20


def routes(sources: Sources, workers: Executor) -> APIRouter:
    """The endpoint that `telemetry.remote` speaks to."""
    router = APIRouter()

    @router.post("/v1/query/{question}", response_model=None)
    async def ask(question: str, request: Request) -> Response:
        require_json(request)
        query = wire.query_from(question, await read_body(request, MAXIMUM_QUERY_BYTES))
        answer = await _answered(request, sources, question, query, workers)
        return StreamingResponse(wire.chunks_of(answer), media_type=wire.ARROW_STREAM)

    return router


async def _answered(request: Request, sources: Sources, question: str, query: BaseModel, workers: Executor) -> Answer:
    """The answer; a query ends as SourceUnavailable when its caller hangs up or the server closes."""
    cancel = Cancel()
    work = asyncio.get_running_loop().run_in_executor(workers, wire.put, sources, question, query, cancel)
    gone = asyncio.create_task(_until_gone(request))
    either: set[asyncio.Future[Any]] = {work, gone}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not work.done():
            cancel.cancel()
    return await work


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
