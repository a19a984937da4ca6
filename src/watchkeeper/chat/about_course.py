"""How far it reaches and whether it has ended: people counted, services now, usually and at their worst."""

from datetime import datetime, timedelta

from watchkeeper.chat.about_cases import affected, case_for, headline, latest_of
from watchkeeper.chat.inquiry import ONE_STEP, Inquiry
from watchkeeper.chat.replies import quotation, quoted_from
from watchkeeper.chat.wording import served
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.domain import CaseFile, Diagnosis, EvidenceId, Scalar, Window
from watchkeeper.evidence.prose import given, number_of
from watchkeeper.evidence.selectors import select
from watchkeeper.telemetry.sources import RedQuery, UserQuery

LAST_SECONDS, USUAL_SECONDS, STEP_SECONDS = 60.0, 600.0, 10.0
PEOPLE_SECONDS = 900.0
SERVICES = 4


def users(inquiry: Inquiry) -> None:
    """How many people met trouble, by the case's count; where nothing is wrong, how many met a failure lately."""
    _, found = latest_of(inquiry)
    counted = found.scope.users
    if counted is not None and counted.evidence is not None:
        held = {"attribute": counted.attribute}
        met, seen = (
            number_of(counted.evidence, select("first", column, **held), "count") for column in ("affected", "seen")
        )
        inquiry.tell(f"{met} of {seen} users, told apart by {quoted(counted.attribute)}, met {counted.met}.")
    else:
        _people(inquiry, found)
    wanted = inquiry.intent.service
    if wanted is not None:
        is_hit = any(each.service == wanted for each in found.scope.affected)
        own = "" if is_hit else f", and {quoted(wanted)} shows no symptom of its own"
        inquiry.note(f"this counts everybody who met the incident, not those of {quoted(wanted)} alone{own}")
    inquiry.sentences.append(headline(found))
    affected(inquiry, found)


def _people(inquiry: Inquiry, found: Diagnosis) -> None:
    start = found.scope.since or inquiry.desk.now - timedelta(seconds=PEOPLE_SECONDS)
    window = Window(start=min(start, inquiry.desk.now - timedelta(seconds=1)), end=inquiry.desk.now)
    doors = tuple(sorted({each.service for each in found.scope.measured if each.is_entry}))
    number, table = inquiry.ask(
        "How many different people sent requests, and how many of them met a failure?", "traces",
        inquiry.desk.sources.users, UserQuery(window=window, services=doors),
    )  # fmt: skip
    if table is None:
        return
    rows = [row for row in table.to_pylist() if row["seen"]]
    if not rows:
        inquiry.cannot_know(
            "how many users: no request says whose it is (attributes such as enduser.id, user.id, session.id); "
            "what is counted is requests",
            None, number,
        )  # fmt: skip
        return
    most = max(row["requests"] for row in rows)
    attribute = next(row["attribute"] for row in rows if 2 * row["requests"] >= most)
    met, seen = (number_of(number, select("first", c, attribute=attribute), "count") for c in ("affected", "seen"))
    edges = " to ".join(number_of(number, edge, "clock") for edge in ("start()", "end()"))
    inquiry.tell(f"{met} of {seen} users, told apart by {attribute}, met a request that failed, {edges}.")


def over(inquiry: Inquiry) -> None:
    """Whether symptoms still stand out when it is looked again, with the figures now, usually and at the worst."""
    before = _case_to_look_at(inquiry)
    if before is None or before.latest is None:
        _first_look(inquiry)
        return
    trouble = next((each for each in before.diagnoses if each.scope.affected), before.latest)
    inquiry.desk.say("Diagnosing again …")
    looked = inquiry.desk.cases.again(before)
    latest = inquiry.take_up(looked.case).latest
    assert latest is not None, "who diagnoses again adds a diagnosis"
    _judge(inquiry, latest, looked.is_over)
    if trouble.scope.since is not None:
        _course(inquiry, trouble, trouble.scope.since)
    inquiry.sentences += [quoted_from(text, latest.figures) for text in latest.changed]
    inquiry.notes += [quoted_from(note, latest.figures) for note in latest.notes]
    inquiry.notes += [quotation(gap, "gap") for gap in latest.gaps]


def _case_to_look_at(inquiry: Inquiry) -> CaseFile | None:
    """The case of the conversation, else the latest that is kept of these sources, if it is of that service."""
    wanted = inquiry.intent.service or inquiry.conversation.service
    case = inquiry.case or inquiry.desk.cases.kept(None)
    if case is None or case.latest is None:
        return None
    named = {each.service for each in case.latest.scope.affected} | {case.incident.service}
    named |= {each.component for each in case.latest.hypotheses}
    return case if wanted is None or wanted in named else None


def _first_look(inquiry: Inquiry) -> None:
    found = case_for(inquiry).latest
    assert found is not None, "who diagnoses adds a diagnosis"
    if found.status == "nothing-wrong":
        inquiry.tell("No case of it is known here. Now nothing wrong is to be seen: it is over, or was never seen.")
    _judge(inquiry, found, False)
    affected(inquiry, found)
    if found.scope.since is not None:
        _course(inquiry, found, found.scope.since)
    inquiry.notes += [quoted_from(note, found.figures) for note in found.notes]


def _judge(inquiry: Inquiry, latest: Diagnosis, is_over: bool) -> None:
    if is_over or latest.status == "nothing-wrong":
        inquiry.tell("It seems to be over: no symptom stands out any more.")
        if latest.status != "nothing-wrong":
            said = headline(latest)
            inquiry.sentences.append(said.model_copy(update={"text": f"How it was: {said.text}"}))
            return
    elif latest.scope.affected or latest.hypotheses:
        inquiry.tell("It is not over: symptoms still stand out.")
    else:
        inquiry.cannot.append(
            quoted_from(f"whether it is over: {latest.inconclusive_because or latest.headline}", latest.figures)
        )
    inquiry.sentences.append(headline(latest))


def _course(inquiry: Inquiry, trouble: Diagnosis, since: datetime) -> None:
    """Each affected service in the last minute, usually, and in its worst ten seconds."""
    services = tuple(each.service for each in trouble.scope.affected)[:SERVICES]
    now = inquiry.desk.now
    if not services or now <= since:
        return
    last = Window.before(now, min(LAST_SECONDS, (now - since).total_seconds()))
    usual = Window.before(since - timedelta(seconds=STEP_SECONDS), USUAL_SECONDS)
    e_now = _served(inquiry, "How are requests served in the last minute?", last, services)
    e_usual = _served(inquiry, "How were requests served before it began?", usual, services)
    e_worst, _ = inquiry.ask(
        "How were requests served since it began, ten seconds at a time?", "traces", inquiry.desk.sources.red,
        RedQuery(window=Window(start=since, end=now), services=services, step_seconds=STEP_SECONDS),
    )  # fmt: skip
    for service in services:
        worst = (
            number_of(e_worst, select("max", column, service_name=service), unit)
            for column, unit in (("p95_ms", "ms"), ("errors", "count"))
        )
        text = "; at worst within ten seconds: p95 {}, {} failed".format(*worst)
        if inquiry.tell(f"{served(e_now, service, e_usual)}{text}"):
            continue
        fields: dict[str, Scalar] = {"since": since}
        if not inquiry.tell(served(e_now, service)):
            inquiry.cannot_know(
                f"how {quoted(service)} is served now: it reported no request in the last minute "
                f"(the trouble began at {given('since', 'date')})",
                fields, e_now,
            )  # fmt: skip


def _served(inquiry: Inquiry, question: str, window: Window, services: tuple[str, ...]) -> EvidenceId:
    query = RedQuery(window=window, services=services, step_seconds=ONE_STEP)
    number, _ = inquiry.ask(question, "traces", inquiry.desk.sources.red, query)
    inquiry.ledger.read(number, "over the whole window", {})
    return number
