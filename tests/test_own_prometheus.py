"""The servers that tests start: a rule fires, the webhook hears of it, and hears that it is over."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from own_prometheus import alertmanager, needs, prometheus, wait_until

TOKEN = "the-webhooks-token"
POLL_SECONDS = 0.01
RULES = """
groups:
  - name: test
    rules:
      - alert: QueueIsLong
        expr: queue_length > 10
        labels: {severity: page}
        annotations: {summary: "{{ $labels.service }} has {{ $value }} waiting"}
"""


class Stage:
    """A target whose queue is as long as the test says, and a webhook that keeps what it is sent."""

    def __init__(self) -> None:
        self.queue = 1
        self.heard: list[dict[str, object]] = []
        self.tokens: set[str | None] = set()
        stage = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(f"queue_length {stage.queue}\n".encode())

            def do_POST(self) -> None:
                stage.tokens.add(self.headers["authorization"])
                stage.heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def has_heard(self, status: str) -> bool:
        return any(body["status"] == status for body in self.heard)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    thread = threading.Thread(target=made.server.serve_forever, args=(POLL_SECONDS,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@needs("prometheus", "alertmanager")
def test_a_rule_that_fires_is_heard_of_and_so_is_its_end(stage: Stage, tmp_path: Path):
    webhook = f"http://{stage.address}/hook"
    with (
        alertmanager(tmp_path / "alertmanager", webhook=webhook, token=TOKEN) as alerts,
        prometheus(
            tmp_path / "prometheus", targets={"cart": stage.address}, rules=RULES, alertmanager=alerts
        ) as server,
    ):
        wait_until(lambda: server.has_scraped("cart"), "a scrape")
        assert server.firing() == []
        stage.queue = 50
        wait_until(lambda: stage.has_heard("firing"), "the alert")
        assert server.firing() == ["QueueIsLong"]
        stage.queue = 0
        wait_until(lambda: stage.has_heard("resolved"), "the end of the alert")
    [alert] = stage.heard[0]["alerts"]  # type: ignore[misc]
    assert alert["labels"]["service"] == "cart"
    assert alert["annotations"]["summary"] == "cart has 50 waiting"
    assert stage.tokens == {f"Bearer {TOKEN}"}


@needs("prometheus")
def test_targets_can_be_changed_while_it_runs(stage: Stage, tmp_path: Path):
    with prometheus(tmp_path / "prometheus") as server:
        assert server.value("queue_length") is None
        server.retarget({"cart": stage.address})
        wait_until(lambda: server.value('queue_length{service="cart"}') == 1.0, "a scrape of the new target")
