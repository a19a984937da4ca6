"""How much one caller may ask, and how large what is sent may be."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import Message, Receive

from watchkeeper.server.problems import Oversized
from watchkeeper.telemetry.bodies import too_large

MOST_BUCKETS = 10_000


class Buckets:
    """A token bucket for each caller; those that were not used for longest are forgotten first, full as they are."""

    def __init__(
        self,
        per_second: float,
        burst: int,
        monotonic: Callable[[], float] = time.monotonic,
        most: int = MOST_BUCKETS,
    ) -> None:
        self._per_second, self._burst, self._monotonic, self._most = per_second, burst, monotonic, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, who: str) -> int:
        """Take one; 0 where there was one, else how many whole seconds until there is."""
        now = self._monotonic()
        left, since = self._left.pop(who, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._per_second)
        enough = left >= 1
        self._left[who] = (left - 1 if enough else left, now)
        while len(self._left) > self._most:
            self._left.popitem(last=False)
        return 0 if enough else max(1, math.ceil((1 - left) / self._per_second))

    def __len__(self) -> int:
        return len(self._left)


def bounded(receive: Receive, limit_bytes: int) -> Receive:
    """The same body, which ends as 413 as soon as it is past the limit, whatever length it was said to have."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > limit_bytes:
                raise Oversized(str(too_large(limit_bytes)))
        return message

    return counted
