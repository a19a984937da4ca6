"""The last steps: findings handed in, judged by code, corrected once, and joined with the rules' diagnosis."""

import json

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from watchkeeper.agents import prompts
from watchkeeper.agents.events import LONGEST, Checked, Claimed, line
from watchkeeper.agents.keeping import kept_json
from watchkeeper.agents.meter import tokens_in
from watchkeeper.agents.nodes import INVESTIGATOR, REFUSED, Run, spent, stopped
from watchkeeper.agents.roles import Role
from watchkeeper.agents.state import Context, State
from watchkeeper.agents.trimming import fitted
from watchkeeper.diagnosis.findings import Findings
from watchkeeper.diagnosis.joining import admitted, join
from watchkeeper.diagnosis.judging import Judged, bench_of, judge
from watchkeeper.domain import Claim, Cost
from watchkeeper.errors import ModelUnavailable
from watchkeeper.evidence.telling import plain

REPORTS = 2
"""How often findings are handed in: once, and once more where something did not hold."""
SCHEMA_ROOM = 1.3
"""A schema is sent with words around it."""
UNKNOWN_COMPONENT = "a component that there is not"
"""What is told of a name that only the model uses."""
FAILED_LINES, FAILED_CHARACTERS = 16, 400


def room_for(context: Context, schema: type[BaseModel]) -> int:
    """Tokens that are left for a conversation beside the schema of its answer."""
    return context.room - int(tokens_in(json.dumps(schema.model_json_schema())) * SCHEMA_ROOM)


def report(state: State, runtime: Run) -> State:
    """The findings of whoever investigated; the second time with what did not hold."""
    context = runtime.context
    role: Role = context.cards[INVESTIGATOR].role if state["graph"] == "single" else "specialist"
    messages = [*_conversation(state, context), HumanMessage(_prompt(state, context))]
    try:
        findings = context.client.structured(role, fitted(messages, room_for(context, Findings)), Findings)
    except ModelUnavailable as error:
        return stopped(error, context)
    text = kept_json(findings, context.clean)
    return {
        "messages": [*messages, AIMessage(text)],
        "findings": text,
        "reports": state["reports"] + 1,
        "spent": spent(context),
    }


def verify(state: State, runtime: Run) -> State:
    """Every claim asked again; of two reports the later counts, unless nothing is left of it."""
    context = runtime.context
    findings = Findings.model_validate_json(state["findings"])
    for proposal in findings.hypotheses:
        claims = len(proposal.claims) + len(proposal.against)
        is_known = proposal.component in context.dossier.components
        component = line(context.clean(proposal.component)) if is_known else UNKNOWN_COMPONENT
        context.tell(Claimed(component=component, fault=proposal.kind, claims=claims))
    judged = judge(findings, context.dossier, context.ledger, context.sources)
    _tell_checked(judged, context)
    made, struck = state.get("claims_made", 0), state.get("claims_struck", 0)
    update: State = {
        "failed": list(judged.failed),
        "claims_made": made + judged.made,
        "claims_struck": struck + judged.made - len(judged.held),
    }
    if judged.hypotheses or not state.get("judged"):
        update["judged"] = kept_json(judged, context.clean)
    return update


def conclude(state: State, runtime: Run) -> State:
    """One diagnosis of the rules' and the model's, with what happened on the way."""
    context = runtime.context
    judged = Judged.model_validate_json(state["judged"]) if state.get("judged") else None
    bench = bench_of(context.dossier, context.ledger, context.sources) if judged is not None else None
    has_findings = judged is not None and bool(admitted(context.dossier.rules, judged).hypotheses)
    notes = notes_of(state, has_findings=has_findings)
    cost = cost_of(context, state)
    diagnosis = join(context.dossier, judged, bench, notes=notes, cost=cost, at=context.dossier.now)
    return {"diagnosis": kept_json(diagnosis, context.clean), "spent": spent(context)}


def notes_of(state: State, *, has_findings: bool) -> tuple[str, ...]:
    """What a reader must know about how the diagnosis came about."""
    told = [text for text in state["trouble"] if not text.startswith(REFUSED) and not _is_said_again(text, state)]
    reasons = [text.removeprefix(REFUSED) for text in state["trouble"] if text.startswith(REFUSED)]
    if refused := state["refused"]:
        were = "was" if refused == 1 else "were"
        told.append(f"{refused} of the model's tool calls {were} refused: {', '.join(reasons)}")
    if state.get("stopped"):
        rest = "what it had claimed was checked before" if has_findings else "this is the rules' diagnosis"
        told.append(f"{state['stopped']}; {rest}")
    elif not has_findings:
        told.append("the model had nothing to add that holds: this is the rules' diagnosis")
    return tuple(told)


def _is_said_again(text: str, state: State) -> bool:
    """Whether the model stopped in the end for the same reason."""
    reason = text[text.find("(") :]
    return reason.startswith("(") and state.get("stopped", "").endswith(reason)


def cost_of(context: Context, state: State) -> Cost:
    """What both sides took; claims are those of all reports, what was corrected counts twice."""
    rules, taken = context.dossier.rules.cost, context.client.spent
    role: Role = "investigator" if state["graph"] == "single" else "specialist"
    return Cost(
        engine="model",
        seconds=round(rules.seconds + taken.seconds, 3),
        queries=sum(entry.asked is not None for entry in context.ledger.evidence),
        calls=taken.calls,
        tokens=taken.tokens,
        usd=taken.usd,
        model=context.client.name_of(role),
        graph=state["graph"],
        claims_made=state.get("claims_made", 0),
        claims_struck=state.get("claims_struck", 0),
    )


def _conversation(state: State, context: Context) -> list[BaseMessage]:
    """The investigator's own; or, where specialists looked, a new one with their notes."""
    if state["reports"] or state["graph"] == "single":
        return state["messages"]
    text = prompts.render("briefing.md", briefing=context.briefing(), question="", notes=state["notes"])
    return [SystemMessage(prompts.render("reporter.md")), HumanMessage(text)]


def _prompt(state: State, context: Context) -> str:
    if not state["reports"]:
        return prompts.render("report.md")
    lines = [plain(text, context.clean, FAILED_CHARACTERS) for text in state["failed"][:FAILED_LINES]]
    return prompts.render("failed.md", failed=lines)


def _tell_checked(judged: Judged, context: Context) -> None:
    for claim in judged.held:
        context.tell(Checked(component=claim.about, claim=_said(claim, context), standing=claim.standing))
    for struck in judged.struck:
        because = line(context.clean(struck.because), LONGEST)
        context.tell(Checked(component=None, claim=_said(struck.claim, context), standing="struck", because=because))


def _said(claim: Claim, context: Context) -> str:
    return line(context.clean(f"{claim.evidence}: {claim.selector} {claim.operator} {claim.value}"))
