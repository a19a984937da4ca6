"""Processes that live no longer than the lab: told what to do on standard input, and ended with it."""

import array
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Literal

from watchkeeper.errors import SourceUnavailable

START_SECONDS = 30.0
Program = Literal["service", "bank", "load"]


class Child:
    """A process of the nursery's that reads its settings and commands from standard input."""

    def __init__(self, name: str, pid: int, orders: int, announcements: int) -> None:
        self.pid = pid
        self._name = name
        self._orders: int | None = orders
        self._ready = threading.Event()
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = None
        threading.Thread(target=self._listen, args=(announcements,), daemon=True).start()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return not self._has_ended(within_seconds=0)

    def wait_until_ready(self) -> None:
        """Block until it serves; raises SourceUnavailable where it ends before, or takes too long."""
        if not self._ready.wait(START_SECONDS) or not self.is_running:
            raise SourceUnavailable(f"{self._name} of the lab did not start within {START_SECONDS} s, or ended at once")

    def say(self, line: str) -> None:
        """Write one line to its standard input; a process that has ended hears nothing."""
        if self._orders is None:
            return
        try:
            os.write(self._orders, line.encode() + b"\n")
        except BrokenPipeError:
            return

    def command(self, do: str, **arguments: object) -> None:
        """Tell it to do something."""
        self.say(json.dumps({"do": do} | arguments))

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            self._has_ended(within_seconds=10)
        self._forget()

    def stop(self, patience_seconds: float = 6.0) -> None:
        """Let it finish what it has begun, then end it."""
        self.command("drain")
        self._has_ended(patience_seconds)
        self.kill()

    def _has_ended(self, within_seconds: float) -> bool:
        if self._handle is None:
            return True
        ending = select.poll()
        ending.register(self._handle, select.POLLIN)
        return bool(ending.poll(within_seconds * 1000))

    def _forget(self) -> None:
        for descriptor in (self._orders, self._handle):
            if descriptor is not None:
                os.close(descriptor)
        self._orders = self._handle = None

    def _listen(self, announcements: int) -> None:
        with os.fdopen(announcements, "rb") as output:
            for line in output:
                if line.strip() == b"ready":
                    self._ready.set()
        self._ready.set()


class Nursery:
    """Starts the lab's Python processes by forking one that has everything imported."""

    def __init__(self, log: Path) -> None:
        self._orders, theirs = socket.socketpair()
        with theirs, log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "watchkeeper.lab.nursery"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=_environment(),
                # Ctrl-C is for the lab, which then closes the shop in order.
                process_group=0,
            )

    def start(self, name: str, program: Program, settings: str, log: Path) -> Child:
        """A new process with its settings as first line; raises SourceUnavailable where the nursery is gone."""
        their_input, orders = os.pipe()
        announcements, their_output = os.pipe()
        errors = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        streams = [their_input, their_output, errors]
        socket.send_fds(self._orders, [program.encode()], streams)
        answer = self._orders.recv(8)
        for stream in streams:
            os.close(stream)
        if len(answer) < 8:
            raise SourceUnavailable("the lab's processes cannot be started: its nursery has ended")
        child = Child(name, int(array.array("q", answer)[0]), orders, announcements)
        child.say(settings)
        return child

    def stop(self) -> None:
        """End it; its children end when their own standard input does."""
        self._orders.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _environment() -> dict[str, str]:
    """The lab's environment without settings for OpenTelemetry that somebody made for another program."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHONWARNINGS"))}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "2"}
