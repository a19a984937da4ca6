"""A model that follows a script: for tests, replays, and for seeing what an investigation does with a given mind."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr

from watchkeeper.agents.address import Address
from watchkeeper.agents.client import USUAL, Client, Terms
from watchkeeper.agents.meter import NOTHING, Limits, Meter, Price, Spent, tokens_in, tokens_of
from watchkeeper.agents.outbound import Clean
from watchkeeper.agents.roles import ROLES
from watchkeeper.redaction import redact

NAME = "scripted"
PIECE_CHARACTERS = 16
AMPLE = Limits(calls=1000, tokens=10_000_000, usd=1000, seconds=3600)

Call = tuple[str, dict[str, Any]]
"""A tool's name and its arguments."""
Turn = str | AIMessage | Call | Sequence[Call] | Exception | Callable[[list[BaseMessage]], Any]
"""A text; a message; one tool call or several; an error to raise; or what makes one of these from the messages."""


class ScriptedModel(BaseChatModel):
    """Replies with its turns in their order, and keeps what it was told.

    `turns` may be any iterable, such as `itertools.repeat("…")` for a model that loops. Asked once more than there
    are turns, it fails the test. An AIMessage keeps its `finish_reason`, usage and `invalid_tool_calls`.
    """

    turns: Any
    received: list[list[BaseMessage]] = Field(default_factory=list)
    """The messages of every call, in order."""
    options: list[dict[str, Any]] = Field(default_factory=list)
    """What came beside the messages of every call: tools, response format, limits."""
    reports_usage: bool = True
    """Whether it counts tokens, as some endpoints do not."""
    _script: Iterator[Turn] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Begin at the first turn."""
        self._script = iter(self.turns)

    @property
    def _llm_type(self) -> str:
        return NAME

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The same model; the tools are kept in `options`."""
        described = [convert_to_openai_tool(t) if isinstance(t, BaseTool) else t for t in tools]
        return self.bind(tools=described, tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages, kwargs))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from (ChatGenerationChunk(message=piece) for piece in _pieces(self._next(messages, kwargs)))

    def _next(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        self.received.append(list(messages))
        self.options.append(options)
        try:
            turn = next(self._script)
        except StopIteration:
            raise AssertionError(f"the script is over, and the model is asked a {len(self.received)}. time") from None
        reply = _message(turn, messages, f"call-{len(self.received)}")
        if self.reports_usage and reply.usage_metadata is None:
            asked, said = tokens_of(messages), max(1, tokens_in(_written(reply)))
            reply.usage_metadata = UsageMetadata(input_tokens=asked, output_tokens=said, total_tokens=asked + said)
        return reply


def scripted_client(
    turns: ScriptedModel | Iterable[Turn],
    limits: Limits = AMPLE,
    clean: Clean = redact,
    *,
    already: Spent = NOTHING,
    price: Price | None = None,
    terms: Terms = USUAL,
    on_token: Callable[[str], None] | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Client:
    """A client over a scripted model, the same as over an endpoint; its time stands still and it never sleeps."""
    model = turns if isinstance(turns, ScriptedModel) else ScriptedModel(turns=turns)
    return Client(
        models=lambda _: model,
        names=dict.fromkeys(ROLES, NAME),
        meter=Meter(limits, already, {NAME: price} if price else {}, clock),
        clean=clean,
        address=Address("script:"),
        terms=terms,
        on_token=on_token,
        sleep=lambda _: None,
    )


def _message(turn: Turn, messages: list[BaseMessage], call_id: str) -> AIMessage:
    match turn:
        case Exception():
            raise turn
        case AIMessage():
            # A copy: a turn may be replayed, and what is filled in belongs to one reply.
            return turn.model_copy(deep=True)
        case str():
            return AIMessage(turn)
        case (str() as name, dict() as arguments):
            return _calling([(name, arguments)], call_id)
        case [*calls]:
            return _calling(calls, call_id)
    return _message(turn(messages), messages, call_id)


def _calling(calls: Sequence[Any], call_id: str) -> AIMessage:
    named = [{"name": name, "args": args, "id": f"{call_id}-{n}"} for n, (name, args) in enumerate(calls, 1)]
    return AIMessage("", tool_calls=named)


def _pieces(reply: AIMessage) -> Iterator[AIMessageChunk]:
    text = str(reply.text)
    for start in range(0, len(text), PIECE_CHARACTERS):
        yield AIMessageChunk(content=text[start : start + PIECE_CHARACTERS])
    calls = [(c["name"], json.dumps(c["args"]), c["id"]) for c in reply.tool_calls]
    calls += [(c["name"] or "", c["args"] or "", c["id"]) for c in reply.invalid_tool_calls]
    for index, (name, arguments, id_) in enumerate(calls):
        yield AIMessageChunk(
            content="", tool_call_chunks=[tool_call_chunk(name=name, args=arguments, id=id_, index=index)]
        )
    reason = reply.response_metadata.get("finish_reason", "tool_calls" if calls else "stop")
    yield AIMessageChunk(
        content="",
        additional_kwargs=reply.additional_kwargs,
        response_metadata={"finish_reason": reason},
        usage_metadata=reply.usage_metadata,
    )


def _written(reply: AIMessage) -> str:
    called = [f"{call['name']}{call['args']}" for call in [*reply.tool_calls, *reply.invalid_tool_calls]]
    return str(reply.text) + "".join(called)
