"""The records: cases by their number, with every diagnosis and every verdict that was ever given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from watchkeeper.domain import CaseFile, IncidentId, Verdict
from watchkeeper.errors import QueryRejected
from watchkeeper.library import did_you_mean
from watchkeeper.records import listing, migrating, rows
from watchkeeper.records.address import Address, address
from watchkeeper.records.engine import BUSY_SECONDS, connect
from watchkeeper.records.merging import content, merged
from watchkeeper.records.refusals import told_in_a_sentence
from watchkeeper.records.schema import CaseRow, DiagnosisRow, DraftRow, VerdictRow
from watchkeeper.records.summaries import CaseSummary, History, Judgement, Order

NEAR = 1000
"""How many of the latest cases are looked through for an id that was meant."""

_TAKE_A_NUMBER = text(
    "INSERT INTO case_numbers (year, last) VALUES (:year, :after + 1) ON CONFLICT (year) DO UPDATE SET last = "
    "CASE WHEN case_numbers.last > :after THEN case_numbers.last ELSE :after END + 1 RETURNING last"
)
_NOTE_A_NUMBER = text(
    "INSERT INTO case_numbers (year, last) VALUES (:year, :number) ON CONFLICT (year) DO UPDATE SET last = "
    "CASE WHEN case_numbers.last > :number THEN case_numbers.last ELSE :number END"
)


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Records:
    """What is kept of cases, in one database that any number of processes share.

    Every method is one transaction, and raises RecordsUnavailable in one sentence where the database cannot be
    used: what was acknowledged is kept, what was not is not there at all.
    """

    def __init__(self, place: Address, clock: Callable[[], datetime], busy_seconds: float) -> None:
        self._place = place
        self._clock = clock
        self._reading, self._writing = connect(place, busy_seconds)

    @classmethod
    def open(
        cls, where: str | Path, clock: Callable[[], datetime] = utc_now, busy_seconds: float = BUSY_SECONDS
    ) -> Self:
        """The records in a SQLite file (a path) or at a URL, made where there are none, at this version's tables.

        Another process's writing is waited for at most that many seconds. Raises ConfigError where the URL is none,
        RecordsUnavailable where it cannot be used or is newer than this.
        """
        records = cls(address(where), clock, busy_seconds)
        try:
            with told_in_a_sentence(records._place):
                migrating.bring_to(records._reading, records._writing, records._place)
        except BaseException:
            records.close()
            raise
        return records

    @property
    def name(self) -> str:
        """Where they are, as people are told: no user, no password."""
        return self._place.name

    def close(self) -> None:
        """Let go of every connection."""
        self._reading.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def next_incident_id(self, year: int, after: int = 0) -> IncidentId:
        """An id that no other process gets; its number is above `after` and above every number of that year."""
        with self.writing() as session:
            return take_number(session, year, after)

    def save(self, case: CaseFile) -> CaseFile:
        """Keep a case, and answer it as it is kept: with what other processes added to it meanwhile.

        Diagnoses and verdicts are only ever appended; see `merging.merged` for the rest. A case file that holds
        only what is new will do.
        """
        with told_in_a_sentence(self._place):
            try:
                return self._save(case)
            except IntegrityError:
                # Another process made the case between the look and the writing; now it is there to be locked.
                return self._save(case)

    def case(self, incident_id: IncidentId) -> CaseFile:
        """The case file with all diagnoses, drafts and verdicts; raises QueryRejected where there is none."""
        with self.reading() as session:
            return _stored(session, self._found(session, incident_id))

    def cases(
        self,
        limit: int = 50,
        state: str | None = None,
        service: str | None = None,
        since: datetime | None = None,
        *,
        is_open: bool | None = None,
        order: Order = "latest",
    ) -> list[CaseSummary]:
        """The cases of that state and service opened since then, at most `limit`, the first ones in that order.

        `is_open` asks for those that have not ended, or for those that have.
        """
        with self.reading() as session:
            return listing.cases(session, limit, state, service, since, is_open, order)

    def open_count(self) -> int:
        """How many incidents have not ended."""
        with self.reading() as session:
            return listing.open_count(session)

    def histories(self, since: datetime | None = None) -> list[History]:
        """How each incident opened since then went, the oldest first: what the casebook counts."""
        with self.reading() as session:
            return listing.histories(session, since)

    def add_verdict(self, incident_id: IncidentId, verdict: Verdict, note: str | None = None) -> None:
        """Append a verdict; raises QueryRejected where there is no such case, or no such diagnosis in it."""
        with self.writing() as session:
            row = self._found(session, incident_id, lock=True)
            of_it = select(func.count()).select_from(DiagnosisRow).filter_by(incident_id=incident_id)
            count = session.execute(of_it).scalar_one()
            if verdict.diagnosis >= count:
                has = f"has {count} diagnos{'is' if count == 1 else 'es'}, counted from 0" if count else "has none"
                raise QueryRejected(f"there is no diagnosis {verdict.diagnosis} to judge: {incident_id} {has}")
            row.updated_at, row.revision = self._clock(), row.revision + 1
            session.add(rows.verdict_row(incident_id, verdict, note))

    def verdicts(self, incident_id: IncidentId | None = None) -> list[Judgement]:
        """Every verdict in the order in which they were given, with its note; of one case, or of all."""
        with self.reading() as session:
            return listing.judgements(session, incident_id)

    def _save(self, case: CaseFile) -> CaseFile:
        with Session(self._writing) as session, session.begin():
            return save_in(session, case, self._clock())

    def _found(self, session: Session, incident_id: str, lock: bool = False) -> CaseRow:
        row = session.get(CaseRow, incident_id, with_for_update=lock)
        if row is None:
            latest = select(CaseRow.incident_id).order_by(CaseRow.opened_at.desc()).limit(NEAR)
            known = list(session.execute(latest).scalars())
            meant = did_you_mean(incident_id, known[:NEAR]) if known else f" (there are no cases yet in {self.name})"
            raise QueryRejected(f"there is no case {incident_id}{meant}")
        return row

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One moment's view; raises RecordsUnavailable. For this room's modules."""
        with told_in_a_sentence(self._place), Session(self._reading) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction that may write, or nothing of it; raises RecordsUnavailable. For this room's modules."""
        with told_in_a_sentence(self._place), Session(self._writing) as session, session.begin():
            yield session


def save_in(session: Session, case: CaseFile, now: datetime) -> CaseFile:
    """`Records.save` as one step of a transaction that does more. For this room's modules."""
    incident_id = case.incident.id
    row = session.get(CaseRow, incident_id, with_for_update=True)
    before = None if row is None else _stored(session, row)
    kept = case if before is None else merged(before, case)
    if row is None:
        row = rows.case_row(case)
        session.add(row)
    rows.fill(row, kept, now)
    session.flush()
    for number in range(len(before.diagnoses) if before else 0, len(kept.diagnoses)):
        session.add(rows.diagnosis_row(incident_id, number, kept.diagnoses[number]))
    for verdict in kept.verdicts[len(before.verdicts) if before else 0 :]:
        session.add(rows.verdict_row(incident_id, verdict))
    _keep_drafts(session, kept)
    session.execute(_NOTE_A_NUMBER, {"year": row.year, "number": row.number})
    return kept


def take_number(session: Session, year: int, after: int = 0) -> IncidentId:
    """`Records.next_incident_id` as one step of a transaction that does more. For this room's modules."""
    number = session.execute(_TAKE_A_NUMBER, {"year": year, "after": after}).scalar_one()
    return f"INC-{year}-{number:04d}"


def _stored(session: Session, row: CaseRow) -> CaseFile:
    its = {"incident_id": row.incident_id}
    return rows.case_of(
        row,
        list(session.execute(select(DiagnosisRow).filter_by(**its).order_by(DiagnosisRow.number)).scalars()),
        list(session.execute(select(DraftRow).filter_by(**its).order_by(DraftRow.number)).scalars()),
        list(session.execute(select(VerdictRow).filter_by(**its).order_by(VerdictRow.id)).scalars()),
    )


def _keep_drafts(session: Session, case: CaseFile) -> None:
    """Drafts that are still there keep their numbers, new ones get the next."""
    its = {"incident_id": case.incident.id}
    there = {content(rows.draft_of(row)): row for row in session.execute(select(DraftRow).filter_by(**its)).scalars()}
    following = max((row.number for row in there.values()), default=-1) + 1
    for draft in case.drafts:
        row = there.pop(content(draft), None)
        if row is None:
            session.add(rows.draft_row(case.incident.id, following, draft))
            following += 1
        else:
            new = rows.draft_row(case.incident.id, row.number, draft)
            row.state, row.approved_by, row.facts = new.state, new.approved_by, new.facts
            row.edited_by, row.rejected_because = new.edited_by, new.rejected_because
    for row in there.values():
        session.delete(row)
