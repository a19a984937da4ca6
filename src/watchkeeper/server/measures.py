"""What watchkeeper measures about itself, in Prometheus' own text format at `/metrics`."""

import time
from collections.abc import Callable, Iterable, Mapping

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
UNKNOWN = "other"
"""The route of what leads nowhere, so that made-up paths make no series."""
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"))


class Gauge:
    """A number that is asked for when it is read; one that cannot be told is left out."""

    def __init__(self, name: str, says: str, read: Callable[[], float]) -> None:
        self.name, self.says, self.read = name, says, read


class Measures:
    """The measures of one application, in a registry of their own."""

    def __init__(self, gauges: Iterable[Gauge] = ()) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "watchkeeper_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "watchkeeper_request_seconds",
            "How long answers took.",
            ("route",),
            registry=self.registry,
            buckets=SECONDS,
        )
        self._alerts = Counter(
            "watchkeeper_alerts_received", "Alerts that came in.", ("source", "outcome"), registry=self.registry
        )
        self.registry.register(_Read(tuple(gauges)))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(route, method if method in METHODS else UNKNOWN, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_alert(self, source: str, outcome: str) -> None:
        """Count one alert; `source` is one that is configured, never text from a body."""
        self._alerts.labels(source, outcome).inc()

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    def routes(self) -> APIRouter:
        """`GET /metrics`."""
        router = APIRouter(include_in_schema=False)

        @router.get("/metrics", response_model=None)
        def metrics() -> Response:
            return Response(self.text(), headers={"Content-Type": CONTENT_TYPE})

        return router


class _Read:
    """Hands the gauges to the registry."""

    def __init__(self, gauges: tuple[Gauge, ...]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read all of them now."""
        for gauge in self._gauges:
            try:
                value = gauge.read()
            except Exception:  # noqa: BLE001  whatever one cannot tell, the others are still told
                continue
            yield GaugeMetricFamily(gauge.name, gauge.says, value=value)


class Measured:
    """Counts every request of an application, by the template of its route."""

    def __init__(self, app: ASGIApp, measures: Measures, monotonic: Callable[[], float] = time.perf_counter) -> None:
        self._app, self._measures, self._monotonic = app, measures, monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; websockets are not counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = self._monotonic(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._measures.answered(_route(scope), scope["method"], status, self._monotonic() - began)


def _route(scope: Mapping[str, object]) -> str:
    """The template that the path fits; what NiceGUI answers has only its beginning."""
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return template
    return "/_nicegui" if str(scope.get("path", "")).startswith("/_nicegui") else UNKNOWN
