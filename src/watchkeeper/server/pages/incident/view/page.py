"""Everything that the page of an incident says, from everything that is known about it; no browser is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.domain import CaseFile, Diagnosis, KeptAlert, KeptParcel
from watchkeeper.records.summaries import Deed, NumberedDraft
from watchkeeper.server.pages.incident.view import phrases
from watchkeeper.server.pages.incident.view.affected import Impact, impact_of
from watchkeeper.server.pages.incident.view.causes import Causes, causes_of
from watchkeeper.server.pages.incident.view.charts import Mark, marks_of
from watchkeeper.server.pages.incident.view.course import Day, changes_known, course_of, said
from watchkeeper.server.pages.incident.view.drafts import Papers, papers_of
from watchkeeper.server.pages.incident.view.evidence import Proof, proof_of
from watchkeeper.server.pages.incident.view.head import Head, head_of
from watchkeeper.server.pages.incident.view.topology import Topology, topology_of

DEEDS = 100


@dataclass(frozen=True)
class Fix:
    """The steps of the runbook, and the request that shows the trouble; the fix itself is in the head."""

    steps: tuple[str, ...] = ()
    reproduction: str = ""
    trace: str = ""
    evidence: str = ""


@dataclass(frozen=True)
class Judging:
    """What a verdict can be given about."""

    diagnosis: int | None = None
    """The number of the latest diagnosis, from 0; None where there is none."""
    components: tuple[str, ...] = ()
    """What can be the true cause, the likely ones first."""
    since: datetime | None = None
    given: tuple[str, ...] = ()
    """Verdicts that were given."""


@dataclass(frozen=True)
class Done:
    """One line of the audit trail."""

    at: str
    text: str
    reason: str


@dataclass(frozen=True)
class Page:
    """The page, block by block; blocks that are equal need not be drawn anew."""

    head: Head
    fix: Fix
    causes: Causes
    proof: Proof
    marks: tuple[Mark, ...]
    """The moments that courses over time are marked with."""
    course: tuple[Day, ...]
    topology: Topology
    impact: Impact
    papers: Papers
    judging: Judging
    trail: tuple[Done, ...]
    questions: tuple[str, ...]
    """What may be asked in chat."""


def page_of(
    case: CaseFile,
    drafts: Sequence[NumberedDraft] = (),
    alerts: Sequence[KeptAlert] = (),
    parcels: Sequence[KeptParcel] = (),
    deeds: Sequence[Deed] = (),
    runbook: Sequence[str] = (),
    looking: str | None = None,
) -> Page:
    """The page of a case."""
    latest = case.latest
    changes = [(change.began, change.text) for change in changes_known(case)]
    marks = marks_of(latest.scope.since if latest else None, changes)
    topology = topology_of(case)
    return Page(
        head=head_of(case, tuple(alerts), deeds, looking),
        fix=_fix(latest, runbook),
        causes=causes_of(latest),
        proof=proof_of(case, marks),
        marks=marks,
        course=course_of(case, alerts, parcels, deeds),
        topology=topology,
        impact=impact_of(latest),
        papers=papers_of(drafts, parcels),
        judging=_judging(case, topology),
        trail=tuple(
            Done(phrases.moment(deed.at), said(deed), phrases.line(deed.reason))
            for deed in sorted(deeds, key=lambda deed: deed.at, reverse=True)[:DEEDS]
        ),
        questions=_questions(case),
    )


def _fix(latest: Diagnosis | None, runbook: Sequence[str]) -> Fix:
    made = latest.reproduction if latest else None
    return Fix(
        steps=tuple(phrases.block(step, 2000) for step in runbook),
        reproduction=phrases.block(made.command, 4000) if made else "",
        trace=phrases.line(made.trace_id, phrases.NAME) if made else "",
        evidence=made.evidence if made else "",
    )


def _judging(case: CaseFile, topology: Topology) -> Judging:
    latest = case.latest
    if latest is None:
        return Judging()
    named = [phrases.line(h.component, phrases.NAME) for h in latest.hypotheses]
    named += [phrases.line(row.service, phrases.NAME) for row in latest.scope.affected]
    named += sorted(node.name for node in topology.nodes)
    return Judging(
        diagnosis=len(case.diagnoses) - 1,
        components=tuple(dict.fromkeys(named)),
        since=latest.scope.since,
        given=tuple(
            f"{verdict.judged}, by {phrases.line(verdict.by, phrases.NAME)} at {phrases.moment(verdict.at)}"
            + (f"; true cause: {phrases.line(verdict.true_cause)}" if verdict.true_cause else "")
            for verdict in case.verdicts
        ),
    )


def _questions(case: CaseFile) -> tuple[str, ...]:
    latest = case.latest
    top = latest.hypotheses[0].component if latest and latest.hypotheses else case.incident.service
    name = phrases.line(top, 60)
    about = (f"How is {name} now?", f"Compare {name} with yesterday") if name else ("What is wrong?",)
    return ("Is it over?", "What should I check next?", "How many users are affected?", *about, "Who deployed?")
