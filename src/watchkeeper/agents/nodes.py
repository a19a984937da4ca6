"""The steps of an agent with tools: each asks a model at most once, so that a checkpoint follows every call."""

from collections.abc import Collection, Sequence

from langchain_core.messages import AIMessage, HumanMessage, InvalidToolCall, SystemMessage, ToolCall
from langgraph.runtime import Runtime

from watchkeeper.agents import prompts
from watchkeeper.agents.acting import AT_ONCE, Desk
from watchkeeper.agents.events import Trouble, line
from watchkeeper.agents.keeping import kept_json
from watchkeeper.agents.meter import tokens_of
from watchkeeper.agents.outbound import cleaned
from watchkeeper.agents.state import Context, State
from watchkeeper.agents.trimming import fitted, tokens_of_tools
from watchkeeper.errors import BudgetSpent, ModelUnavailable, ReplyRejected

INVESTIGATOR = "investigator"
RESERVE = 2
"""Calls that must be left for a further turn: itself, and the report."""
CURTAILED = "the budget left the model no further turn, and it was asked for its findings"
REFUSED = "the model's call of a tool was refused: "
UNKNOWN, UNREADABLE, UNFIT = "a tool that there is not", "arguments that are no JSON", "arguments that fit nothing here"
Run = Runtime[Context]


def brief(state: State, runtime: Run) -> State:
    """What the investigator is told first; a supervisor's briefing is made anew for each choice."""
    fresh: State = {"delegated": [], "notes": [], "evidence": [], "reports": 0, "refused": 0, "stopped": ""}
    if state["graph"] == "specialists":
        return fresh
    return {**fresh, **opened(runtime.context, INVESTIGATOR)}


def opened(context: Context, agent: str, question: str = "") -> State:
    """A conversation that begins with the agent's card and the briefing."""
    card = context.cards[agent]
    system = prompts.render(card.prompt, turns=card.limits.turns)
    told = prompts.render("briefing.md", briefing=context.briefing(), question=question, notes=[])
    return {
        "agent": agent,
        "turns": 0,
        "tried": {},
        "faults": 0,
        "is_over": False,
        "messages": [SystemMessage(system), HumanMessage(told)],
    }


def think(state: State, runtime: Run) -> State:
    """One reply of whoever is at work, with tools; a reply that makes no sense is the last one."""
    context = runtime.context
    card = context.cards[state["agent"]]
    tools = context.tools_of(card)
    messages = fitted(state["messages"], context.room - tokens_of_tools(tools))
    try:
        reply = context.client.reply(card.role, messages, tools)
    except ReplyRejected as error:
        return {**troubled([said(error, context)], state, context), "is_over": True}
    except ModelUnavailable as error:
        return stopped(error, context)
    turns = state["turns"] + 1
    return {
        "messages": [*state["messages"], kept(reply, context, turns)],
        "turns": turns,
        "spent": spent(context),
    }


def act(state: State, runtime: Run) -> State:
    """The tools that the last reply asked for."""
    context, reply = runtime.context, state["messages"][-1]
    assert isinstance(reply, AIMessage), "tools answer a reply"
    card = context.cards[state["agent"]]
    tools = {tool.name: tool for tool in context.tools_of(card)}
    before = len(context.ledger.evidence)
    desk = Desk(context, card.name, tools, dict(state["tried"]), state["faults"], state["refused"])
    answers = desk.answers(reply)
    added = [kept_json(entry, context.clean) for entry in context.ledger.evidence[before:]]
    messages = [*state["messages"], *answers]
    needed = tokens_of(messages) + tokens_of_tools(list(tools.values()))
    is_affordable = context.can_afford(RESERVE, min(context.room, needed))
    because = desk.ended_because or ("" if is_affordable else CURTAILED)
    told = [REFUSED + why for why in refusals(reply, tools.keys(), desk.refused - state["refused"])]
    told += [because] if because else []
    update: State = {
        "messages": messages,
        "tried": desk.tried,
        "faults": desk.faults,
        "refused": desk.refused,
        "is_over": bool(because) or state["turns"] >= card.limits.turns,
        "evidence": [*state["evidence"], *added],
    }
    return {**update, **troubled(told, state, context)}


def refusals(reply: AIMessage, known: Collection[str], count: int) -> list[str]:
    """Why so many of its calls were refused, each reason once; in words of ours, for what was asked for is not ours."""
    unknown = sum(call["name"] not in known for call in reply.tool_calls[:AT_ONCE])
    unreadable = len(reply.invalid_tool_calls)
    counted = {UNKNOWN: unknown, UNREADABLE: unreadable, UNFIT: count - unknown - unreadable}
    return [why for why, times in counted.items() if times > 0]


def kept(reply: AIMessage, context: Context, turn: int) -> AIMessage:
    """The reply without secrets and without what only a library needs; every call has an id."""
    first = cleaned([reply], context.clean)[0]
    assert isinstance(first, AIMessage), "a reply stays one"
    named = [(call, call["id"] or f"call-{turn}-{place}") for place, call in enumerate(first.tool_calls)]
    # Redaction puts calls whose arguments cannot be read behind the others, as calls.
    count = len(reply.tool_calls)
    return AIMessage(
        first.content,
        tool_calls=[ToolCall(name=call["name"], args=call["args"], id=number) for call, number in named[:count]],
        invalid_tool_calls=[
            InvalidToolCall(type="invalid_tool_call", name=call["name"], args=str(call["args"]), id=number, error=None)
            for call, number in named[count:]
        ],
    )


def stopped(error: ModelUnavailable, context: Context) -> State:
    """The model is not asked any more."""
    because = said(error, context)
    context.tell(Trouble(text=line(because)))
    return {"stopped": because, "spent": spent(context)}


def troubled(texts: Sequence[str], state: State, context: Context) -> State:
    """What a reader of the diagnosis is told, each only once; the investigation goes on."""
    fresh = [text for text in texts if text not in state["trouble"]]
    for text in fresh:
        context.tell(Trouble(text=line(text)))
    return {"trouble": [*state["trouble"], *fresh], "spent": spent(context)}


def said(error: ModelUnavailable, context: Context) -> str:
    """What happened, in the words of a note."""
    calls = context.client.spent.calls
    how = "the model stopped answering" if calls else "the model gave no answer"
    if isinstance(error, BudgetSpent):
        how = "the model could be asked no further" if calls else "the model could not be asked"
    elif isinstance(error, ReplyRejected):
        how = "the model's reply could not be used"
    after = f" after {calls} {'call' if calls == 1 else 'calls'}" if calls else ""
    return f"{how}{after} ({reason_of(str(error), context)})"


def reason_of(text: str, context: Context) -> str:
    """What an error says, redacted and on one line; it stands in parentheses, so without a full stop."""
    return line(context.clean(text)).rstrip(".")


def spent(context: Context) -> dict[str, float]:
    """What was spent, as a checkpoint keeps it."""
    return context.client.spent.model_dump()
