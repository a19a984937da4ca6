"""Structured answers: asked for by schema, by a tool or in words, whichever the endpoint understands."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel

from watchkeeper.agents.failures import Failure
from watchkeeper.agents.schemas import DoesNotFit, NotJson, fitted, is_expressible_strictly, read, schema_of
from watchkeeper.agents.ways import Mode, Way, mode_of
from watchkeeper.errors import ReplyRejected

M = TypeVar("M", bound=BaseModel)
Ask = Callable[[Sequence[BaseMessage], Mapping[str, Any]], AIMessage]
"""One model call with these options."""

IN_WORDS = "Answer with one JSON object and nothing else. It must fit this JSON schema:\n{schema}"
AGAIN = "That does not fit what was asked for:\n{complaint}\nAnswer again, with the whole object and nothing else."
SHOWN_CHARACTERS = 4000
"""How much of an answer that does not fit is shown to the model again."""


@dataclass(frozen=True)
class Question(Generic[M]):
    """What is to be answered with a value of the schema."""

    ask: Ask
    messages: Sequence[BaseMessage]
    schema: type[M]
    is_repaired: bool = True
    """Whether an answer that does not fit is shown to the model once."""


def answered(question: Question[M], ways: Sequence[Way], is_known: bool = False) -> tuple[M, Way]:
    """The answer, and the way that brought it: the first that the endpoint does not refuse and the model follows.

    `is_known`: the first way has worked before; a poor answer to it is the model's, not the way's. Raises
    ReplyRejected where the answer does not fit even when shown what is wrong, ModelUnavailable.
    """
    possible = [way for way in ways if way != "schema-strict" or is_expressible_strictly(question.schema)]
    unheeded: set[Mode] = set()
    for number, way in enumerate(possible):
        if mode_of(way) in unheeded:
            continue
        is_last = number == len(possible) - 1
        is_only = all(mode_of(each) in {*unheeded, mode_of(way)} for each in possible[number + 1 :])
        try:
            return _by(way, question, is_sure=is_only or (is_known and number == 0)), way
        except _Unheeded:
            unheeded.add(mode_of(way))
        except Failure as error:
            if is_last or not error.is_not_understood:
                raise
    raise ReplyRejected("the model's reply does not fit what was asked for, in whichever way it is asked")


class _Unheeded(Exception):
    """The reply does not fit, perhaps because the endpoint took no notice of the schema."""


def _by(way: Way, question: Question[M], is_sure: bool) -> M:
    """One question in one way; where the way is sure to be understood, with one more try."""
    messages, options = _phrased(way, question)
    reply = question.ask(messages, options)
    try:
        return _value(reply, question.schema)
    except (NotJson, DoesNotFit) as error:
        if not is_sure:
            raise _Unheeded from None
        if not question.is_repaired:
            raise _rejected(error) from None
        complaint = str(error)
    shown = _as_text(reply)[:SHOWN_CHARACTERS] or "(nothing)"
    again = [*messages, AIMessage(shown), HumanMessage(AGAIN.format(complaint=complaint))]
    try:
        return _value(question.ask(again, options), question.schema)
    except (NotJson, DoesNotFit) as error:
        raise _rejected(error) from None


def _rejected(error: ValueError) -> ReplyRejected:
    return ReplyRejected(f"the model's reply does not fit what was asked for: {'; '.join(str(error).splitlines())}")


def _phrased(way: Way, question: Question[M]) -> tuple[list[BaseMessage], dict[str, Any]]:
    name, is_strict = question.schema.__name__, way == "schema-strict"
    schema = schema_of(question.schema, is_strict)
    messages = list(question.messages)
    if way in ("schema-strict", "schema"):
        described = {"name": name, "schema": schema} | ({"strict": True} if is_strict else {})
        return messages, {"extra_body": {"response_format": {"type": "json_schema", "json_schema": described}}}
    if way in ("tool-forced", "tool"):
        described = {"name": name, "description": f"Hand in the answer: {name}.", "parameters": schema}
        options: dict[str, Any] = {"tools": [{"type": "function", "function": described}]}
        if way == "tool-forced":
            return messages, options | {"tool_choice": {"type": "function", "function": {"name": name}}}
        return [*messages, HumanMessage(f"Answer by calling the tool {name}.")], options
    words = IN_WORDS.format(schema=json.dumps(schema, separators=(",", ":"), ensure_ascii=False))
    if messages and isinstance(messages[-1], HumanMessage):
        return [*messages[:-1], HumanMessage(f"{messages[-1].text}\n\n{words}")], {}
    return [*messages, HumanMessage(words)], {}


def _value(reply: AIMessage, schema: type[M]) -> M:
    for call in reply.tool_calls:
        if call["name"] == schema.__name__:
            return fitted(call["args"], schema)
    text = _as_text(reply)
    if not text:
        raise NotJson("the model answered nothing")
    return read(text, schema)


def _as_text(reply: AIMessage) -> str:
    called = [json.dumps(call["args"]) for call in reply.tool_calls]
    return "\n".join([str(reply.text), *called, *(call["args"] or "" for call in reply.invalid_tool_calls)]).strip()
