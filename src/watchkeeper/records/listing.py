"""Many cases at once, without reading their documents."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session, defer

from watchkeeper.records import rows
from watchkeeper.records.schema import CaseRow, DiagnosisRow, VerdictRow
from watchkeeper.records.summaries import OVER, CaseSummary, Conclusion, History, Judgement, Order

CHUNK = 500
"""How many ids are put into one question: SQLite takes no more than 999 in old versions."""
SEVERITY = case({"P1": 0, "P2": 1, "P3": 3, "P4": 4}, value=CaseRow.severity, else_=2)
"""One that is not judged yet may be anything: it stands above what is known to be small."""
_ORDERS = {
    "latest": (CaseRow.opened_at.desc(), CaseRow.incident_id.desc()),
    "severity": (SEVERITY, CaseRow.opened_at.desc(), CaseRow.incident_id.desc()),
    "changed": (CaseRow.updated_at.desc(), CaseRow.incident_id.desc()),
}


def cases(
    session: Session,
    limit: int,
    state: str | None,
    service: str | None,
    since: datetime | None,
    is_open: bool | None = None,
    order: Order = "latest",
) -> list[CaseSummary]:
    """The lines of a list of cases, in that order."""
    wanted = _opened(since).order_by(*_ORDERS[order]).limit(limit)
    if is_open is not None:
        wanted = wanted.where(CaseRow.state.not_in(OVER) if is_open else CaseRow.state.in_(OVER))
    if state is not None:
        wanted = wanted.where(CaseRow.state == state)
    if service is not None:
        wanted = wanted.where(CaseRow.service == service)
    found = list(session.execute(wanted).scalars())
    diagnoses, verdicts = _parts_of(session, found)
    return [_summary(row, diagnoses[row.incident_id], verdicts[row.incident_id]) for row in found]


def open_count(session: Session) -> int:
    """How many incidents have not ended."""
    return session.execute(select(func.count()).where(CaseRow.state.not_in(OVER))).scalar_one()


def histories(session: Session, since: datetime | None) -> list[History]:
    """The course of each incident, the oldest first."""
    found = list(session.execute(_opened(since).order_by(CaseRow.opened_at, CaseRow.incident_id)).scalars())
    diagnoses, verdicts = _parts_of(session, found)
    return [
        History(
            incident_id=row.incident_id,
            service=row.service,
            noticed_at=row.opened_at,
            conclusions=tuple(_conclusion(each) for each in diagnoses[row.incident_id]),
            verdicts=tuple(rows.verdict_of(each) for each in verdicts[row.incident_id]),
        )
        for row in found
    ]


def judgements(session: Session, incident_id: str | None) -> list[Judgement]:
    """Every verdict with its note, in the order in which they were given."""
    wanted = select(VerdictRow).order_by(VerdictRow.id)
    if incident_id is not None:
        wanted = wanted.filter_by(incident_id=incident_id)
    return [
        Judgement(incident_id=row.incident_id, verdict=rows.verdict_of(row), note=row.note)
        for row in session.execute(wanted).scalars()
    ]


def _opened(since: datetime | None) -> Select[CaseRow]:
    everything = select(CaseRow).options(defer(CaseRow.document))
    return everything if since is None else everything.where(CaseRow.opened_at >= since)


def _parts_of(
    session: Session, found: Sequence[CaseRow]
) -> tuple[Mapping[str, list[DiagnosisRow]], Mapping[str, list[VerdictRow]]]:
    """The diagnoses and the verdicts of these cases, each in their order."""
    diagnoses: dict[str, list[DiagnosisRow]] = defaultdict(list)
    verdicts: dict[str, list[VerdictRow]] = defaultdict(list)
    everything = select(DiagnosisRow).options(defer(DiagnosisRow.document)).order_by(DiagnosisRow.number)
    for begin in range(0, len(found), CHUNK):
        ids = [row.incident_id for row in found[begin : begin + CHUNK]]
        for diagnosis in session.execute(everything.where(DiagnosisRow.incident_id.in_(ids))).scalars():
            diagnoses[diagnosis.incident_id].append(diagnosis)
        given = select(VerdictRow).where(VerdictRow.incident_id.in_(ids)).order_by(VerdictRow.id)
        for verdict in session.execute(given).scalars():
            verdicts[verdict.incident_id].append(verdict)
    return diagnoses, verdicts


def _summary(row: CaseRow, diagnoses: Sequence[DiagnosisRow], verdicts: Sequence[VerdictRow]) -> CaseSummary:
    latest = diagnoses[-1] if diagnoses else None
    return CaseSummary.model_validate(
        {
            "incident_id": row.incident_id,
            "service": row.service,
            "severity": row.severity,
            "state": row.state,
            "opened_at": row.opened_at,
            "updated_at": row.updated_at,
            "revision": row.revision,
            "diagnoses": len(diagnoses),
            "status": latest.status if latest else None,
            "headline": latest.headline if latest else None,
            "component": latest.component if latest else None,
            "probability": latest.probability if latest else None,
            "release": latest.release if latest else None,
            "judged": verdicts[-1].judged if verdicts else None,
        }
    )


def _conclusion(row: DiagnosisRow) -> Conclusion:
    names = ("at", "status", "component", "probability", "since")
    return Conclusion.model_validate({name: getattr(row, name) for name in names})
