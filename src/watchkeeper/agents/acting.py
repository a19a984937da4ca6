"""Tools called as a model asks for them: what makes no sense is answered in one sentence, repetition ends."""

import json
import re
from dataclasses import dataclass, field

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall, ToolMessage
from langchain_core.tools import BaseTool

from watchkeeper.agents.events import AskedFor, Found, line
from watchkeeper.agents.state import Context
from watchkeeper.domain import Evidence
from watchkeeper.errors import KnowledgeUnavailable, QueryRejected, SourceUnavailable
from watchkeeper.evidence.telling import plain

AT_ONCE = 8
"""Calls of one reply that are carried out."""
TOLD_AT, ENDS_AT = 3, 4
"""The same call so often is answered with a hint; and ends the turns of whoever asks."""
MOST_FAULTS = 5
"""Calls in a row that make no sense and end the turns of whoever asks."""
ARGUMENTS, REFUSAL = 200, 400
"""Characters of arguments that are told in an event, and of a refusal."""
AGAIN = "You asked just this before and would get the same answer: ask something else, or hand in what you know."
ENOUGH = "The same again: there are no further tools. Hand in what you know."
_NUMBER = re.compile(r"e\d+(?= ·)")
SHORT = "{id}: {rows} rows, seen; read_evidence {id} to see it again"
"""What later stands for what was told."""
SEEN = "seen, and shortened; call it again to see it"
LOOPED = "the model asked the same over and over, and was asked for its findings instead"
ASTRAY = "the model's calls of tools made no sense over and over, and it was asked for its findings instead"
TOO_MANY = f"Not carried out: more than {AT_ONCE} calls at once."


@dataclass
class Desk:
    """The tools of one agent, and how it went so far."""

    context: Context
    agent: str
    tools: dict[str, BaseTool]
    tried: dict[str, int] = field(default_factory=dict)
    faults: int = 0
    """In a row."""
    refused: int = 0
    """In all."""
    ended_because: str = ""
    """Why the agent gets no further turn; empty while it does."""

    def answers(self, reply: AIMessage) -> list[ToolMessage]:
        """One answer to each call of the reply, in its order."""
        done = [self._answer(call) for call in reply.tool_calls[:AT_ONCE]]
        left = [_message(call, TOO_MANY, TOO_MANY) for call in reply.tool_calls[AT_ONCE:]]
        return [*done, *left, *(self._unreadable(call) for call in reply.invalid_tool_calls)]

    def _answer(self, call: ToolCall) -> ToolMessage:
        name, arguments = call["name"], call["args"]
        spelled = json.dumps(arguments, sort_keys=True, ensure_ascii=False, default=str)
        clean = self.context.clean
        shown = line(clean(spelled), ARGUMENTS)
        self.context.tell(AskedFor(agent=self.agent, tool=line(clean(name), ARGUMENTS), arguments=shown))
        times = self.tried[f"{name} {spelled}"] = self.tried.get(f"{name} {spelled}", 0) + 1
        if times >= TOLD_AT:
            self.ended_because = LOOPED if times >= ENDS_AT else self.ended_because
            said = ENOUGH if times >= ENDS_AT else AGAIN
            return _message(call, said, said)
        before = len(self.context.ledger.evidence)
        try:
            text = self._called(name, arguments)
        except (QueryRejected, KnowledgeUnavailable, SourceUnavailable) as error:
            return self._refused(call, str(error))
        self.faults = 0
        number = _NUMBER.match(text)
        answered = self.context.ledger.entry(number[0]) if number is not None else None
        added = [entry for entry in self.context.ledger.evidence[before:] if entry is not answered]
        for entry in (*added, *([answered] if answered else [])):
            self._tell_found(entry)
        return _message(call, text, SHORT.format(id=answered.id, rows=answered.rows.total) if answered else SEEN)

    def _called(self, name: str, arguments: dict[str, object]) -> str:
        tool = self.tools.get(name)
        if tool is None:
            raise QueryRejected(f"there is no tool {name[:60]!r} (known: {', '.join(self.tools)})")
        return str(tool.invoke(arguments))

    def _unreadable(self, call: InvalidToolCall) -> ToolMessage:
        self.context.tell(AskedFor(agent=self.agent, tool=line(call["name"] or "?", ARGUMENTS), arguments="unreadable"))
        return self._refused(call, "the arguments are not valid JSON: give one object with the tool's parameters")

    def _refused(self, call: ToolCall | InvalidToolCall, because: str) -> ToolMessage:
        self.faults, self.refused = self.faults + 1, self.refused + 1
        self.ended_because = ASTRAY if self.faults >= MOST_FAULTS else self.ended_because
        said = f"Not carried out: {plain(because, self.context.clean, REFUSAL)}"
        return _message(call, said, said)

    def _tell_found(self, entry: Evidence) -> None:
        question = line(self.context.clean(entry.question))
        self.context.tell(Found(evidence=entry.id, question=question, status=entry.status, rows=entry.rows.total))


def _message(call: ToolCall | InvalidToolCall, text: str, short: str) -> ToolMessage:
    return ToolMessage(text, tool_call_id=call["id"] or "", artifact=short)
