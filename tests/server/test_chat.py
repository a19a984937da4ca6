"""`POST /v1/chat`: events as they come, bodies that are refused, few questions at once, clients that go away."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from watchkeeper.chat.answering import Turn
from watchkeeper.chat.conversation import Conversation
from watchkeeper.chat.intents import Intent
from watchkeeper.chat.replies import Reply, Said
from watchkeeper.errors import SourceUnavailable
from watchkeeper.server import chat, problems
from watchkeeper.server.places import AT_ONCE, Places
from watchkeeper.telemetry.sources import Cancel

Say = Callable[[str], None]
WAIT_SECONDS = 30


def turn(text: str) -> Turn:
    return Turn(
        reply=Reply(taken_as=Said(text="Taken as: help."), sentences=(Said(text=text),), intent=Intent(kind="help")),
        conversation=Conversation(service="cart"),
    )


class Parrot:
    """Answers with what it was asked, after one word of progress."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[tuple[str, Conversation, str | None, datetime | None]] = []

    def answer(
        self,
        question: str,
        conversation: Conversation,
        *,
        service: str | None = None,
        at: datetime | None = None,
        say: Say = lambda _: None,
        cancel: Cancel | None = None,
    ) -> Turn:
        self.asked.append((question, conversation, service, at))
        say("Looking …\nstill")
        if self.error is not None:
            raise self.error
        return turn(question)


class Endless(Parrot):
    """Answers only when it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.was_cancelled = threading.Semaphore(0), threading.Event()

    def answer(self, question, conversation, *, service=None, at=None, say=lambda _: None, cancel=None):  # type: ignore[no-untyped-def]
        stopped = threading.Event()
        cancel.register(stopped.set)
        say("Looking …")
        self.began.release()
        stopped.wait(WAIT_SECONDS)
        self.was_cancelled.set()
        raise SourceUnavailable("the question was cancelled")


@contextmanager
def serving(answering: Parrot, places: Places | None = None) -> Iterator[str]:
    """A server with nothing but this endpoint; its base URL."""
    with ThreadPoolExecutor(4) as workers:
        app = FastAPI()
        problems.install(app)
        app.include_router(chat.routes(answering, workers, places))
        ready: Future[int] = Future()
        server = _Server(uvicorn.Config(app, port=0, log_level="critical", ws="none", loop="asyncio"), ready)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{ready.result(WAIT_SECONDS)}"
        finally:
            server.should_exit = True
            thread.join()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: "Future[int]") -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        self._ready.set_result(self.servers[0].sockets[0].getsockname()[1])


def events_in(text: str) -> list[tuple[str, object]]:
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_progress_and_the_reply_come_as_events() -> None:
    with serving(Parrot()) as url:
        response = httpx.post(f"{url}/v1/chat", json={"message": "is it\nover?"})
    (first, progress), (second, reply) = events_in(response.text)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert (first, progress) == ("progress", {"text": "Looking …\nstill"})
    assert second == "reply"
    assert Turn.model_validate(reply) == turn("is it\nover?")


def test_a_conversation_is_sent_back_as_it_came() -> None:
    parrot, at = Parrot(), "2026-11-21T12:00:00Z"
    with serving(parrot) as url:
        first = httpx.post(f"{url}/v1/chat", json={"message": "one"})
        talk = events_in(first.text)[-1][1]["conversation"]  # type: ignore[index]
        httpx.post(f"{url}/v1/chat", json={"message": "two", "conversation": talk, "service": "cart", "at": at})
    assert parrot.asked[1] == ("two", Conversation(service="cart"), "cart", datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body: Invalid JSON"),
        (b"[]", "the body"),
        (b"{}", "message: Field required"),
        (b'{"message": 7}', "message: Input should be a valid string"),
        (json.dumps({"message": "x" * 2001}).encode(), "message: String should have at most 2000 characters"),
        (b'{"message": "x", "engine": "oracle"}', "engine: Input should be 'rules' or 'model'"),
        (b'{"message": "x", "conversation": {"case_id": "../../etc"}}', "conversation.case_id"),
        (b'{"message": "x", "at": "2026-11-21T12:00:00"}', "at: Input should have timezone info"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    parrot = Parrot()
    with serving(parrot) as url:
        response = httpx.post(f"{url}/v1/chat", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert reason in response.json()["detail"]
    assert parrot.asked == []


def test_a_form_that_any_page_may_post_is_refused() -> None:
    with serving(Parrot()) as url:
        response = httpx.post(f"{url}/v1/chat", content=b'{"message": "x"}', headers={"content-type": "text/plain"})
    assert response.status_code == 415


def test_a_body_that_is_too_large_is_refused() -> None:
    body = {"content": b" " * (chat.MAXIMUM_BODY_BYTES + 1), "headers": {"content-type": "application/json"}}
    with serving(Parrot()) as url:
        assert httpx.post(f"{url}/v1/chat", **body).status_code == 413  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "title", "detail"),
    [
        (SourceUnavailable("the store is down"), "SourceUnavailable", "the store is down"),
        (RuntimeError("insides"), "InternalError", "something went wrong inside watchkeeper; its log has the reason"),
    ],
)
def test_an_error_is_an_event_too(error: Exception, title: str, detail: str) -> None:
    with serving(Parrot(error)) as url:
        response = httpx.post(f"{url}/v1/chat", json={"message": "x"})
    assert events_in(response.text)[-1] == ("error", {"title": title, "detail": detail})


def test_a_question_ends_when_its_client_goes_away() -> None:
    endless = Endless()
    with serving(endless) as url:
        with httpx.stream("POST", f"{url}/v1/chat", json={"message": "x"}) as response:
            next(response.iter_raw())
        assert endless.was_cancelled.wait(WAIT_SECONDS)


def test_a_place_that_a_page_holds_is_not_there_for_others() -> None:
    places = Places(1)
    with serving(Parrot(), places) as url:
        with places.one():
            assert httpx.post(f"{url}/v1/chat", json={"message": "x"}).status_code == 429
        answered = httpx.post(f"{url}/v1/chat", json={"message": "x"})
    assert events_in(answered.text)[-1][0] == "reply"


def test_more_questions_than_are_answered_at_once_are_told_to_come_again() -> None:
    endless = Endless()
    with serving(endless) as url, httpx.Client() as client:
        asked = [client.stream("POST", f"{url}/v1/chat", json={"message": "x"}) for _ in range(AT_ONCE)]
        # A stream whose iterator is dropped is closed: they are held.
        read = [each.__enter__().iter_raw() for each in asked]
        assert all(next(each).startswith(b"event: progress") for each in read)
        refused = httpx.post(f"{url}/v1/chat", json={"message": "x"})
        for each in asked:
            each.__exit__(None, None, None)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
