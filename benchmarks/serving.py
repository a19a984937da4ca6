"""A real `watchkeeper serve` in a home of its own, to be measured from outside."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 60.0
SETTINGS = {
    # The server is measured, not its limits for one caller.
    "WATCHKEEPER_ACCESS__REQUESTS_PER_SECOND": "100000",
    "WATCHKEEPER_ACCESS__BURST": "100000",
    # Nothing but what is measured opens incidents.
    "WATCHKEEPER_WATCH__ENABLED": "false",
    "WATCHKEEPER_LOG__LEVEL": "error",
}


@dataclass(frozen=True)
class Serving:
    """A running server, and how it is asked."""

    url: str
    home: Path
    token: str
    pid: int

    def client(self) -> httpx.Client:
        """A client that shows the home's token."""
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def memory_mb(self) -> float:
        """What it holds in memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


@contextmanager
def serving(home: Path, **settings: str) -> Iterator[Serving]:
    """The server, ready; ended in order. Raises RuntimeError with what it said where it does not start."""
    port = _free_port()
    environment = os.environ | SETTINGS | settings
    environment |= {"WATCHKEEPER_HOME": str(home), "WATCHKEEPER_SERVER__PORT": str(port)}
    said = home / "said.txt"
    with said.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", "serve"], env=environment, stdout=errors, stderr=errors
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, process, said)
        token = home / "token"
        yield Serving(url, home, token.read_text().strip() if token.exists() else "", process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", said: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/healthz", timeout=1, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"`watchkeeper serve` did not start: {said.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
