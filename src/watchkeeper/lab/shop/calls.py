"""How a service of the shop calls another: HTTP with a client span, trace context and one retry of reads."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from opentelemetry import propagate
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from watchkeeper.lab.shop.instrumentation import Telemetry, mark_failed

PORT = 8080
TIMEOUT_SECONDS = 5.0
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
"""Bounds of the histograms of durations, in seconds."""
Json = dict[str, Any]


class Refused(Exception):
    """The request cannot be served, for a reason that the caller is told with that status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class UpstreamFailed(Exception):
    """Another service answered with an error, or did not answer."""


@dataclass(frozen=True)
class Shopper:
    """On whose behalf a request runs; travels along in headers."""

    user: str = "anonymous"
    session: str = "none"
    region: str = "eu-central"
    currency: str = "EUR"

    def headers(self) -> dict[str, str]:
        """As HTTP headers."""
        return {
            "x-user": self.user,
            "x-session": self.session,
            "x-region": self.region,
            "x-currency": self.currency,
        }

    def attributes(self) -> dict[str, str]:
        """As span attributes."""
        return {
            "user.id": self.user,
            "session.id": self.session,
            "app.region": self.region,
            "app.currency": self.currency,
        }


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it."""

    shopper: Shopper
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)


class Peer:
    """Another service, by its name."""

    def __init__(self, name: str, url: str, telemetry: Telemetry) -> None:
        self.name = name
        self._telemetry = telemetry
        limits = httpx.Limits(max_connections=40, max_keepalive_connections=20, keepalive_expiry=20)
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False, verify=False)
        self._durations = telemetry.meter.create_histogram(
            "http.client.request.duration", "s", explicit_bucket_boundaries_advisory=BUCKETS
        )

    def get(self, route: str, shopper: Shopper, query: dict[str, str] | None = None, **path: object) -> Json:
        """Read something, trying a second time where the connection broke; raises UpstreamFailed or Refused."""
        try:
            return self._send("GET", route, shopper, path, query, None)
        except UpstreamFailed as error:
            if not isinstance(error.__cause__, httpx.NetworkError | httpx.RemoteProtocolError):
                raise
        return self._send("GET", route, shopper, path, query, None, attempt=1)

    def post(self, route: str, shopper: Shopper, body: Json, **path: object) -> Json:
        """Ask for something to be done, once; raises UpstreamFailed or Refused."""
        return self._send("POST", route, shopper, path, None, body)

    def _send(
        self,
        method: str,
        route: str,
        shopper: Shopper,
        path: dict[str, object],
        query: dict[str, str] | None,
        body: Json | None,
        attempt: int = 0,
    ) -> Json:
        place = route.format(**path)
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "server.address": self.name,
            "server.port": PORT,
            "url.full": f"http://{self.name}:{PORT}{place}",
            "url.template": route,
        }
        if attempt:
            attributes["http.request.resend_count"] = attempt
        with self._telemetry.tracer.start_as_current_span(
            f"{method} {route}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            headers = shopper.headers()
            propagate.inject(headers)
            request = self._client.build_request(method, place, params=query, json=body, headers=headers)
            return self._measured(request, span, f"{method} {self.name}{place}")

    def _measured(self, request: httpx.Request, span: Span, what: str) -> Json:
        began = time.perf_counter()
        shape = {"http.request.method": request.method, "server.address": self.name}
        try:
            response = self._client.send(request)
        except httpx.TransportError as error:
            mark_failed(span, error)
            self._durations.record(time.perf_counter() - began, shape | {"error.type": type(error).__name__})
            raise UpstreamFailed(f"{what}: {str(error) or type(error).__name__}") from error
        status = response.status_code
        self._durations.record(time.perf_counter() - began, shape | {"http.response.status_code": status})
        span.set_attribute("http.response.status_code", status)
        if status >= 400:
            span.set_attribute("error.type", str(status))
            span.set_status(Status(StatusCode.ERROR))
        return _content(response, what)


def _content(response: httpx.Response, what: str) -> Json:
    if response.status_code >= 500:
        raise UpstreamFailed(f"{what} answered {response.status_code}")
    if response.status_code >= 400:
        raise Refused(response.status_code, f"{what} answered {response.status_code}")
    answer: Json = response.json()
    return answer
