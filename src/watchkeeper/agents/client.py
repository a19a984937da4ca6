"""One model endpoint for one run: redacts what leaves, counts what it costs, tries again where that helps."""

import functools
import json
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langsmith import tracing_context
from pydantic import BaseModel

from watchkeeper.agents import assembling, outbound, structured
from watchkeeper.agents.address import Address
from watchkeeper.agents.failures import FOREIGN, broken_off, failure, persist
from watchkeeper.agents.meter import Limits, Meter, Spent
from watchkeeper.agents.outbound import Clean
from watchkeeper.agents.roles import Role
from watchkeeper.agents.ways import WAYS, Mode, Ways, all_ways
from watchkeeper.agents.wire import timeout
from watchkeeper.errors import BudgetSpent, ModelUnavailable, ReplyRejected

__all__ = ["Client", "Role", "Terms", "untraced"]

M = TypeVar("M", bound=BaseModel)
OnToken = Callable[[str], None]
Options = Mapping[str, Any]
"""Keyword arguments of LangChain's models; they are the library's, not ours."""

SMALLEST_ROOM = 256
"""A reply may always be so long, even where our estimate says that the context is full."""
CLEANED_TEXTS = 1024
"""So many texts are remembered with their redacted form: every call sends the whole conversation again."""


@dataclass(frozen=True)
class Terms:
    """How an endpoint is asked."""

    attempts: int = 3
    request_timeout_seconds: float = 60.0
    """So long may it be silent, before the first piece of a reply and between two."""
    output_tokens: int = 2000
    context_tokens: int = 32768
    length_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    structured: Mode | Literal["auto"] = "auto"
    asks_again: bool = True
    """Whether an empty reply, or one that does not fit its schema, is asked for once more."""


USUAL = Terms()


def untraced() -> AbstractContextManager[None]:
    """Inside, LangChain and LangGraph send no traces, whatever LANGSMITH_… or LANGCHAIN_… variables say."""
    return tracing_context(enabled=False)


@dataclass(eq=False)
class Client:
    """What the agents ask. To be closed, or used in `with`; one thread uses it at a time.

    Everything it raises is a ModelUnavailable: ReplyRejected, BudgetSpent, or the endpoint's failure in one sentence.
    """

    models: Callable[[str], BaseChatModel]
    """The model of a name."""
    names: Mapping[Role, str]
    meter: Meter
    clean: Clean
    address: Address
    terms: Terms = USUAL
    ways: Ways = field(default_factory=Ways)
    on_token: OnToken | None = None
    """Told every piece of a reply's text as it comes; a stream that breaks is begun anew, and told anew."""
    sleep: Callable[[float], None] = time.sleep
    on_close: Callable[[], None] = lambda: None
    streams: bool = True
    """Until the endpoint shows that it cannot."""

    def __post_init__(self) -> None:
        self._clean = functools.lru_cache(maxsize=CLEANED_TEXTS)(self.clean)
        self._finalizer = weakref.finalize(self, self.on_close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; again is harmless."""
        self._finalizer()

    @property
    def spent(self) -> Spent:
        """What this run has taken, with what an earlier part of it had taken."""
        return self.meter.spent

    @property
    def limits(self) -> Limits:
        """What this run may take."""
        return self.meter.limits

    def name_of(self, role: Role) -> str:
        """The model's name for that role, as the endpoint knows it."""
        return self.names[role]

    def reply(self, role: Role, messages: Sequence[BaseMessage], tools: Sequence[BaseTool] = ()) -> AIMessage:
        """One completed model call; an empty reply is asked for once more.

        Tool calls whose arguments are no JSON object stand in `invalid_tool_calls` of the reply, with the reason.
        `usage_metadata` is always there; `response_metadata["usage"]` is "estimated" where the endpoint counts nothing.
        The message has no id. Raises BudgetSpent before a call that would exceed, ReplyRejected, ModelUnavailable.
        """
        options = {"tools": [convert_to_openai_tool(tool) for tool in tools]} if tools else {}
        message = self._asked(role, messages, options, self.on_token)
        if assembling.is_empty(message) and self.terms.asks_again:
            message = self._asked(role, messages, options, self.on_token)
        if assembling.is_empty(message):
            was_cut = message.response_metadata["finish_reason"] == "length"
            raise ReplyRejected(
                "the model answered nothing" + (" before its limit of tokens was reached" if was_cut else "")
            )
        return message

    def structured(self, role: Role, messages: Sequence[BaseMessage], schema: type[M]) -> M:
        """The reply as a value of the schema, asked for in the way that the endpoint understands.

        What does not fit is shown to the model once, with what is wrong; then ReplyRejected is raised.
        """
        question = structured.Question(
            ask=lambda said, options: self._asked(role, said, options),
            messages=messages,
            schema=schema,
            is_repaired=self.terms.asks_again,
        )
        name = self.name_of(role)
        if self.terms.structured != "auto":
            return structured.answered(question, WAYS[self.terms.structured])[0]
        known = self.ways.known(self.address, name)
        value, way = structured.answered(question, all_ways(known), is_known=known is not None)
        if way != known:
            self.ways.keep(self.address, name, way)
        return value

    def _asked(
        self, role: Role, messages: Sequence[BaseMessage], options: Options, on_token: OnToken | None = None
    ) -> AIMessage:
        name = self.name_of(role)
        said = outbound.cleaned(messages, self._clean)
        described = [options[key] for key in ("tools", "extra_body") if key in options]
        prompt_tokens = assembling.prompt_tokens_of(said, described)
        with untraced():
            message = persist(
                lambda: self._attempt(name, said, options, prompt_tokens, on_token),
                self.terms.attempts,
                lambda: self.meter.seconds_left,
                self.sleep,
            )
        assembling.require_sense(message)
        return message

    def _attempt(
        self, name: str, said: list[BaseMessage], options: Options, prompt_tokens: int, on_token: OnToken | None
    ) -> AIMessage:
        room = self.meter.room(name, prompt_tokens)
        in_context = max(SMALLEST_ROOM, self.terms.context_tokens - prompt_tokens)
        length = {self.terms.length_parameter: min(self.terms.output_tokens, room, in_context)}
        asked = {**options, "extra_body": {**options.get("extra_body", {}), **length}}
        heard: list[AIMessage] = []
        try:
            for piece in self._pieces(self.models(name), said, asked, heard):
                if on_token and piece.text:
                    on_token(str(piece.text))
        finally:
            used = assembling.usage(heard, prompt_tokens)
            # What broke off was paid for as well; what never began was not.
            if heard:
                self.meter.add(name, used)
        if self.streams and not assembling.finish_reason(heard):
            raise broken_off(self.address)
        return assembling.with_usage(assembling.assembled(heard), used)

    def _pieces(
        self, model: BaseChatModel, said: list[BaseMessage], options: Options, heard: list[AIMessage]
    ) -> Iterator[AIMessage]:
        """The pieces of one reply as they come, kept in `heard`; raises Failure where they stop coming."""
        seconds = min(self.terms.request_timeout_seconds, self.meter.seconds_left)
        options = {**options, "timeout": timeout(seconds)}
        if self.streams:
            try:
                yield from _kept(model.stream(said, **options), heard, self.meter)
                return
            except FOREIGN as error:
                # Neither pieces nor a failure that it tells of: it may be an endpoint that answers all at once.
                if heard or not isinstance(error, ValueError):
                    raise self._told(error, seconds, is_begun=bool(heard)) from None
        try:
            yield from _kept(iter([model.invoke(said, **options)]), heard, self.meter)
        except FOREIGN as error:
            raise self._told(error, seconds) from None
        self.streams = False

    def _told(self, error: BaseException, seconds: float, is_begun: bool = False) -> ModelUnavailable:
        try:
            self.meter.require_time()
        except BudgetSpent as spent:
            return spent
        if is_begun and isinstance(error, json.JSONDecodeError):
            return broken_off(self.address)
        return failure(error, self.address, seconds)


def _kept(pieces: Iterator[BaseMessage], heard: list[AIMessage], meter: Meter) -> Iterator[AIMessage]:
    for piece in pieces:
        if not isinstance(piece, AIMessage):
            raise TypeError("a message whose role is not assistant")
        heard.append(piece)
        yield piece
        meter.require_time()
