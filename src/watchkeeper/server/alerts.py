"""Alerts in: webhooks of Alertmanager, Grafana and whatever a mapping describes, answered once they are durable."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Protocol

import orjson
import structlog
from fastapi import APIRouter, Request, Response

from watchkeeper.assembly.receiving import Received
from watchkeeper.errors import QueueFull
from watchkeeper.server.problems import problem
from watchkeeper.server.reading import content_encoding, read_body, require_json
from watchkeeper.telemetry.bodies import decompressed

MAXIMUM_BODY_BYTES = 8 * 2**20
MAXIMUM_REQUESTS = 64
"""Bodies that are held in memory at once; more are answered 429, and senders try again."""


_log = structlog.get_logger()


class Receiving(Protocol):
    """Who takes alerts in; `assembly.receiving.Receiver` does."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everyone who may post."""

    def receive(self, source: str, body: bytes, now: datetime) -> Received:
        """Keep a body and its alerts; durable once it returns. Raises PayloadRejected, RecordsUnavailable."""


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def routes(
    receiver: Receiving,
    workers: Executor,
    on_received: Callable[[Received], None],
    clock: Callable[[], datetime] = utc_now,
) -> APIRouter:
    """The endpoint that takes alerts; `on_received` is told of each body, on a worker's thread, once it is durable."""
    router = APIRouter()
    held = 0

    def taken(source: str, raw: bytes, encoding: str) -> Received:
        received = receiver.receive(source, decompressed(raw, encoding, MAXIMUM_BODY_BYTES), clock())
        try:
            on_received(received)
        except Exception:  # noqa: BLE001  whatever it is, the sender is not at fault
            # The alerts are kept: sent again, they would only be repetitions. Whoever looks for incidents that nobody
            # has diagnosed finds these.
            _log.exception("alerts were taken in, but not passed on", post=received.post)
        return received

    @router.post("/v1/alerts/{source}", response_model=None)
    async def take(source: str, request: Request) -> Response:
        nonlocal held
        if source not in receiver.names:
            known = ", ".join(receiver.names)
            return problem(request, 404, f"there is no sender of alerts {source[:64]!r}: expected one of {known}")
        require_json(request)
        encoding = content_encoding(request)
        if held >= MAXIMUM_REQUESTS:
            raise QueueFull(f"{held} bodies of alerts are being taken in already; try again in a moment")
        held += 1
        try:
            raw = await read_body(request, MAXIMUM_BODY_BYTES)
            received = await asyncio.get_running_loop().run_in_executor(workers, taken, source, raw, encoding)
        finally:
            held -= 1
        return Response(orjson.dumps(answer(received)), 202, media_type="application/json")

    return router


def answer(received: Received) -> dict[str, object]:
    """What the sender is told: the number of its body, and what became of each alert."""
    return {
        "post": received.post,
        "alerts": [
            {
                "fingerprint": each.alert.fingerprint,
                "outcome": each.outcome,
                "incident": each.incident_id,
                "reason": each.reason,
            }
            for each in received.alerts
        ],
        "truncated": received.truncated,
    }
