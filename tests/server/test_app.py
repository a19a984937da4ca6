import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import datetime

import pytest
import structlog
from structlog.testing import capture_logs

from watchkeeper.errors import StoreUnavailable
from watchkeeper.server.access import OpenToAll
from watchkeeper.server.app import Wiring, create_app
from watchkeeper.telemetry.live import Batch
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import Sources


class Tidied:
    """A store that notes when it is tidied, and fails at it first as often as it is told to."""

    def __init__(self, failures: list[Exception]) -> None:
        self.reader: Sources = store_of({})
        self.times: list[datetime] = []
        self._failures = failures

    def submit(self, batch: Batch) -> "Future[None]":
        raise AssertionError("nothing is sent here")

    def retain(self, now: datetime) -> None:
        self.times.append(now)
        if self._failures:
            raise self._failures.pop()


async def run_until_tidied(store: Tidied, times: int) -> None:
    app = create_app(Wiring(store=store, gate=OpenToAll(), retention_seconds=0.001))
    async with asyncio.timeout(30), app.router.lifespan_context(app):
        while len(store.times) < times:
            await asyncio.sleep(0)


@pytest.fixture
def said() -> Iterator[list[structlog.typing.EventDict]]:
    with capture_logs() as said:
        yield said


def test_retention_goes_on_after_it_failed(said: list[structlog.typing.EventDict]) -> None:
    store = Tidied([StoreUnavailable("in use"), RuntimeError("a bug")])
    asyncio.run(run_until_tidied(store, times=3))
    assert all(time.tzinfo is not None for time in store.times)
    assert [line["log_level"] for line in said] == ["error", "error"]
