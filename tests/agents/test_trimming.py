from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from watchkeeper.agents.meter import tokens_of
from watchkeeper.agents.trimming import OPENING, fitted

LONG = "row | row\n" * 100


def turn(number: int) -> list[BaseMessage]:
    call = {"name": "resources", "args": {}, "id": f"c{number}"}
    short = f"e{number}: 9 rows, seen; read_evidence e{number} to see it again"
    return [AIMessage("", tool_calls=[call]), ToolMessage(LONG, tool_call_id=f"c{number}", artifact=short)]


def conversation(turns: int) -> list[BaseMessage]:
    opening = [SystemMessage("be good"), HumanMessage("the briefing")]
    return [*opening, *(message for n in range(turns) for message in turn(n)), HumanMessage("report")]


def test_what_fits_stays_as_it_is():
    messages = conversation(3)
    assert fitted(messages, tokens_of(messages)) == messages


def test_the_oldest_answers_are_shortened_first():
    messages = conversation(4)
    kept = fitted(messages, tokens_of(messages) - 100)
    assert "read_evidence e0" in str(kept[3].content)
    assert [m.content for m in kept if isinstance(m, ToolMessage)][1:] == [LONG] * 3
    assert len(kept) == len(messages)


def test_whole_turns_go_where_shortening_is_not_enough():
    messages = conversation(12)
    room = tokens_of(messages[:OPENING]) + 120
    kept = fitted(messages, room)
    assert tokens_of(kept) <= room
    assert kept[:OPENING] == messages[:OPENING]
    assert kept[-1] == messages[-1]
    assert not isinstance(kept[OPENING], ToolMessage)
    answered = {m.tool_call_id for m in kept if isinstance(m, ToolMessage)}
    assert answered == {call["id"] for m in kept if isinstance(m, AIMessage) for call in m.tool_calls}


def test_the_last_word_is_never_cut():
    messages = conversation(1)
    assert fitted(messages, 1)[-1] == messages[-1]
