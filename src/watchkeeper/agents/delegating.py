"""The steps of a supervisor: who looks next and at what, and what a specialist wrote down."""

from typing import Annotated, Any, Literal, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from watchkeeper.agents import cards, prompts
from watchkeeper.agents.cards import Cards
from watchkeeper.agents.events import Delegated
from watchkeeper.agents.meter import tokens_of
from watchkeeper.agents.nodes import Run, opened, spent, stopped
from watchkeeper.agents.reporting import room_for
from watchkeeper.agents.state import Context, SpecialistNote, State
from watchkeeper.agents.trimming import fitted
from watchkeeper.errors import ModelUnavailable, ReplyRejected
from watchkeeper.evidence.telling import plain

SUPERVISOR = "supervisor"
REPORT = "report"
NOTES_LINES, NOTES_WIDEST = 12, 600
QUESTION = 600
"""Characters of a question to a specialist."""
CALLS_OF_A_SPECIALIST = 4
"""Calls that must be left to send one: the choice, a turn, its notes, and the report."""


class Choice(BaseModel):
    """What a supervisor decides."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    next: str = Field(description="The specialist who looks next, or `report` when the findings can be written.")
    question: Annotated[str, StringConstraints(max_length=QUESTION)] = Field(
        default="", description="One precise question to the specialist."
    )


def choice_of(known: Cards) -> type[Choice]:
    """The choice among these specialists; another name does not fit."""
    names = (*(card.name for card in cards.specialists(known)), REPORT)
    field: Any = (Literal[names], Choice.model_fields["next"])
    return cast(type[Choice], create_model("Choice", __base__=Choice, next=field))


def supervise(state: State, runtime: Run) -> State:
    """Whoever looks next begins anew, with the briefing and one question."""
    context = runtime.context
    card, schema = context.cards[SUPERVISOR], choice_of(context.cards)
    messages = told(state, context, prompts.render(card.prompt, turns=card.limits.turns, specialists=_listed(context)))
    if not context.can_afford(CALLS_OF_A_SPECIALIST, tokens_of(messages)):
        return {"agent": REPORT}
    try:
        choice = context.client.structured(card.role, fitted(messages, room_for(context, schema)), schema)
    except ReplyRejected:
        # Whom to ask is a question of taste: what is known so far can be reported.
        return {"agent": REPORT, "spent": spent(context)}
    except ModelUnavailable as error:
        return {"agent": REPORT, **stopped(error, context)}
    if choice.next == REPORT:
        return {"agent": REPORT, "spent": spent(context)}
    context.tell(Delegated(specialist=choice.next))
    begun = opened(context, choice.next, plain(choice.question, context.clean, QUESTION))
    return {**begun, "delegated": [*state["delegated"], choice.next], "spent": spent(context)}


def note(state: State, runtime: Run) -> State:
    """What the specialist found out: its last reply, or what it writes when asked for it."""
    context, last = runtime.context, state["messages"][-1]
    if not (isinstance(last, AIMessage) and last.text and not last.tool_calls):
        wanted = [*state["messages"], HumanMessage(prompts.render("notes.md"))]
        card = context.cards[state["agent"]]
        try:
            last = context.client.reply(card.role, fitted(wanted, context.room))
        except ReplyRejected:
            last = AIMessage("(no notes)")
        except ModelUnavailable as error:
            return stopped(error, context)
    lines = [plain(each, context.clean, NOTES_WIDEST) for each in str(last.text).splitlines() if each.strip()]
    written = SpecialistNote(agent=state["agent"], text="\n".join(lines[:NOTES_LINES]))
    return {"notes": [*state["notes"], written], "messages": [], "spent": spent(context)}


def told(state: State, context: Context, system: str) -> list[BaseMessage]:
    """A conversation that begins with the briefing and what the specialists wrote down."""
    text = prompts.render("briefing.md", briefing=context.briefing(), question="", notes=state["notes"])
    return [SystemMessage(system), HumanMessage(text)]


def _listed(context: Context) -> list[cards.Card]:
    return list(cards.specialists(context.cards))
