"""Pieces of a reply, as they come over the wire, put together; what is malformed in it stays visible."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import UsageMetadata

from watchkeeper.agents.meter import Usage, tokens_in, tokens_of
from watchkeeper.agents.outbound import UNNAMED
from watchkeeper.errors import ReplyRejected

_THOUGHTS = re.compile(r"\A\s*<think>.*?(?:</think>\s*|\Z)", re.DOTALL)
MOST_CALLS = 16
"""Tool calls in one reply; a model that stutters writes hundreds."""
REFUSED_CHARACTERS = 200


@dataclass
class _Call:
    index: int | None
    id: str
    name: str
    arguments: str


def assembled(pieces: Sequence[AIMessage]) -> AIMessage:
    """One message out of its pieces, without an id: some endpoints give every reply the same.

    Arguments of tool calls that are no JSON object stand in `invalid_tool_calls`. What a model thinks aloud before
    its answer (`<think>…</think>`) is left out. `response_metadata` has `finish_reason`.
    """
    calls, invalid = _sorted(_calls(pieces)[:MOST_CALLS])
    return AIMessage(
        _sound(_THOUGHTS.sub("", "".join(str(piece.text) for piece in pieces))),
        tool_calls=calls,
        invalid_tool_calls=invalid,
        additional_kwargs={"refusal": refusal} if (refusal := _refusal(pieces)) else {},
        response_metadata={"finish_reason": finish_reason(pieces)},
    )


def finish_reason(pieces: Sequence[AIMessage]) -> str:
    """Why the model stopped, the last that is told; empty where it was cut off."""
    reasons = [str(piece.response_metadata.get("finish_reason") or "") for piece in pieces]
    return next((reason for reason in reversed(reasons) if reason), "")


def usage(pieces: Sequence[AIMessage], prompt_tokens: int) -> Usage:
    """What the endpoint counted, the last that is told; characters / 4 where it tells nothing."""
    told = next((piece.usage_metadata for piece in reversed(pieces) if _counts(piece.usage_metadata)), None)
    if told is not None:
        return Usage(told["input_tokens"], told["output_tokens"], is_estimated=False)
    text = "".join(str(piece.text) for piece in pieces)
    called = "".join(call.name + call.arguments for call in _calls(pieces))
    return Usage(prompt_tokens, tokens_in(text + called), is_estimated=True)


def with_usage(message: AIMessage, used: Usage) -> AIMessage:
    """The message with its tokens, marked where they are an estimate."""
    message.usage_metadata = UsageMetadata(
        input_tokens=used.prompt_tokens,
        output_tokens=used.reply_tokens,
        total_tokens=used.prompt_tokens + used.reply_tokens,
    )
    if used.is_estimated:
        message.response_metadata["usage"] = "estimated"
    return message


def require_sense(message: AIMessage) -> None:
    """Raise ReplyRejected for a refusal, and for tool calls that were cut off at the limit of tokens."""
    reason = message.response_metadata.get("finish_reason")
    refusal = message.additional_kwargs.get("refusal")
    if refusal or reason == "content_filter":
        # Its words are free text of a model's: they are not told.
        raise ReplyRejected("the model refused to answer" if refusal else "the endpoint's filter stopped the answer")
    if reason == "length" and message.invalid_tool_calls:
        raise ReplyRejected("the model's reply was cut off in a tool call: its limit of tokens was reached")


def is_empty(message: BaseMessage) -> bool:
    """Whether it neither says anything nor calls a tool."""
    called = isinstance(message, AIMessage) and (message.tool_calls or message.invalid_tool_calls)
    return not called and not str(message.text).strip()


def prompt_tokens_of(messages: Sequence[BaseMessage], tools: object) -> int:
    """About how many tokens a request takes: its messages and the descriptions of its tools."""
    return tokens_of(messages) + (tokens_in(json.dumps(tools)) if tools else 0)


def _calls(pieces: Sequence[AIMessage]) -> list[_Call]:
    """Tool calls out of their pieces; endpoints leave out indices, or give all calls the same."""
    calls: list[_Call] = []
    for piece in pieces:
        for chunk in _chunks(piece):
            open_ = next((call for call in reversed(calls) if call.index == chunk.index), None)
            if open_ is None or (chunk.id and open_.id and chunk.id != open_.id):
                calls.append(chunk)
                continue
            open_.id = open_.id or chunk.id
            open_.name = open_.name or chunk.name
            open_.arguments += chunk.arguments
    return calls


def _chunks(piece: AIMessage) -> list[_Call]:
    if chunks := getattr(piece, "tool_call_chunks", None):
        return [_Call(c["index"], c["id"] or "", c["name"] or "", c["args"] or "") for c in chunks]
    whole = [_Call(None, c["id"] or "", c["name"], json.dumps(c["args"])) for c in piece.tool_calls]
    broken = [_Call(None, c["id"] or "", c["name"] or "", c["args"] or "") for c in piece.invalid_tool_calls]
    return [_Call(i, c.id, c.name, c.arguments) for i, c in enumerate(whole + broken)]


def _sorted(calls: Sequence[_Call]) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    valid: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    taken: set[str] = set()
    for number, call in enumerate(calls, 1):
        id_, name = _sound(call.id), _sound(call.name)
        if not id_ or id_ in taken:
            id_ = f"{id_ or 'call'}-{number}"
        taken.add(id_)
        arguments, complaint = _arguments(_sound(call.arguments))
        if arguments is not None and name:
            valid.append(ToolCall(name=name, args=arguments, id=id_))
        else:
            wrong = complaint if name else "a tool call needs the tool's name"
            invalid.append(
                InvalidToolCall(
                    type="invalid_tool_call", name=name or UNNAMED, args=_sound(call.arguments), id=id_, error=wrong
                )
            )
    return valid, invalid


def _arguments(text: str) -> tuple[dict[str, object] | None, str]:
    try:
        value = _sound_value(json.loads(text, parse_constant=_no_number)) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        return None, f"the arguments are not JSON: {_bounded(str(error))}"
    return (value, "") if isinstance(value, dict) else (None, "the arguments are JSON, but no object")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _refusal(pieces: Sequence[AIMessage]) -> str:
    return "".join(str(piece.additional_kwargs.get("refusal") or "") for piece in pieces)


def _counts(told: UsageMetadata | None) -> bool:
    # Some endpoints send the field with zeros; the library does not look at what it holds.
    if told is None:
        return False
    counts: list[object] = [told["input_tokens"], told["output_tokens"]]
    return all(isinstance(count, int) and count >= 0 for count in counts) and told["input_tokens"] > 0


def _sound(text: str) -> str:
    """Text that can be stored anywhere: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _sound_value(value: object) -> object:
    match value:
        case str():
            return _sound(value)
        case list():
            return [_sound_value(inner) for inner in value]
        case dict():
            return {_sound(key): _sound_value(inner) for key, inner in value.items()}
    return value


def _bounded(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= REFUSED_CHARACTERS else f"{line[: REFUSED_CHARACTERS - 1]}…"
