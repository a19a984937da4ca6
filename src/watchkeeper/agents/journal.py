"""Replies since the last checkpoint: a step that asks twice and is killed in between does not ask the first again."""

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage

from watchkeeper.agents import assembling

Models = Callable[[str], BaseChatModel]
SCATTERED = "timeout"
"""The option that is another with each call, by the time that is left."""


@dataclass
class Journal:
    """What models replied since the last checkpoint, before a crash and after it."""

    write: Callable[[str, AIMessage], None]
    """Keeps a reply under its request; `before` holds what was kept so when the process was killed."""
    before: Sequence[tuple[str, AIMessage]] = ()
    _left: dict[str, deque[AIMessage]] = field(default_factory=lambda: defaultdict(deque))

    def __post_init__(self) -> None:
        for request, reply in self.before:
            self._left[request].append(reply)

    def listening(self, models: Models) -> Models:
        """The same models; whatever they reply is kept, and what was replied before the crash is not asked again."""
        return lambda name: cast(BaseChatModel, _Listening(models(name), name, self))

    def replied(self, request: str) -> AIMessage | None:
        """The next reply to that request that was kept before the crash; each is given once."""
        return self._left[request].popleft() if self._left[request] else None


@dataclass(frozen=True)
class _Listening:
    """The two methods of LangChain's models that a client calls."""

    model: BaseChatModel
    name: str
    journal: Journal

    def stream(self, messages: list[BaseMessage], **options: Any) -> Iterator[AIMessage]:
        """The pieces of the reply; all in one piece where it was replied before."""
        request = _request(self.name, messages, options)
        if (known := self.journal.replied(request)) is not None:
            yield known
            return
        pieces: list[AIMessage] = []
        for piece in self.model.stream(messages, **options):
            pieces.append(piece)
            yield piece
        # A stream without an end broke off: it is no reply, and is asked for again.
        if assembling.finish_reason(pieces):
            self.journal.write(request, _whole(pieces))

    def invoke(self, messages: list[BaseMessage], **options: Any) -> AIMessage:
        """The reply at once."""
        request = _request(self.name, messages, options)
        if (known := self.journal.replied(request)) is not None:
            return known
        reply = self.model.invoke(messages, **options)
        self.journal.write(request, _whole([reply]))
        return reply


def _whole(pieces: Sequence[AIMessage]) -> AIMessage:
    """The reply with what the endpoint counted: so a run that goes on has spent the same."""
    reply = assembling.assembled(pieces)
    reply.usage_metadata = next((p.usage_metadata for p in reversed(pieces) if p.usage_metadata), None)
    return reply


def _request(name: str, messages: Sequence[BaseMessage], options: dict[str, Any]) -> str:
    """A number for what is asked, the same in another process."""
    said = [message.model_dump(mode="json") for message in messages]
    asked = {key: value for key, value in options.items() if key != SCATTERED}
    return hashlib.sha256(json.dumps([name, said, asked], sort_keys=True, default=str).encode()).hexdigest()
