"""What comes in: OTLP's three signals, changes, feedback, events; answered only when it is safe on disk."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

import orjson
import pyarrow as pa
from fastapi import APIRouter, Request, Response

from watchkeeper.errors import QueueFull
from watchkeeper.server.reading import content_encoding, otlp_encoding, read_body, require_json
from watchkeeper.tables import TableName
from watchkeeper.telemetry.bodies import MAXIMUM_BODY_BYTES, decompressed
from watchkeeper.telemetry.live import Batch
from watchkeeper.telemetry.otlp import TABLE_OF, OtlpSignal, decode
from watchkeeper.telemetry.posted import Posted, decode_posted

MAXIMUM_REQUESTS = 32
"""Bodies that are held in memory at once, read or waiting for the disk."""

Decoded = tuple[TableName, pa.Table, str | None]


class Sink(Protocol):
    """Where batches go: the live store."""

    def submit(self, batch: Batch) -> Future[None]:
        """Take a batch; the future is done when it is durable. Raises QueueFull or DiskFull."""


class Ingest:
    """Takes requests one by one: reads, decodes off the event loop, submits, waits until it is durable."""

    def __init__(self, sink: Sink, workers: Executor, limit_bytes: int = MAXIMUM_BODY_BYTES) -> None:
        self._sink = sink
        self._workers = workers
        self._limit_bytes = limit_bytes
        self._requests = 0

    async def export(self, request: Request, signal: OtlpSignal) -> Response:
        """OTLP/HTTP's export: an empty response message of the same encoding once the batch is durable."""
        encoding = otlp_encoding(request)

        def decoded(body: bytes) -> Decoded:
            table = decode(signal, encoding, body, datetime.now(UTC))
            return TABLE_OF[signal], table, hashlib.sha256(signal.encode() + body).hexdigest()

        await self._take(request, decoded)
        if encoding == "json":
            return Response(b"{}", media_type="application/json")
        return Response(b"", media_type="application/x-protobuf")

    async def post(self, request: Request, what: Posted) -> Response:
        """Changes, feedback or events: how many there were, and their ids."""
        require_json(request)
        table = await self._take(request, lambda body: (what, decode_posted(what, body), None))
        told = {"accepted": table.num_rows, "ids": table.column("id").to_pylist()}
        return Response(orjson.dumps(told), media_type="application/json")

    async def _take(self, request: Request, decoded: Callable[[bytes], Decoded]) -> pa.Table:
        encoding = content_encoding(request)
        with self._place():
            raw = await read_body(request, self._limit_bytes)

            def submitted() -> tuple[pa.Table, Future[None] | None]:
                name, table, digest = decoded(decompressed(raw, encoding, self._limit_bytes))
                if not table.num_rows:
                    return table, None
                return table, self._sink.submit(Batch({name: table}, digest))

            table, durable = await asyncio.get_running_loop().run_in_executor(self._workers, submitted)
            if durable is not None:
                await asyncio.shield(asyncio.wrap_future(durable))
        return table

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._requests >= MAXIMUM_REQUESTS:
            raise QueueFull(f"{self._requests} requests are being written already; try again in a moment")
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1


def routes(ingest: Ingest) -> APIRouter:
    """The endpoints that take telemetry."""
    router = APIRouter()

    def add(path: str, take: Callable[[Request], object]) -> None:
        router.add_api_route(path, take, methods=["POST"], response_class=Response, response_model=None)

    for signal in TABLE_OF:
        add(f"/v1/{signal}", _exporting(ingest, signal))
    for what in ("changes", "feedback", "events"):
        add(f"/v1/{what}", _posting(ingest, what))
    return router


def _exporting(ingest: Ingest, signal: OtlpSignal) -> Callable[[Request], object]:
    async def export(request: Request) -> Response:
        return await ingest.export(request, signal)

    return export


def _posting(ingest: Ingest, what: Posted) -> Callable[[Request], object]:
    async def post(request: Request) -> Response:
        return await ingest.post(request, what)

    return post
