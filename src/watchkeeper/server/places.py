"""How many questions are answered at once, wherever they are asked: over HTTP or on a page."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from watchkeeper.errors import QueueFull

AT_ONCE = 2
"""Each holds a thread and a reader of the telemetry for seconds."""


class Places:
    """So many may be answered at once; who comes then is told to come again."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = threading.BoundedSemaphore(at_once)

    def take(self) -> None:
        """Take one; raises QueueFull (429) where none is left. Give it back with `leave`."""
        if not self._free.acquire(blocking=False):
            raise QueueFull("other questions are being answered: try again in a moment")

    def leave(self) -> None:
        """Give one back, once the work has ended."""
        self._free.release()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold one for as long as the `with` lasts; raises QueueFull."""
        self.take()
        try:
            yield
        finally:
            self.leave()
