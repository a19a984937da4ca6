"""How an investigation goes on, on one page: brief → think ⇄ act → report ⇄ verify → conclude, or with specialists."""

from typing import Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from watchkeeper.agents.delegating import REPORT, SUPERVISOR, note, supervise
from watchkeeper.agents.nodes import Run, act, brief, think
from watchkeeper.agents.reporting import REPORTS, conclude, report, room_for, verify
from watchkeeper.agents.state import Context, Input, State
from watchkeeper.diagnosis.findings import Findings

Graph = CompiledStateGraph[State, Context, Input, State]


def graph_of(saver: BaseCheckpointSaver[str] | None = None) -> Graph:
    """The graph of both kinds; `Input.graph` says which way it goes. A checkpoint follows each step."""
    graph = StateGraph(State, context_schema=Context, input_schema=Input, output_schema=State)
    for step in (brief, supervise, think, act, note, report, verify, conclude):
        graph.add_node(step)
    graph.add_edge(START, "brief")
    graph.add_conditional_edges("brief", after_brief)
    graph.add_conditional_edges("supervise", after_supervise)
    graph.add_conditional_edges("think", after_think)
    graph.add_conditional_edges("act", after_act)
    graph.add_conditional_edges("note", after_note)
    graph.add_conditional_edges("report", after_report)
    graph.add_conditional_edges("verify", after_verify)
    graph.add_edge("conclude", END)
    return graph.compile(checkpointer=saver)


def after_brief(state: State) -> Literal["think", "supervise"]:
    """Who begins."""
    return "think" if state["graph"] == "single" else "supervise"


def after_supervise(state: State) -> Literal["think", "report", "conclude"]:
    """A specialist looks, or it is enough."""
    if state["stopped"]:
        return "conclude"
    return "report" if state["agent"] == REPORT else "think"


def after_think(state: State) -> Literal["act", "note", "report", "conclude"]:
    """Tools were asked for; or nothing more is, and it is written down."""
    if state["stopped"]:
        return "conclude"
    last = state["messages"][-1]
    wants = bool(getattr(last, "tool_calls", None) or getattr(last, "invalid_tool_calls", None))
    return "act" if wants and not state["is_over"] else _done(state)


def after_act(state: State) -> Literal["think", "note", "report"]:
    """A further turn, unless there is none left."""
    return _done(state) if state["is_over"] else "think"


def after_note(state: State, runtime: Run) -> Literal["supervise", "report", "conclude"]:
    """The supervisor chooses again, as often as its card says."""
    if state["stopped"]:
        return "conclude"
    most = runtime.context.cards[SUPERVISOR].limits.turns
    return "report" if len(state["delegated"]) >= most else "supervise"


def after_report(state: State) -> Literal["verify", "conclude"]:
    """Findings are verified."""
    return "conclude" if state["stopped"] else "verify"


def after_verify(state: State, runtime: Run) -> Literal["report", "conclude"]:
    """What does not hold goes back once, if a call is left."""
    may_correct = state["reports"] < REPORTS and runtime.context.can_afford(1, room_for(runtime.context, Findings))
    return "report" if state["failed"] and may_correct else "conclude"


def _done(state: State) -> Literal["note", "report"]:
    return "report" if state["graph"] == "single" else "note"
