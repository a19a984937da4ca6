"""Processes that live no longer than the lab: told what to do on standard input, and ended with it."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from watchkeeper.errors import SourceUnavailable

PR_SET_PDEATHSIG = 1
START_SECONDS = 30.0
_LIBC = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Between fork and exec: have the kernel interrupt this process when its parent ends."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


class Child:
    """A Python process that reads its settings and commands from standard input and ends when that ends."""

    def __init__(self, module: str, settings: str, log: Path) -> None:
        self._name = log.stem
        self._ready = threading.Event()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(),
            )
        self._write(settings)
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Block until it serves; raises SourceUnavailable where it ends before, or takes too long."""
        if not self._ready.wait(START_SECONDS) or not self.is_running:
            raise SourceUnavailable(f"{self._name} of the lab did not start within {START_SECONDS} s, or ended at once")

    def command(self, do: str, **arguments: object) -> None:
        """Tell it something; a process that has ended is told nothing."""
        self._write(json.dumps({"do": do} | arguments))

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._process.kill()
        self._finish()

    def stop(self, patience_seconds: float = 6.0) -> None:
        """Let it finish what it has begun, then end it."""
        self.command("drain")
        try:
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._finish()

    def _finish(self) -> None:
        self._process.wait()
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                return

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            return
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                if line.strip() == b"ready":
                    self._ready.set()
        self._ready.set()


def _environment() -> dict[str, str]:
    """The lab's environment without settings for OpenTelemetry that somebody made for another program."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHONWARNINGS"))}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "2"}
