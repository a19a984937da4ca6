"""Conversations that fit: what tools said long ago is replaced by one line, and can be read again."""

import json
from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from watchkeeper.agents.meter import tokens_in, tokens_of

OPENING = 2
"""Messages at the begin that always stay: instructions and briefing."""


def fitted(messages: Sequence[BaseMessage], room: int) -> list[BaseMessage]:
    """The messages in at most `room` tokens, as far as that can be had: old answers shortened, then old turns dropped.

    The opening and the last message stay as they are. An answer of a tool is never without the call that it answers.
    """
    kept = list(messages)
    for place, message in enumerate(kept[:-1]):
        if tokens_of(kept) <= room:
            return kept
        if isinstance(message, ToolMessage):
            kept[place] = shortened(message)
    while tokens_of(kept) > room and len(kept) > OPENING + 1:
        del kept[OPENING : _end_of_turn(kept)]
    return kept


def shortened(message: ToolMessage) -> ToolMessage:
    """What stands in the place of a tool's answer that was seen: its line, which whoever made it keeps as artifact."""
    said = message.artifact if isinstance(message.artifact, str) else "seen, and shortened"
    return ToolMessage(said, tool_call_id=message.tool_call_id)


def tokens_of_tools(tools: Sequence[BaseTool]) -> int:
    """About how many tokens the tools' schemas take."""
    return sum(tokens_in(json.dumps(convert_to_openai_tool(tool))) for tool in tools)


def _end_of_turn(messages: Sequence[BaseMessage]) -> int:
    """Where the oldest turn after the opening ends: its answers go with it, and the last message stays."""
    end = OPENING + 1
    if isinstance(messages[OPENING], AIMessage):
        while end < len(messages) - 1 and isinstance(messages[end], ToolMessage):
            end += 1
    return end
