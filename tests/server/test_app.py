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


async def posted_by_a_sender_that_hangs_up() -> int:
    """The status that the application answers with; raises where the hanging up counts as a failure of ours."""
    app = create_app(Wiring(store=Tidied([]), gate=OpenToAll()))
    arriving = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return next(arriving)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/x-protobuf"), (b"content-length", b"100")]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    where = {"path": "/v1/logs", "raw_path": b"/v1/logs", "query_string": b"", "root_path": "", "headers": headers}
    ends = {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}
    await app({**scope, **where, **ends}, receive, send)  # type: ignore[arg-type]
    return next(int(str(message["status"])) for message in sent if message["type"] == "http.response.start")


def test_a_sender_that_hangs_up_is_no_failure_of_ours() -> None:
    assert asyncio.run(posted_by_a_sender_that_hangs_up()) == 400
