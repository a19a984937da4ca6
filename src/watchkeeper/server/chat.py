"""Questions over HTTP: one question in, progress and the reply out as server-sent events, a few at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import Annotated, Literal, Protocol, Self

import orjson
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, StringConstraints, ValidationError

from watchkeeper.chat.answering import Turn
from watchkeeper.chat.conversation import Conversation
from watchkeeper.errors import QueryRejected, QueueFull, WatchkeeperError
from watchkeeper.server.places import Places
from watchkeeper.server.reading import read_body, require_json
from watchkeeper.telemetry.sources import Cancel

MAXIMUM_BODY_BYTES = 2**20
QUIET_SECONDS = 15.0
"""After so long without an event a comment is sent, so that nothing between here and the client hangs up."""
EVENT_STREAM = "text/event-stream"
_BUG = "something went wrong inside watchkeeper; its log has the reason"

_log = structlog.get_logger()

Engine = Literal["rules", "model"]


class Asked(BaseModel, frozen=True, extra="forbid"):
    """The body of `POST /v1/chat`."""

    message: Annotated[str, StringConstraints(max_length=2000)]
    conversation: Conversation | None = None
    """As the event `reply` brought it last; null begins a new one."""
    service: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    """The service meant where the message names none."""
    at: AwareDatetime | None = None
    """As if it was asked then."""
    engine: Engine = "rules"
    """Who reads what the rules cannot, and tells what was found."""


class Answering(Protocol):
    """Whoever answers questions, `assembly.chat.Chat`."""

    def answer(
        self,
        question: str,
        conversation: Conversation,
        *,
        service: str | None = None,
        at: datetime | None = None,
        say: Callable[[str], None] = lambda _: None,
        cancel: Cancel | None = None,
    ) -> Turn:
        """One answer; what is being asked is said meanwhile. Stops as SourceUnavailable when it is cancelled."""

    def by(self, engine: Engine) -> Self:
        """The same, told by that engine."""


def routes(chat: Answering, workers: Executor, places: Places | None = None) -> APIRouter:
    """The endpoint; raises QueueFull (429) while no place is free. The pages ask in the same places."""
    router = APIRouter()
    places = places or Places()

    @router.post("/v1/chat", response_model=None)
    async def ask(request: Request) -> Response:
        require_json(request)
        asked = _read(await read_body(request, MAXIMUM_BODY_BYTES))
        places.take()
        question = _Question(asked, chat)
        try:
            work = workers.submit(question.answer)
        except RuntimeError as error:
            places.leave()
            raise QueueFull("the server is closing") from error
        # A place is free when the work has ended, not when its client has gone.
        work.add_done_callback(lambda _: places.leave())
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return StreamingResponse(_events(request, question, work), headers=headers, media_type=EVENT_STREAM)

    return router


def _read(body: bytes) -> Asked:
    """The body as a question; raises QueryRejected naming what is wrong with it."""
    try:
        return Asked.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise QueryRejected(f"chat: {where[:200]}: {first['msg'][:200]}") from error


class _Question:
    """One question being answered in a thread, and what it says meanwhile."""

    def __init__(self, asked: Asked, chat: Answering) -> None:
        self._asked, self._chat = asked, chat
        self._loop = asyncio.get_running_loop()
        self.cancel = Cancel()
        self.said: asyncio.Queue[bytes | None] = asyncio.Queue()

    def answer(self) -> None:
        """Answer it; the last event is the reply or an error, and None ends them. Never raises."""
        try:
            chat = self._chat if self._asked.engine == "rules" else self._chat.by(self._asked.engine)
            turn = chat.answer(
                self._asked.message,
                self._asked.conversation or Conversation(),
                service=self._asked.service,
                at=self._asked.at,
                say=lambda text: self._put(event("progress", {"text": text})),
                cancel=self.cancel,
            )
            self._put(event("reply", turn.model_dump(mode="json")))
        except WatchkeeperError as error:
            self._put(event("error", {"title": type(error).__name__, "detail": str(error)}))
        except Exception:  # noqa: BLE001  the stream has begun: the client is told, the log has the reason
            _log.exception("a question could not be answered")
            self._put(event("error", {"title": "InternalError", "detail": _BUG}))
        finally:
            self._put(None)

    def _put(self, what: bytes | None) -> None:
        # A loop that has ended has nobody left to tell.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.said.put_nowait, what)


async def _events(request: Request, question: _Question, work: "Future[None]") -> AsyncIterator[bytes]:
    """Events as they are said, until the answer has ended or the client has gone; then the work is stopped."""
    gone = asyncio.create_task(_until_gone(request))
    try:
        while True:
            said = asyncio.create_task(question.said.get())
            await asyncio.wait({said, gone}, timeout=QUIET_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not said.done():
                said.cancel()
                if gone.done():
                    return
                yield b": still at it\n\n"
                continue
            if (what := said.result()) is None:
                return
            yield what
    finally:
        gone.cancel()
        question.cancel.cancel()
        work.cancel()


def event(name: str, data: object) -> bytes:
    """One server-sent event; JSON has no line breaks of its own."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
