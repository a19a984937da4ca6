"""One question answered: understood, asked back where something must be known first, else told with its evidence."""

from collections.abc import Callable
from datetime import timedelta

from watchkeeper.chat import about_cases, about_course, about_telemetry
from watchkeeper.chat.conversation import Conversation
from watchkeeper.chat.desk import Desk
from watchkeeper.chat.inquiry import Inquiry, extent_of
from watchkeeper.chat.intents import Intent, Kind
from watchkeeper.chat.replies import Reply, quotation
from watchkeeper.chat.understanding import LONGEST, Context, Rules
from watchkeeper.chat.wording import ASKABLE, taken_as
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.domain import Noun, Scalar, Window
from watchkeeper.errors import ModelUnavailable
from watchkeeper.evidence.prose import given

SHOWN_NAMES = 12
MOST_EVIDENCE = 400
"""Pieces of evidence to which questions add to a case; beyond that they stay with their answers."""
SENTENCES = 8
"""Sentences of a model that are taken."""


class Turn(Noun):
    """One answer, and the conversation after it."""

    reply: Reply
    conversation: Conversation


def answer(question: str, conversation: Conversation, desk: Desk, service: str | None = None) -> Turn:
    """Answer one question; `service` is the one meant where the question names none.

    Raises QueryRejected for a case that is not there, SourceUnavailable where nothing at all can be asked, and what
    a diagnosis raises. What single sources do not answer is said in the reply.
    """
    desk.say("Looking at what telemetry there is …")
    extent = extent_of(desk)
    inquiry = Inquiry(question[:LONGEST], desk, conversation, extent)
    if conversation.case_id is not None:
        inquiry.case = desk.cases.kept(conversation.case_id)
    inquiry.intent = _understood(inquiry, service)
    if not (_asks_who(inquiry) or _asks_when(inquiry)):
        _ANSWERS[inquiry.intent.kind](inquiry)
    if desk.is_recording and inquiry.intent.kind not in ("help", "unclear", "owner"):
        fields: dict[str, Scalar] = {"now": desk.now}
        last = inquiry.extent.last
        where = "asked as if it was" if last is not None and desk.now < last else "now is the end of the recording,"
        inquiry.note(f"{where} {given('now', 'date')}", fields)
    kept = _kept(inquiry)
    reply = _told(inquiry, inquiry.reply(taken_as(inquiry)))
    return Turn(reply=reply, conversation=conversation.after(reply, () if kept else inquiry.gathered))


def _understood(inquiry: Inquiry, service: str | None) -> Intent:
    desk, talk = inquiry.desk, inquiry.conversation
    known = tuple(sorted({*inquiry.extent.services, *desk.catalogue.services}))
    context = Context(desk.now, desk.zone, talk.kind, talk.pending, talk.case_id is not None)
    found = _by_model(inquiry, known, context) or Rules().understand(inquiry.question, known, context)
    if found.service is not None and found.service not in known:
        found = found.model_copy(update={"service": None, "typed": found.service[:120], "missing": ("service",)})
    is_open = found.service is None and not found.candidates and "service" not in found.missing
    if is_open and service is not None:
        found = (
            Rules()
            .understand(f"service {service}", known, Context(desk.now))
            .model_copy(
                update=found.model_dump(include={"kind", "since", "until", "paper", "evidence"})
                | {"compare_to": found.compare_to, "missing": found.missing}
            )
        )
        is_known = found.service is not None or found.candidates
        missing = found.missing if is_known else (*found.missing, "service")
        found = found.model_copy(update={"missing": missing, "typed": found.typed or service[:120]})
        found = found.model_copy(update={"typed": None}) if found.typed == found.service else found
    elif is_open and found.kind in ("status", "owner"):
        found = found.model_copy(update={"service": talk.service})
    return found


def _by_model(inquiry: Inquiry, known: tuple[str, ...], context: Context) -> Intent | None:
    understanding = inquiry.desk.understanding
    if understanding is None:
        return None
    try:
        found = understanding.understand(inquiry.question, known, context)
    except ModelUnavailable as error:
        text = f"what is meant was left to the rules, without the model: {error}"
        inquiry.notes.append(quotation(text, "message"))
        return None
    if found is None:
        inquiry.note("the model could not tell what is meant: rules understood it")
    return found


def _asks_who(inquiry: Inquiry) -> bool:
    """Whether it had to be asked back which service is meant."""
    intent, extent = inquiry.intent, inquiry.extent
    if intent.kind in ("help", "evidence"):
        return False
    names = ", ".join(quoted(name) for name in intent.candidates)
    if "service" in intent.missing:
        known = tuple(quoted(n) for n in dict.fromkeys((*extent.services, *inquiry.desk.catalogue.services)))
        inquiry.cannot_know(f"there is no service “{quoted(intent.typed or '')}” in this telemetry or the catalogue")
        more = " …" if len(known) > SHOWN_NAMES else ""
        there = f"There is: {', '.join(known[:SHOWN_NAMES])}{more}. " if known else ""
        inquiry.ask_back(f"Did you mean {names}? {there}" if names else f"{there}Which one do you mean?")
        return True
    if intent.candidates:
        inquiry.ask_back(f"Which one do you mean: {names}?")
        return True
    return False


_TIMED = ("cause", "compare", "users", "over", "status", "changes")


def _asks_when(inquiry: Inquiry) -> bool:
    """Whether it had to be asked back which time is meant, as there is none or no telemetry of it."""
    intent, extent, now = inquiry.intent, inquiry.extent, inquiry.desk.now
    if intent.kind not in _TIMED:
        return False
    if "time" in intent.missing:
        inquiry.cannot_know("which time is meant: what was typed is none")
        inquiry.ask_back("Since when? Such as `since noon`, `in the last hour`, or a time of the day with its zone.")
        return True
    if intent.kind in ("compare", "changes") and extent.first is not None:
        return False
    start, end = intent.since or intent.until, intent.until or now
    if extent.first is None or (start is not None and not extent.overlaps(start, end)):
        window = Window(start=start or now, end=max(end, (start or now) + timedelta(seconds=1)))
        about_telemetry.no_telemetry(inquiry, window)
        return True
    return False


def owner(inquiry: Inquiry) -> None:
    """Who owns a service, by the catalogue; telemetry does not say."""
    name = inquiry.intent.service
    if name is None:
        inquiry.ask_back("Who owns which service?")
        return
    known = inquiry.desk.catalogue.service(name)
    told = {"owner": known.owner, "team": known.team, "channels": ", ".join(known.channels), "code": known.repository}
    fields: dict[str, Scalar] = {key: value for key, value in told.items() if value}
    if fields:
        text = "; ".join(f"{key}: {given(key, 'text')}" for key in fields)
        inquiry.tell(f"{quoted(name)}, by the service catalogue: {text}", fields)
        return
    inquiry.cannot_know(f"who owns {quoted(name)}: the service catalogue (config/services.yaml) does not say")
    assignment = inquiry.case.assignment if inquiry.case is not None else None
    if assignment is not None:
        inquiry.tell(f"The case goes to {given('team', 'text')}, by its route.", {"team": assignment.team})


def guide(inquiry: Inquiry) -> None:
    """What can be asked."""
    example = next(iter(inquiry.extent.services), None)
    inquiry.tell("What can be asked, in words such as these:")
    for each in ASKABLE:
        inquiry.tell(f"- {each}")
    if example is not None:
        names = ", ".join(quoted(name) for name in inquiry.extent.services[:SHOWN_NAMES])
        inquiry.tell(f"The services that report here: {names}")


def unclear(inquiry: Inquiry) -> None:
    """Ask what is wanted, and say what can be."""
    guide(inquiry)
    inquiry.ask_back("What do you want to know?")


_ANSWERS: dict[Kind, Callable[[Inquiry], None]] = {
    "cause": about_cases.cause,
    "changes": about_telemetry.changes,
    "compare": about_telemetry.compare,
    "users": about_course.users,
    "over": about_course.over,
    "draft": about_cases.draft,
    "next": about_cases.next_steps,
    "evidence": about_cases.evidence,
    "runbook": about_cases.runbook,
    "status": about_telemetry.status,
    "owner": owner,
    "help": guide,
    "unclear": unclear,
}


def _kept(inquiry: Inquiry) -> bool:
    """Whether the case has what was asked for this answer: a case keeps its evidence, up to a bound."""
    case, gathered = inquiry.case, inquiry.gathered
    if case is None or not gathered:
        return case is not None
    if len(case.evidence) + len(gathered) > MOST_EVIDENCE:
        inquiry.note("the case has as much evidence as it takes: what this answer asked is kept with it only")
        return False
    kept = inquiry.desk.cases.keep(case.model_copy(update={"evidence": (*case.evidence, *gathered)}))
    queries = {entry.id: entry.query for entry in kept.evidence}
    if any(queries.get(entry.id) != entry.query for entry in gathered):
        inquiry.note("somebody else added to the case meanwhile: the numbers of evidence here are those of this answer")
    return True


def _told(inquiry: Inquiry, reply: Reply) -> Reply:
    """The reply with a model's sentences above its own, where they can be filled; the evidence stays the same."""
    teller = inquiry.desk.teller
    if teller is None or not reply.sentences:
        return reply
    try:
        templates = tuple(teller.tell(inquiry.question, reply, inquiry.ledger))[:SENTENCES]
    except ModelUnavailable as error:
        note = quotation(f"told by rules: {error}", "message")
        return reply.model_copy(update={"notes": (*reply.notes, note)})
    if not templates:
        return reply
    cited = tuple(entry.id for entry in reply.evidence)
    made = (inquiry.made(template, None, *()) if template.strip() else None for template in templates)
    sentences = tuple(said for said in made if said is not None and said.evidence)
    if not sentences:
        note = quotation("told by rules: no sentence of the model has all its numbers from the evidence", "message")
        return reply.model_copy(update={"notes": (*reply.notes, note)})
    used = {e for said in sentences for e in said.evidence} | set(cited)
    evidence = tuple(entry for entry in inquiry.ledger.evidence if entry.id in used)
    told = {each.text for each in sentences}
    kept = tuple(each for each in reply.sentences if each.text not in told)
    return reply.model_copy(update={"sentences": (*sentences, *kept), "engine": "model", "evidence": evidence})
