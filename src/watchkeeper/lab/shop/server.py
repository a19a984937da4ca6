"""The HTTP side of a service: routes with server spans, a bounded crew of worker threads, and its figures."""

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import psutil
import psycopg
from opentelemetry import propagate
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watchkeeper.lab.shop.calls import BUCKETS, Call, Json, Refused, Shopper, UpstreamFailed
from watchkeeper.lab.shop.exposition import Exposition
from watchkeeper.lab.shop.instrumentation import Telemetry, mark_failed
from watchkeeper.lab.shop.settings import ServiceSettings

Handler = Callable[[Call], Json]


@dataclass(frozen=True)
class Endpoint:
    """One thing that a service answers."""

    method: str
    route: str
    handle: Handler


class Front:
    """Answers HTTP requests for one service."""

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry, endpoints: list[Endpoint]) -> None:
        self._telemetry = telemetry
        self._log = logging.getLogger(f"shop.{settings.name}")
        self._workers = settings.workers
        self._limiter: anyio.CapacityLimiter | None = None
        self._records = Path(settings.records).open("a", buffering=1)  # noqa: SIM115  lives as long as the process
        self._lock = threading.Lock()
        self._waiting = 0
        self.after_request: Callable[[], None] = lambda: None
        self._active = telemetry.meter.create_up_down_counter("http.server.active_requests", "{request}")
        self._durations = telemetry.meter.create_histogram(
            "http.server.request.duration", "s", explicit_bucket_boundaries_advisory=BUCKETS
        )
        self.exposition = Exposition(settings.name, lambda: telemetry.gate.is_open)
        observe_process(telemetry)
        telemetry.meter.create_observable_gauge(
            "shop.worker.queue.length", [lambda _: [Observation(self._waiting)]], "{request}"
        )
        self.app = Starlette(
            routes=[Route(each.route, partial(self._answer, each), methods=[each.method]) for each in endpoints]
        )

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        began = time.time()
        shopper = Shopper(
            user=request.headers.get("x-user", "anonymous"),
            session=request.headers.get("x-session", "none"),
            region=request.headers.get("x-region", "eu-central"),
            currency=request.headers.get("x-currency", "EUR"),
        )
        shape: dict[str, str] = {"http.request.method": endpoint.method, "http.route": endpoint.route}
        attributes = shape | shopper.attributes() | {"url.path": request.url.path, "url.scheme": "http"}
        self._active.add(1, {"http.request.method": endpoint.method})
        with self._telemetry.tracer.start_as_current_span(
            f"{endpoint.method} {endpoint.route}",
            context=propagate.extract(dict(request.headers)),
            kind=SpanKind.SERVER,
            attributes=attributes,
        ) as span:
            content = await request.body()
            call = Call(shopper, request.path_params, dict(request.query_params), json.loads(content or b"{}"))
            with self._lock:
                self._waiting += 1
            self._limiter = self._limiter or anyio.CapacityLimiter(self._workers)
            status, body = await anyio.to_thread.run_sync(self._work, endpoint, call, span, limiter=self._limiter)
            span.set_attribute("http.response.status_code", status)
        seconds = time.time() - began
        self._active.add(-1, {"http.request.method": endpoint.method})
        self._durations.record(seconds, shape | {"http.response.status_code": status})
        self.exposition.observe(endpoint.route, endpoint.method, status, seconds)
        self._records.write(f"{began:.3f},{endpoint.method} {endpoint.route},{status},{seconds:.4f}\n")
        return Response(json.dumps(body), status, media_type="application/json")

    def _work(self, endpoint: Endpoint, call: Call, span: Span) -> tuple[int, Json]:
        with self._lock:
            self._waiting -= 1
        self.after_request()
        try:
            return 200, endpoint.handle(call)
        except Refused as refusal:
            span.set_attribute("error.type", str(refusal.status))
            return refusal.status, {"error": str(refusal)}
        except UpstreamFailed as error:
            self._log.error("%s %s: %s", endpoint.method, endpoint.route, error)
            span.set_status(Status(StatusCode.ERROR, str(error)))
            span.set_attribute("error.type", "UpstreamFailed")
            return 502, {"error": str(error)}
        except psycopg.OperationalError as error:
            mark_failed(span, error)
            self._log.error(
                "database unavailable for %s %s: %s", endpoint.method, endpoint.route, error, exc_info=error
            )
            return 503, {"error": "database unavailable"}
        except Exception as error:  # noqa: BLE001  the top of a request: answered with 500 and recorded
            mark_failed(span, error)
            self._log.error("unhandled error in %s %s: %r", endpoint.method, endpoint.route, error, exc_info=error)
            return 500, {"error": "internal error"}


def observe_process(telemetry: Telemetry) -> None:
    """Report this process's CPU (share of one core), memory (bytes) and threads."""
    process = psutil.Process()
    process.cpu_percent()

    def cpu(_: CallbackOptions) -> list[Observation]:
        return [Observation(process.cpu_percent() / 100)]

    def memory(_: CallbackOptions) -> list[Observation]:
        return [Observation(process.memory_info().rss)]

    def threads(_: CallbackOptions) -> list[Observation]:
        return [Observation(process.num_threads())]

    telemetry.meter.create_observable_gauge("process.cpu.utilization", [cpu], "1")
    telemetry.meter.create_observable_gauge("process.memory.usage", [memory], "By")
    telemetry.meter.create_observable_gauge("process.thread.count", [threads], "{thread}")
