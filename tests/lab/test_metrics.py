"""The shop as Prometheus scrapes it: a running one, and the process' own figures."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from own_prometheus import free_port, needs, prometheus, wait_until
from watchkeeper.lab.layout import SERVICES, Layout
from watchkeeper.lab.shop.exposition import Exposition
from watchkeeper.lab.shop.settings import Release
from watchkeeper.lab.supervisor import Shop

COUNT = "http_server_request_duration_seconds_count"
CATALOG = 'http_server_request_duration_seconds_count{service="catalog"}'


def test_a_request_is_counted_under_what_it_was():
    exposition = Exposition("cart", lambda: True)
    exposition.observe("/cart/{user}", "GET", 503, 0.2)
    text = exposition.text()
    assert text is not None
    labels = 'http_request_method="GET",http_response_status_code="503",http_route="/cart/{user}",service="cart"'
    assert f"{COUNT}{{{labels}}} 1.0" in text.decode()
    assert "process_resident_memory_bytes" in text.decode()


def test_scrapes_are_answered_and_not_counted():
    exposition, port = Exposition("cart", lambda: True), free_port()
    exposition.serve(port)
    for _ in range(2):
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        assert answer.status_code == httpx.codes.OK
    assert COUNT not in answer.text
    assert httpx.get(f"http://127.0.0.1:{port}/other", trust_env=False).status_code == httpx.codes.NOT_FOUND


def test_a_process_that_is_muted_is_not_scraped_either():
    exposition, port = Exposition("cart", lambda: False), free_port()
    exposition.serve(port)
    assert httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).status_code == 503


@contextmanager
def collector() -> Iterator[str]:
    """Takes everything that is posted and forgets it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def room() -> Iterator[Path]:
    """A folder that PostgreSQL's own user may enter, as pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.lab
@needs("prometheus")
def test_a_running_shop_is_scraped_through_a_deploy(tmp_path: Path):
    with collector() as endpoint, room() as folder, Shop(Layout(5, endpoint, {}), folder) as shop:
        shop.open_doors()
        assert list(shop.targets()) == list(SERVICES)
        before = shop.targets()
        with prometheus(tmp_path / "prometheus", targets_file=shop.targets_file) as server:
            wait_until(lambda: all(server.has_scraped(name) for name in SERVICES), "every service being scraped")
            wait_until(lambda: (server.value(f"sum({CATALOG})") or 0) > 0, "requests to the catalog being counted")
            shop.begin_deploy("catalog", Release("9.9.9"))
            shop.end_deploy()
            after = shop.targets()
            assert {name for name in SERVICES if after[name] != before[name]} == {"catalog"}
            new = f'{CATALOG[:-1]}, instance="{after["catalog"]}"}}'
            wait_until(lambda: (server.value(f"sum({new})") or 0) > 0, "requests to the new version being counted")
