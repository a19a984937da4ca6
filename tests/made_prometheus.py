"""A small HTTP server that answers as Prometheus was recorded to answer, or as badly as a test wants it to."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

Reply = tuple[int, bytes]
Answering = Callable[[str, Mapping[str, str]], Reply]
"""From the path behind /api/v1/ and the form to a status and a body."""

BUILD = {"version": "2.42.0+ds", "revision": "2.42.0+ds-5+deb12u1", "branch": "debian/sid", "goVersion": "go1.19.8"}
VECTOR = {
    "resultType": "vector",
    "result": [
        {
            "metric": {"__name__": "service:error_ratio:rate30s", "service": "checkout"},
            "value": [1795253015.048, "0.16666666666666666"],
        }
    ],
}
"""As Prometheus 2.42 answered."""
POLL_SECONDS = 0.01
TOO_MANY = "query processing would load too many samples into memory in query execution"


def success(data: object, **more: object) -> Reply:
    return 200, json.dumps({"status": "success", "data": data, **more}).encode()


def failure(status: int, kind: str, error: str) -> Reply:
    return status, json.dumps({"status": "error", "errorType": kind, "error": error}).encode()


def matrix(*series: tuple[Mapping[str, str], list[tuple[float, str]]]) -> Reply:
    found = [{"metric": labels, "values": values} for labels, values in series]
    return success({"resultType": "matrix", "result": found})


def vector(*series: tuple[Mapping[str, str], str], at: float = 0.0) -> Reply:
    found = [{"metric": labels, "value": [at, value]} for labels, value in series]
    return success({"resultType": "vector", "result": found})


@dataclass
class MadePrometheus:
    """The server's address, and what it was asked."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)


@contextmanager
def made_prometheus(answering: Answering) -> Iterator[MadePrometheus]:
    """The server, until the block ends."""
    made = MadePrometheus()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(dict(parse_qsl(urlsplit(self.path).query)))

        def do_POST(self) -> None:
            self._answer(dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode())))

        def _answer(self, form: dict[str, str]) -> None:
            path = urlsplit(self.path).path.removeprefix("/api/v1/")
            made.asked.append((path, form))
            made.tokens.append(self.headers["authorization"])
            status, body = answering(path, form)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
