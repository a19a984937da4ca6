import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from otlp_messages import NOON, PROTOBUF, span_request
from watchkeeper.domain import Window
from watchkeeper.errors import ConfigError
from watchkeeper.server.access import OpenToAll
from watchkeeper.server.access_gates import new_token
from watchkeeper.server.app import Wiring
from watchkeeper.server.running import require_address, running_server, serve
from watchkeeper.telemetry.live import LiveStore
from watchkeeper.telemetry.sources import SpanQuery

TOKEN = new_token()
HEADERS = {**PROTOBUF, "authorization": f"Bearer {TOKEN}"}
WINDOW = Window(start=NOON - timedelta(hours=1), end=NOON + timedelta(hours=1))


@contextmanager
def own_process(store: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A server as a process of its own, and its address."""
    command = [sys.executable, "-m", "watchkeeper.server", str(store), "0"]
    environment = {**os.environ, "WATCHKEEPER_TOKEN": TOKEN}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            assert "listens on" in line, line + process.stderr.read()
            yield process, line.split(" listens on ")[1].split()[0]
        finally:
            process.kill()


def acknowledged_until_killed(url: str, process: "subprocess.Popen[str]", sender: int) -> set[str]:
    """Send numbered spans until the server is gone; the trace ids of those that were answered 200."""
    acknowledged: set[str] = set()
    with httpx.Client(timeout=30, headers=HEADERS) as client:
        for number in range(sender * 100_000, sender * 100_000 + 100_000):
            request = span_request(number)
            try:
                response = client.post(f"{url}/v1/traces", content=request.SerializeToString())
            except httpx.TransportError:
                return acknowledged
            if response.status_code == 200:
                acknowledged.add(request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex())
            if sender == 0 and len(acknowledged) == 40:
                os.kill(process.pid, signal.SIGKILL)
    return acknowledged


def test_a_killed_server_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with own_process(path) as (process, url), ThreadPoolExecutor(4) as senders:
        told = list(senders.map(lambda sender: acknowledged_until_killed(url, process, sender), range(4)))
    acknowledged = set().union(*told)
    assert len(acknowledged) >= 40
    with LiveStore(path) as store:
        found = store.reader.spans(SpanQuery(window=WINDOW)).rows["trace_id"].to_pylist()
    assert acknowledged <= set(found)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_asked_to_end_closes_its_store(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "store.duckdb"
    with own_process(path) as (process, url):
        body = span_request(1).SerializeToString()
        assert httpx.post(f"{url}/v1/traces", content=body, headers=HEADERS).status_code == 200
        process.send_signal(number)
        assert process.wait(30) == 0
    assert not path.with_suffix(".duckdb.wal").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_an_address_that_others_can_reach_is_refused_until_somebody_made_a_token(host: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.host.*`watchkeeper token create NAME --scope read`"):
        require_address(host, is_guarded=False)
    require_address(host, is_guarded=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_addresses_of_the_loopback_are_fine(host: str) -> None:
    require_address(host, is_guarded=False)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        LiveStore(tmp_path / "store.duckdb") as store,
        pytest.raises(ConfigError, match=r"server\.port: 127\.0\.0\.1:\d+ cannot be listened on"),
    ):
        serve(Wiring(store=store, gate=OpenToAll()), port=taken.getsockname()[1])


def test_servers_can_run_side_by_side(tmp_path: Path) -> None:
    with (
        LiveStore(tmp_path / "a.duckdb") as one,
        LiveStore(tmp_path / "b.duckdb") as other,
        running_server(one, gate=OpenToAll()) as first,
        running_server(other, gate=OpenToAll()) as second,
    ):
        assert first != second
        assert httpx.get(f"{first}/healthz").json() == httpx.get(f"{second}/healthz").json()
