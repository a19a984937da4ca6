"""Which case an answer is taken from, and what it answers alone: cause, next steps, runbook, draft, evidence."""

from datetime import timedelta

from watchkeeper.chat.inquiry import Inquiry
from watchkeeper.chat.replies import Said, quotation, quoted_from
from watchkeeper.chat.wording import served
from watchkeeper.diagnosis.conclude import NO_CHANGE
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.domain import CaseFile, Diagnosis, EvidenceId, Hypothesis
from watchkeeper.drafts.writing import name_of
from watchkeeper.errors import QueryRejected
from watchkeeper.evidence.prose import number_of

STALE = timedelta(minutes=2)
"""A live case that was diagnosed longer ago is diagnosed again before it is told."""
CLAIMS, AFFECTED, SUSPECTS = 3, 4, 3
WHOLE = "over the whole window"


def case_for(inquiry: Inquiry) -> CaseFile:
    """The case of the conversation where the question is about the same, else a new one. Raises what Cases raises."""
    intent = inquiry.intent
    known = inquiry.case
    if known is not None and known.latest is not None and intent.since is None and intent.until is None:
        is_same = intent.service is None or intent.service in _named(known, known.latest)
        if is_same:
            is_old = not inquiry.desk.is_recording and inquiry.desk.now - known.latest.at > STALE
            return inquiry.take_up(inquiry.desk.cases.again(known).case) if is_old else known
    inquiry.desk.say("Diagnosing …")
    service = intent.service or (inquiry.conversation.service if known is None else None)
    return inquiry.take_up(inquiry.desk.cases.diagnose(service, inquiry.moment()))


def _named(case: CaseFile, diagnosis: Diagnosis) -> set[str]:
    """Services that a case speaks of."""
    named = {each.service for each in diagnosis.scope.affected} | {each.component for each in diagnosis.hypotheses}
    return named | {signal.service for signal in case.incident.signals if signal.service}


def latest_of(inquiry: Inquiry) -> tuple[CaseFile, Diagnosis]:
    """The case to answer from, and what was concluded last in it; raises QueryRejected where nothing was."""
    case = case_for(inquiry)
    if case.latest is None:
        raise QueryRejected(f"{case.incident.id} has not been diagnosed yet")
    return case, case.latest


def cause(inquiry: Inquiry) -> None:
    """What is wrong, since when, why, which change did it, who is affected; or why that cannot be told."""
    _, found = latest_of(inquiry)
    inquiry.sentences.append(headline(found))
    if found.status == "inconclusive":
        inquiry.cannot.append(quoted_from(found.inconclusive_because or found.headline, found.figures))
    for hypothesis in found.hypotheses[:1]:
        inquiry.sentences += [_claim(hypothesis, place) for place in range(min(CLAIMS, len(hypothesis.claims)))]
    if found.status != "nothing-wrong":
        change = found.release.change
        innocent = (
            "No release is known to have caused it" if found.release.reason == NO_CHANGE else "No release caused it"
        )
        verdict = {"caused": "A release caused it", "not-release-related": innocent}
        text = f"{verdict.get(found.release.status, 'Whether a release caused it is undetermined')}: "
        reason = found.release.reason
        if change is not None:
            reason = f"{reason} ({change.id})"
        said = quoted_from(f"{text}{reason}", found.figures)
        inquiry.sentences.append(_with_names(said, change.id if change else "", reason))
    affected(inquiry, found)
    if found.status == "diagnosed" and found.suggested_fix:
        inquiry.steps.append(quoted_from(found.suggested_fix, found.figures))
    inquiry.notes += [quoted_from(note, found.figures) for note in found.notes]
    inquiry.notes += [quotation(gap, "gap") for gap in found.gaps]


def headline(found: Diagnosis) -> Said:
    """The sentence that the diagnosis is; where it has no figure, the first piece of evidence of its claims."""
    first = found.hypotheses[0].claims[0].evidence if found.hypotheses else None
    return quoted_from(found.headline, found.figures, first)


def _claim(hypothesis: Hypothesis, place: int) -> Said:
    claim = hypothesis.claims[place]
    return Said(text=claim.text, figures=claim.figures, evidence=(claim.evidence,))


def _with_names(said: Said, *names: str) -> Said:
    """The sentence with ids of changes as quotations: their digits are no figures."""
    ids = tuple(q for name in names[:1] if name for q in quotation(name, "change").figures)
    return said.model_copy(update={"figures": (*said.figures, *ids)})


def affected(inquiry: Inquiry, found: Diagnosis) -> None:
    """How the affected services are served now and usually; where nothing is wrong, how the one asked about is."""
    usual = _usual(inquiry)
    rows = [(each.service, each.evidence) for each in found.scope.affected]
    if not rows:
        wanted = inquiry.intent.service
        rows = [(m.service, m.evidence) for m in found.scope.measured if m.operation is None and not m.is_since_onset]
        rows = [row for row in dict(rows).items() if wanted is None or row[0] == wanted]
    for service, number in rows[:AFFECTED]:
        if number is not None and not (usual and inquiry.tell(served(number, service, usual))):
            inquiry.tell(served(number, service))


def _usual(inquiry: Inquiry) -> EvidenceId | None:
    """The case's evidence of how requests are served usually, if it was asked."""
    found = [
        entry.id
        for entry in inquiry.ledger.evidence
        if entry.reading is not None and entry.reading.name == WHOLE and entry.question.endswith("served usually?")
    ]
    return next((number for number in reversed(found) if "operation" not in _columns(inquiry, number)), None)


def _columns(inquiry: Inquiry, number: EvidenceId) -> tuple[str, ...]:
    return inquiry.ledger.entry(number).rows.columns


def next_steps(inquiry: Inquiry) -> None:
    """What to do and to check next: the fix, what would settle the suspicion, what could not be seen, the runbook."""
    case, found = latest_of(inquiry)
    inquiry.sentences.append(headline(found))
    if found.status == "nothing-wrong":
        inquiry.steps.append(Said(text="Nothing has to be done now; ask again if something is felt that is not seen."))
        return
    if found.status == "diagnosed" and found.suggested_fix:
        inquiry.steps.append(quoted_from(found.suggested_fix, found.figures))
    inquiry.steps += [_settling(each, found) for each in found.hypotheses[:SUSPECTS] if each.settled_by]
    for hypothesis in found.hypotheses[1:SUSPECTS]:
        said = _claim(hypothesis, 0)
        text = f"The next suspect is {hypothesis.component}: {said.text}"
        inquiry.steps.append(said.model_copy(update={"text": text}))
    inquiry.steps += [quotation(f"Not seen: {gap}", "gap") for gap in found.gaps]
    if inquiry.desk.runbooks is not None:
        inquiry.steps += [quotation(step, "runbook") for step in inquiry.desk.runbooks.steps_for(case)]
    if not inquiry.steps:
        inquiry.cannot_know("nothing that was looked at says what to check next: widen the time, or name a service")


def _settling(hypothesis: Hypothesis, found: Diagnosis) -> Said:
    said = quoted_from(hypothesis.settled_by or "", found.figures, hypothesis.claims[0].evidence)
    return said.model_copy(update={"text": f"To settle whether it is {hypothesis.component}: {said.text}"})


def runbook(inquiry: Inquiry) -> None:
    """The steps of the runbook that applies, and the runbooks that the catalogue names."""
    case, found = latest_of(inquiry)
    inquiry.sentences.append(headline(found))
    service = found.hypotheses[0].component if found.hypotheses else (inquiry.intent.service or "")
    for name in inquiry.desk.catalogue.service(service).runbooks:
        said = quotation(name, "catalogue")
        text = f"The service catalogue names for {service}: {name}"
        inquiry.sentences.append(said.model_copy(update={"text": text}))
    if inquiry.desk.runbooks is None:
        inquiry.cannot_know("whether a runbook applies: no runbooks are searched here")
        return
    inquiry.desk.say("Looking for a runbook …")
    inquiry.steps += [quotation(step, "runbook") for step in inquiry.desk.runbooks.steps_for(case)]
    if not inquiry.steps:
        inquiry.tell("No runbook applies to this.")


def draft(inquiry: Inquiry) -> None:
    """The draft that was asked for, as it would be sent; nothing is sent."""
    case, found = latest_of(inquiry)
    paper = inquiry.intent.paper or "ticket"
    drafted = {name_of(each): each for each in case.drafts}
    if paper in drafted:
        wanted = drafted[paper]
        title = quotation(wanted.title, "title")
        text = f"Drafted and not sent, the {paper} is: {wanted.title}"
        inquiry.sentences.append(title.model_copy(update={"text": text}))
        inquiry.draft = wanted.text
        return
    inquiry.sentences.append(headline(found))
    because = {
        "nothing-wrong": "nothing wrong is to be seen that it could be about",
        "inconclusive": "nothing that it could state was measured",
        "diagnosed": "nothing that reaches users was measured",
    }[found.status]
    inquiry.cannot_know(f"there is no {paper} to draft: {because}")
    if drafted:
        inquiry.ask_back(f"Shall it be one of these instead: {', '.join(drafted)}?")


def evidence(inquiry: Inquiry) -> None:
    """One piece of evidence in full: who was asked what, for when, and what came back."""
    number = inquiry.intent.evidence
    known = [entry.id for entry in inquiry.ledger.evidence]
    if not known:
        inquiry.ask_back("There is no evidence yet in this conversation: ask what is wrong first, or name a case.")
        return
    if number not in known:
        there = f"there is {known[0]} to {known[-1]}" if len(known) > 1 else f"there is {known[0]}"
        inquiry.ask_back(f"{'Which piece of evidence' if number is None else f'There is no {number}'}: {there}. Which?")
        return
    entry = inquiry.ledger.entry(number)
    inquiry.shown = number
    said = quotation(entry.question, "question")
    inquiry.sentences.append(
        said.model_copy(update={"text": f"{number}, asked of {quoted(entry.source)}: {entry.question}"})
    )
    inquiry.tell(f"The time: {number_of(number, 'start()', 'date')} to {number_of(number, 'end()', 'date')}")
    if entry.status == "failed":
        said = quotation(entry.failure or "", "failure")
        inquiry.cannot.append(said.model_copy(update={"text": f"It was not answered: {entry.failure}"}))
    elif not inquiry.tell(f"Rows when asked again now: {number_of(number, 'count()', 'count')}"):
        inquiry.cannot_know("whether it is so still: the source cannot be asked again")
