"""The same requests as Prometheus scrapes them: `GET /metrics` on a port of the process's own, beside the shop's."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector

from watchkeeper.lab.shop.calls import BUCKETS

LABELS = ("service", "http_route", "http_request_method", "http_response_status_code")


class Exposition:
    """Counts and times the requests of one process, and tells them to whoever scrapes; scrapes are not counted."""

    def __init__(self, service: str, is_open: Callable[[], bool]) -> None:
        self._service = service
        self._is_open = is_open
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._durations = Histogram(
            "http_server_request_duration_seconds",
            "How long requests took",
            LABELS,
            buckets=BUCKETS,
            registry=self._registry,
        )

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        self._durations.labels(self._service, route, method, str(status)).observe(seconds)

    def text(self) -> bytes | None:
        """Everything in Prometheus' text format; None while the process is to be silent."""
        return generate_latest(self._registry) if self._is_open() else None

    def serve(self, port: int) -> None:
        """Answer scrapes at that port of the loopback from now on, in a thread."""
        server = _Server(("127.0.0.1", port), _handler(self.text))
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


class _Server(ThreadingHTTPServer):
    # The lab holds the port, so that nobody else takes it before it is used.
    allow_reuse_port = True
    daemon_threads = True


def _handler(text: Callable[[], bytes | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text() if self.path == "/metrics" else None
            self.send_response(503 if self.path == "/metrics" and body is None else 404 if body is None else 200)
            self.send_header("content-type", CONTENT_TYPE_LATEST)
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler
