"""What people decide: drafts approved, rejected, edited, incidents moved on; and the trail of who did what."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from watchkeeper.domain import IncidentId, IncidentState
from watchkeeper.errors import QueryRejected
from watchkeeper.records import rows
from watchkeeper.records.schema import AlertRow, CaseRow, DeedRow, DraftRow, ParcelRow
from watchkeeper.records.store import Records, utc_now
from watchkeeper.records.summaries import Deed, NumberedDraft, digest_of
from watchkeeper.redaction import redact

MOVES: dict[str, frozenset[IncidentState]] = {
    "open": frozenset(("mitigated", "resolved", "closed")),
    "investigating": frozenset(("mitigated", "resolved", "closed")),
    "diagnosed": frozenset(("mitigated", "resolved", "closed")),
    "reopened": frozenset(("mitigated", "resolved", "closed")),
    "mitigated": frozenset(("resolved", "closed", "reopened")),
    "resolved": frozenset(("closed", "reopened")),
    "closed": frozenset(("reopened",)),
}
"""Where an incident may be moved to from each state; the others are reached by diagnosing it."""


class Decisions:
    """Decisions about cases, each one transaction with its line in the audit trail.

    Raises QueryRejected for what is not there or cannot be done any more, RecordsUnavailable. Where `expected` is
    given (`NumberedDraft.digest`), a draft that reads otherwise by now is left as it is.
    """

    def __init__(self, records: Records, clock: Callable[[], datetime] = utc_now) -> None:
        self._records, self._clock = records, clock

    def mark(self) -> str:
        """A text that changes whenever a case, an alert, a parcel or the trail has."""
        with self._records.reading() as session:
            newest = (func.max(CaseRow.updated_at), func.max(AlertRow.id), func.max(DeedRow.id))
            seen = [session.execute(select(each)).scalar() for each in (*newest, func.max(ParcelRow.updated_at))]
        return " ".join(str(each) for each in seen)

    def drafts(self, incident_id: IncidentId) -> list[NumberedDraft]:
        """The drafts of a case under their numbers."""
        with self._records.reading() as session:
            found = select(DraftRow).filter_by(incident_id=incident_id).order_by(DraftRow.number)
            return [
                NumberedDraft(number=row.number, draft=rows.draft_of(row)) for row in session.execute(found).scalars()
            ]

    def approve(self, incident_id: IncidentId, number: int, by: str, expected: str | None = None) -> None:
        """Let a proposed draft leave; doing so twice is once."""
        with self._records.writing() as session:
            row = _draft(session, incident_id, number, expected)
            if row.state in ("approved", "published"):
                return
            _must_be_proposed(row)
            row.state, row.approved_by = "approved", by
            self._noted(session, incident_id, by, "approved", _name(row))

    def reject(self, incident_id: IncidentId, number: int, by: str, because: str, expected: str | None = None) -> None:
        """Keep a proposed draft from leaving."""
        if not because.strip():
            raise QueryRejected("a draft is rejected with a reason, expected a few words")
        with self._records.writing() as session:
            row = _draft(session, incident_id, number, expected)
            _must_be_proposed(row)
            row.state, row.rejected_because = "rejected", redact(because.strip())
            self._noted(session, incident_id, by, "rejected", _name(row), because.strip())

    def edit(
        self, incident_id: IncidentId, number: int, by: str, title: str, text: str, expected: str | None = None
    ) -> None:
        """Put other words into a draft that is only proposed."""
        if not title.strip():
            raise QueryRejected("a draft has a title, expected a few words")
        with self._records.writing() as session:
            row = _draft(session, incident_id, number, expected)
            _must_be_proposed(row)
            row.title, row.text, row.edited_by = title.strip(), text, by
            self._noted(session, incident_id, by, "edited", _name(row))

    def published(self, incident_id: IncidentId, number: int, where: str) -> None:
        """Say that an approved draft has arrived somewhere."""
        with self._records.writing() as session:
            row = _draft(session, incident_id, number)
            if row.state != "approved":
                return
            row.state = "published"
            self._noted(session, incident_id, row.approved_by or "", "published", _name(row), where)

    def move(self, incident_id: IncidentId, state: IncidentState, by: str, because: str = "") -> None:
        """Say where an incident is now; one that is there already stays."""
        with self._records.writing() as session:
            row = session.get(CaseRow, incident_id, with_for_update=True)
            if row is None:
                raise QueryRejected(f"there is no case {incident_id}")
            if row.state == state:
                return
            if state not in MOVES[row.state]:
                ways = ", ".join(sorted(MOVES[row.state]))
                raise QueryRejected(f"{incident_id} is {row.state}, and cannot be {state} from there: expected {ways}")
            body = rows.body_of(row)
            rows.put_state(row, body, state)
            self._noted(session, incident_id, by, state, "incident", because)

    def note(self, by: str, deed: str, subject: str, reason: str = "", incident_id: IncidentId | None = None) -> None:
        """Append a line to the trail."""
        with self._records.writing() as session:
            self._noted(session, incident_id, by, deed, subject, reason)

    def deeds(self, incident_id: IncidentId | None = None, limit: int = 200) -> list[Deed]:
        """Who did what, the latest first."""
        wanted = select(DeedRow).order_by(DeedRow.id.desc()).limit(limit)
        if incident_id is not None:
            wanted = wanted.filter_by(incident_id=incident_id)
        names = ("at", "by", "deed", "incident_id", "subject", "reason")
        with self._records.reading() as session:
            return [
                Deed.model_validate({name: getattr(row, name) for name in names})
                for row in session.execute(wanted).scalars()
            ]

    def _noted(
        self, session: Session, incident_id: str | None, by: str, deed: str, subject: str, reason: str = ""
    ) -> None:
        now = self._clock()
        row = DeedRow(at=now, by=by, deed=deed, incident_id=incident_id, subject=subject, reason=redact(reason))
        session.add(row)
        case = None if incident_id is None else session.get(CaseRow, incident_id)
        if case is not None:
            case.updated_at, case.revision = now, case.revision + 1


def _draft(session: Session, incident_id: str, number: int, expected: str | None = None) -> DraftRow:
    row = session.get(DraftRow, (incident_id, number), with_for_update=True)
    if row is None:
        raise QueryRejected(f"{incident_id} has no draft {number} any more: a later diagnosis wrote another one")
    if expected is not None and digest_of(row.title, row.text) != expected:
        by = f"by {row.edited_by} " if row.edited_by else ""
        raise QueryRejected(f"{_name(row)} was changed {by}since you opened it: read it again, then decide")
    return row


def _must_be_proposed(row: DraftRow) -> None:
    if row.state != "proposed":
        raise QueryRejected(f"draft {row.number} of {row.incident_id} is {row.state} already")


def _name(row: DraftRow) -> str:
    return f"draft {row.number} ({row.kind})"
