"""Nouns to rows and back; what a column holds apart from the document is only for finding and counting."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from watchkeeper.domain import CaseFile, Diagnosis, Draft, IncidentState, Verdict
from watchkeeper.records.schema import CaseRow, DiagnosisRow, DraftRow, VerdictRow

ELSEWHERE = {"diagnoses", "drafts", "verdicts"}
"""Parts of a case file that have tables of their own."""


def number_of(incident_id: str) -> tuple[int, int]:
    """Year and number in an id such as INC-2026-0042."""
    _, year, number = incident_id.split("-")
    return int(year), int(number)


def opened_at(case: CaseFile) -> datetime:
    """When the first of its signals was noticed."""
    return min(signal.at for signal in case.incident.signals)


def case_row(case: CaseFile) -> CaseRow:
    """A row for a case that has none yet."""
    year, number = number_of(case.incident.id)
    return CaseRow(incident_id=case.incident.id, year=year, number=number, revision=0)


def fill(row: CaseRow, case: CaseFile, now: datetime) -> None:
    """Put what the case is now into its row."""
    incident = case.incident
    row.service, row.severity, row.state = _text(incident.service), incident.severity, incident.state
    row.opened_at, row.updated_at = opened_at(case), now
    row.revision += 1
    row.document = case.model_dump_json(exclude=ELSEWHERE)


def diagnosis_row(incident_id: str, number: int, diagnosis: Diagnosis) -> DiagnosisRow:
    """A diagnosis at its place in the incident's list."""
    first = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
    return DiagnosisRow(
        incident_id=incident_id,
        number=number,
        at=diagnosis.at,
        status=diagnosis.status,
        headline=_text(diagnosis.headline),
        component=_text(first.component) if first else None,
        probability=first.probability if first else None,
        since=diagnosis.scope.since,
        occasion=_text(diagnosis.occasion),
        release=diagnosis.release.status,
        seconds=diagnosis.cost.seconds,
        document=diagnosis.model_dump_json(),
    )


def draft_row(incident_id: str, number: int, draft: Draft) -> DraftRow:
    """A draft under its number."""
    return DraftRow(
        incident_id=incident_id,
        number=number,
        kind=draft.kind,
        audience=draft.audience,
        title=_text(draft.title),
        text=_text(draft.text),
        state=draft.state,
        approved_by=_text(draft.approved_by),
        edited_by=_text(draft.edited_by),
        rejected_because=_text(draft.rejected_because),
        facts=json.dumps(draft.model_dump(mode="json")["facts"]),
    )


def verdict_row(incident_id: str, verdict: Verdict, note: str | None = None) -> VerdictRow:
    """A verdict, with a note."""
    return VerdictRow(
        incident_id=incident_id,
        diagnosis=verdict.diagnosis,
        judged=verdict.judged,
        by=_text(verdict.by),
        at=verdict.at,
        true_cause=_text(verdict.true_cause),
        true_onset=verdict.true_onset,
        ticket=verdict.ticket,
        note=_text(note),
    )


def draft_of(row: DraftRow) -> Draft:
    """The draft in a row."""
    names = ("kind", "audience", "title", "text", "state", "approved_by", "edited_by", "rejected_because")
    parts = {name: getattr(row, name) for name in names}
    return Draft.model_validate({**parts, "facts": json.loads(row.facts)})


def verdict_of(row: VerdictRow) -> Verdict:
    """The verdict in a row."""
    names = ("diagnosis", "judged", "by", "at", "true_cause", "true_onset", "ticket")
    return Verdict.model_validate({name: getattr(row, name) for name in names})


def body_of(row: CaseRow) -> CaseFile:
    """The case file in a row, without diagnoses, drafts and verdicts."""
    return CaseFile.model_validate_json(row.document)


def put_state(row: CaseRow, body: CaseFile, state: IncidentState) -> None:
    """Put another state into a row and its document."""
    row.state = state
    moved = body.model_copy(update={"incident": body.incident.model_copy(update={"state": state})})
    row.document = moved.model_dump_json(exclude=ELSEWHERE)


def case_of(
    row: CaseRow, diagnoses: Sequence[DiagnosisRow], drafts: Iterable[DraftRow], verdicts: Iterable[VerdictRow]
) -> CaseFile:
    """The whole case file from its rows; raises pydantic's ValidationError where they do not fit together."""
    body = body_of(row)
    return CaseFile(
        incident=body.incident,
        evidence=body.evidence,
        assignment=body.assignment,
        diagnoses=tuple(Diagnosis.model_validate_json(each.document) for each in diagnoses),
        drafts=tuple(draft_of(each) for each in drafts),
        verdicts=tuple(verdict_of(each) for each in verdicts),
    )


def _text(value: str | None) -> str | None:
    # PostgreSQL keeps no NUL in text; in the documents it is spelled \u0000.
    return None if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")
