import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchkeeper.lab.detour import Detour


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(1024):
            self.request.sendall(data.upper())


@pytest.fixture
def echo() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_detour_hands_on_what_is_said_and_answered(echo: int) -> None:
    detour = Detour(echo, 0)
    detour.start()
    with socket.create_connection(("127.0.0.1", detour.port), timeout=5) as connection:
        connection.sendall(b"one")
        assert connection.recv(10) == b"ONE"
        detour.delay_seconds = 0.01
        connection.sendall(b"two")
        assert connection.recv(10) == b"TWO"
    detour.stop()


def test_a_detour_to_nowhere_hangs_up(tmp_path: Path) -> None:
    detour = Detour(tmp_path / "nobody", tmp_path / "via" / "socket")
    detour.start()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(tmp_path / "via" / "socket"))
        assert connection.recv(10) == b""
    detour.stop()
