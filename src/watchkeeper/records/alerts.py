"""Alerts that came in: their bodies as they came, what each did, and the incidents that they belong to."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, delete, func, insert, select, text, update
from sqlalchemy.orm import Session, defer

from watchkeeper.domain import (
    INVESTIGATED,
    Alert,
    AlertOutcome,
    CaseFile,
    DiagnosisStatus,
    Incident,
    IncidentId,
    IncidentState,
    KeptAlert,
)
from watchkeeper.records import rows
from watchkeeper.records.schema import AlertRow, CaseRow, DeedRow, DiagnosisRow, PostRow, VerdictRow
from watchkeeper.records.store import Records, save_in, take_number

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:key)")
LOCK = 0x77_6B_61_6C
"""The number of PostgreSQL's lock under which alerts are taken in; SQLite lets one write at a time anyway."""
BY = "alerts"
"""Who moved an incident, as the audit trail has it."""
TOUCHING: tuple[AlertOutcome, ...] = (*sorted(INVESTIGATED), "joined", "resolved")
"""Outcomes after which an incident counts as one of late."""
TELLING: tuple[AlertOutcome, ...] = (*TOUCHING, "cooled")
"""Outcomes that change how an incident stands: all but repetitions."""
CHUNK = 500
"""How many values are put into one question."""
MOST_OF_ONE = 2000
"""How many alerts of one incident, those that only repeat left out, are looked at: the latest."""


@dataclass(frozen=True)
class Concerned:
    """One incident that alerts may belong to."""

    incident_id: IncidentId
    state: IncidentState
    opened_at: datetime
    services: frozenset[str]
    """Its own, those of its latest diagnosis, and the cause."""
    status: DiagnosisStatus | None
    """Of its latest diagnosis."""
    is_objected: bool
    """Whether the latest verdict is `wrong`."""
    ended_at: datetime | None
    """When it was over; None while it is open."""
    alerts: tuple[KeptAlert, ...]
    """What it got, the oldest first, without what only repeats."""


@dataclass(frozen=True)
class Placed:
    """An alert and what it does; to be kept."""

    alert: Alert
    outcome: AlertOutcome
    incident_id: IncidentId | None
    reason: str
    post: int | None = None
    """The number of its body; None where it had none."""


class Alerts:
    """Alerts by incident and by time. Every method is one transaction and raises RecordsUnavailable."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @contextmanager
    def taking_in(self) -> Iterator["Intake"]:
        """One transaction in which alerts come in; nobody else takes any in meanwhile, in no process."""
        with self._records.writing() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(_ONE_AT_A_TIME, {"key": LOCK})
            yield Intake(session)

    def latest(self, incident_id: IncidentId | None = None, limit: int = 200) -> list[KeptAlert]:
        """What came in, of one incident or of all, the latest first."""
        wanted = select(AlertRow).order_by(AlertRow.id.desc()).limit(limit)
        if incident_id is not None:
            wanted = wanted.filter_by(incident_id=incident_id)
        with self._records.reading() as session:
            return [_kept(row) for row in session.execute(wanted).scalars()]

    def active(self, incident_id: IncidentId) -> frozenset[str]:
        """The fingerprints of an incident that fire."""
        of_it = select(func.max(AlertRow.id)).filter_by(incident_id=incident_id).group_by(AlertRow.fingerprint)
        wanted = select(AlertRow.fingerprint).where(AlertRow.id.in_(of_it), AlertRow.status == "firing")
        with self._records.reading() as session:
            return frozenset(session.execute(wanted).scalars())

    def body(self, post: int) -> bytes | None:
        """A body as it came; None where it was dropped, or never was."""
        with self._records.reading() as session:
            return session.execute(select(PostRow.body).filter_by(id=post)).scalar()

    def forget(self, before: datetime) -> int:
        """Drop the bodies that came in before; what they held stays. How many that were."""
        with self._records.writing() as session:
            old = select(PostRow.id).where(PostRow.received_at < before)
            session.execute(
                update(AlertRow).where(AlertRow.post_id.in_(old)).values(post_id=None),
                execution_options={"synchronize_session": False},
            )
            gone = session.execute(
                delete(PostRow).where(PostRow.received_at < before).returning(PostRow.id),
                execution_options={"synchronize_session": False},
            )
            return len(gone.all())


class Intake:
    """What can be done in the transaction in which alerts come in."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def post(self, source: str, body: bytes, now: datetime) -> int:
        """Keep a body as it came; its number."""
        row = PostRow(source=source, received_at=now, body=body)
        self._session.add(row)
        self._session.flush()
        return row.id

    def with_fingerprints(self, fingerprints: Collection[str]) -> list[Concerned]:
        """The incidents that had any of these, each fingerprint's latest."""
        found: set[IncidentId] = set()
        for some in _chunks(sorted(fingerprints)):
            latest = select(func.max(AlertRow.id)).where(AlertRow.fingerprint.in_(some)).group_by(AlertRow.fingerprint)
            found.update(self._ids(select(AlertRow.incident_id).where(AlertRow.id.in_(latest))))
        return self._concerned(found)

    def of_late(self, since: datetime, without: Collection[IncidentId] = ()) -> list[Concerned]:
        """The incidents that were opened since then, or got more than repetitions."""
        touched = select(AlertRow.incident_id).where(
            AlertRow.received_at >= since, AlertRow.outcome.in_(TOUCHING), AlertRow.incident_id.is_not(None)
        )
        opened = select(CaseRow.incident_id).where(CaseRow.opened_at >= since)
        return self._concerned((self._ids(touched.distinct()) | self._ids(opened)) - set(without))

    def still_firing(self, since: datetime) -> list[KeptAlert]:
        """Alerts that were not looked into because of a cool-down that began since then, and that fire still."""
        wanted = select(AlertRow.fingerprint).where(AlertRow.received_at >= since, AlertRow.outcome == "cooled")
        found: list[KeptAlert] = []
        for some in _chunks(sorted(set(self._session.execute(wanted).scalars()))):
            latest = select(func.max(AlertRow.id)).where(AlertRow.fingerprint.in_(some)).group_by(AlertRow.fingerprint)
            cooled = select(AlertRow).where(AlertRow.id.in_(latest), AlertRow.outcome == "cooled").order_by(AlertRow.id)
            found += [_kept(row) for row in self._session.execute(cooled).scalars()]
        return found

    def open(self, year: int, after: int, case_of: Callable[[IncidentId], CaseFile], now: datetime) -> IncidentId:
        """Make a case under the next number of that year above `after`."""
        incident_id = take_number(self._session, year, after)
        save_in(self._session, case_of(incident_id), now)
        return incident_id

    def change(self, incident_id: IncidentId, changed: Callable[[Incident], Incident], why: str, now: datetime) -> None:
        """Change an incident of a case; another state is noted in the audit trail, with the reason."""
        row = self._session.get_one(CaseRow, incident_id, with_for_update=True)
        body = rows.body_of(row)
        incident = changed(body.incident)
        if incident == body.incident:
            return
        rows.fill(row, body.model_copy(update={"incident": incident}), now)
        if incident.state != body.incident.state:
            deed = DeedRow(at=now, by=BY, deed=incident.state, incident_id=incident_id, subject="incident", reason=why)
            self._session.add(deed)

    def keep(self, placed: Sequence[Placed], now: datetime) -> list[KeptAlert]:
        """Keep alerts with what they did, in their order."""
        if not placed:
            return []
        self._session.flush()
        given = [_values(each, now) for each in placed]
        made = insert(AlertRow).returning(AlertRow.id, sort_by_parameter_order=True)
        ids = self._session.execute(made, given).scalars().all()
        return [
            KeptAlert(
                id=number,
                alert=each.alert,
                received_at=now,
                outcome=each.outcome,
                incident_id=each.incident_id,
                reason=each.reason,
            )
            for number, each in zip(ids, placed, strict=True)
        ]

    def _ids(self, wanted: Select[str | None] | Select[str]) -> set[IncidentId]:
        return {found for found in self._session.execute(wanted).scalars() if found is not None}

    def _concerned(self, ids: Collection[IncidentId]) -> list[Concerned]:
        found: list[Concerned] = []
        for some in _chunks(sorted(ids)):
            alerts = self._alerts_of(some)
            cases = select(CaseRow).where(CaseRow.incident_id.in_(some)).options(defer(CaseRow.document))
            for row in self._session.execute(cases).scalars():
                its = alerts[row.incident_id]
                # What was recorded elsewhere has nothing to do with what fires now.
                if its or not rows.body_of(row).incident.is_recorded:
                    found.append(self._one(row, its))
        return found

    def _alerts_of(self, ids: Sequence[IncidentId]) -> dict[IncidentId, list[KeptAlert]]:
        """What each incident got, the oldest first, without what only repeats."""
        found: dict[IncidentId, list[KeptAlert]] = defaultdict(list)
        for each in ids:
            wanted = (
                select(AlertRow)
                .where(AlertRow.incident_id == each, AlertRow.outcome.in_(TELLING))
                .order_by(AlertRow.id.desc())
                .limit(MOST_OF_ONE)
            )
            found[each] = [_kept(row) for row in self._session.execute(wanted).scalars()][::-1]
        return found

    def _one(self, row: CaseRow, alerts: Sequence[KeptAlert]) -> Concerned:
        its = {"incident_id": row.incident_id}
        diagnosis = self._session.execute(
            select(DiagnosisRow).filter_by(**its).order_by(DiagnosisRow.number.desc()).limit(1)
        ).scalar()
        judged = self._session.execute(
            select(VerdictRow.judged).filter_by(**its).order_by(VerdictRow.id.desc()).limit(1)
        ).scalar()
        return Concerned(
            incident_id=row.incident_id,
            state=row.state,  # type: ignore[arg-type]
            opened_at=row.opened_at,
            services=_services(row, diagnosis),
            status=None if diagnosis is None else diagnosis.status,  # type: ignore[arg-type]
            is_objected=judged == "wrong",
            ended_at=self._ended_at(row),
            alerts=tuple(alerts),
        )

    def _ended_at(self, row: CaseRow) -> datetime | None:
        """When it was first over since it was last opened; as long as it was not touched, where nobody noted that."""
        if row.state not in ("resolved", "closed"):
            return None
        deeds = select(DeedRow.deed, DeedRow.at).filter_by(incident_id=row.incident_id).order_by(DeedRow.id.desc())
        ended: datetime | None = None
        moves = deeds.where(DeedRow.deed.in_(("resolved", "closed", "reopened")), DeedRow.subject == "incident")
        for deed, at in self._session.execute(moves):
            if deed == "reopened":
                break
            ended = at
        return ended or row.updated_at


def _services(row: CaseRow, diagnosis: DiagnosisRow | None) -> frozenset[str]:
    named = [row.service]
    if diagnosis is not None:
        scope = json.loads(diagnosis.document).get("scope", {})
        named += [diagnosis.component, *(each.get("service") for each in scope.get("affected", ()))]
    return frozenset(each for each in named if each)


def _values(placed: Placed, now: datetime) -> dict[str, object]:
    return {
        "post_id": placed.post,
        "fingerprint": placed.alert.fingerprint,
        "status": placed.alert.status,
        "received_at": now,
        "incident_id": placed.incident_id,
        "outcome": placed.outcome,
        "reason": placed.reason,
        "document": placed.alert.model_dump_json(),
    }


def _kept(row: AlertRow) -> KeptAlert:
    names = ("id", "received_at", "outcome", "incident_id", "reason")
    parts = {name: getattr(row, name) for name in names}
    return KeptAlert.model_validate({**parts, "alert": Alert.model_validate_json(row.document)})


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(values), CHUNK):
        yield values[begin : begin + CHUNK]
