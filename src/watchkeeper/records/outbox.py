"""The outbox: what is to be done outside, who is at it, and what became of it."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from watchkeeper.domain import IncidentId, KeptParcel, Parcel, ParcelState, Receipt
from watchkeeper.errors import QueryRejected
from watchkeeper.records.schema import ParcelRow
from watchkeeper.records.store import Records, utc_now

ON_A_TICKET = ("comment", "transition")
"""Kinds of parcel that wait for their incident's ticket, and go one after the other."""
TICK = timedelta(microseconds=1)
_UNSETTLED = ("waiting", "sending")
_LONGEST_ERROR = 1000


class Outbox:
    """Parcels, each under its key; every method is one transaction and raises RecordsUnavailable.

    `later`, `failed` and `uncertain` are for the worker that is sending a parcel; where another one took it over
    meanwhile, or it is delivered, they change nothing.
    """

    def __init__(self, records: Records, clock: Callable[[], datetime] = utc_now) -> None:
        self._records, self._clock = records, clock

    def put(self, parcels: Iterable[Parcel]) -> int:
        """Keep the parcels whose keys are new, in their order; how many those are. Known ones stay as they are."""
        wanted, count = list(parcels), 0
        with self._records.writing() as session:
            insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
            now = self._clock()
            first = max([now, *(time + TICK for time in _latest(session, wanted))])
            for place, parcel in enumerate(wanted):
                # Apart in time: the order in which they were put is the order in which they go.
                values = _values(parcel, now, first + place * TICK)
                new = insert(ParcelRow).values(values).on_conflict_do_nothing().returning(ParcelRow.key)
                count += len(session.execute(new).all())
        return count

    def is_idle(self, now: datetime) -> bool:
        """Whether nothing is due, and nothing is being sent; without a lock, so it may be asked every second."""
        due = and_(ParcelRow.state == "waiting", ParcelRow.not_before <= now)
        busy = select(ParcelRow.key).where(or_(due, ParcelRow.state == "sending")).limit(1)
        with self._records.reading() as session:
            return session.execute(busy).first() is None

    def claim(self, now: datetime, worker: str, limit: int, targets: Collection[str]) -> list[KeptParcel]:
        """Take at most `limit` parcels that are due for these targets: they are `sending`, and no other worker's.

        What goes onto a ticket is due when the ticket is delivered and what came before it is settled.
        """
        other = aliased(ParcelRow)
        due = (
            select(ParcelRow)
            .where(ParcelRow.state == "waiting", ParcelRow.not_before <= now, ParcelRow.target.in_(targets))
            .where(or_(ParcelRow.kind.not_in(ON_A_TICKET), and_(_has_ticket(other), ~_is_behind(other))))
            .order_by(ParcelRow.created_at, ParcelRow.key)
            .limit(limit)
            .with_for_update(skip_locked=True, of=ParcelRow)
        )
        with self._records.writing() as session:
            rows = list(session.execute(due).scalars())
            for row in rows:
                row.state, row.claimed_by, row.updated_at = "sending", worker, now
                row.attempts += 1
            return [_kept(row) for row in rows]

    def stranded(
        self, now: datetime, worker: str, living: Collection[str] | None, before: datetime, limit: int = 100
    ) -> list[KeptParcel]:
        """Take over what nobody is sending any more, as it was before that: still `sending`, now this worker's.

        That is what this worker itself left, what one left that is not among the living (None: not known), and
        what has been at it since before that time.
        """
        left: list[ColumnElement[bool]] = [ParcelRow.claimed_by == worker, ParcelRow.updated_at < before]
        if living is not None:
            left.append(ParcelRow.claimed_by.not_in(living))
        found = (
            select(ParcelRow)
            .where(ParcelRow.state == "sending", or_(*left))
            .order_by(ParcelRow.created_at, ParcelRow.key)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self._records.writing() as session:
            rows = list(session.execute(found).scalars())
            as_they_were = [_kept(row) for row in rows]
            for row in rows:
                row.claimed_by, row.updated_at = worker, now
            return as_they_were

    def done(self, key: str, receipt: Receipt) -> None:
        """It arrived: whoever found that out, it stays so."""
        with self._records.writing() as session:
            row = _found(session, key)
            if row.state != "delivered":
                row.state, row.error, row.updated_at = "delivered", None, self._clock()
                row.receipt = receipt.model_dump_json()

    def later(self, key: str, worker: str, error: str | None, not_before: datetime) -> None:
        """It did not arrive, and is tried again from then on."""
        self._settle(key, worker, "waiting", error, not_before)

    def failed(self, key: str, worker: str, error: str) -> None:
        """It was refused for good: a person must look."""
        self._settle(key, worker, "failed", error)

    def uncertain(self, key: str, worker: str, error: str) -> None:
        """It may have arrived, and nobody can be asked: a person must look."""
        self._settle(key, worker, "uncertain", error)

    def again(self, key: str) -> KeptParcel:
        """Have a parcel tried again that failed or is uncertain, or that waits; raises QueryRejected for others."""
        with self._records.writing() as session:
            row = _found(session, key)
            if row.state not in ("failed", "uncertain", "waiting"):
                raise QueryRejected(f"{key} is {row.state}, expected one that failed, is uncertain or waits")
            now = self._clock()
            row.state, row.attempts, row.not_before, row.updated_at = "waiting", 0, now, now
            return _kept(row)

    def of(self, incident_id: IncidentId) -> list[KeptParcel]:
        """An incident's parcels, the oldest first."""
        its = select(ParcelRow).filter_by(incident_id=incident_id).order_by(ParcelRow.created_at, ParcelRow.key)
        with self._records.reading() as session:
            return [_kept(row) for row in session.execute(its).scalars()]

    def ticket_of(self, incident_id: IncidentId) -> Receipt | None:
        """The receipt of the incident's ticket, None where none is delivered."""
        its = select(ParcelRow.receipt).filter_by(incident_id=incident_id, kind="ticket", state="delivered")
        with self._records.reading() as session:
            document = session.execute(its.order_by(ParcelRow.created_at)).scalars().first()
        return None if document is None else Receipt.model_validate_json(document)

    def trouble(self, target: str) -> str | None:
        """What keeps parcels for a target from leaving now, by the latest that did not; None where nothing does."""
        kept_back = (ParcelRow.state == "waiting", ParcelRow.target == target, ParcelRow.error.is_not(None))
        latest = select(ParcelRow.error).where(*kept_back).order_by(ParcelRow.updated_at.desc()).limit(1)
        with self._records.reading() as session:
            return session.execute(latest).scalars().first()

    def _settle(
        self, key: str, worker: str, state: ParcelState, error: str | None, not_before: datetime | None = None
    ) -> None:
        with self._records.writing() as session:
            row = _found(session, key)
            if row.state == "sending" and row.claimed_by == worker:
                row.state, row.updated_at = state, self._clock()
                row.error = None if error is None else _kept_text(error)
                row.not_before = not_before or row.not_before


def _has_ticket(other: type[ParcelRow]) -> ColumnElement[bool]:
    same = and_(other.incident_id == ParcelRow.incident_id, other.target == ParcelRow.target)
    return exists(select(other.key).where(same, other.kind == "ticket", other.state == "delivered"))


def _is_behind(other: type[ParcelRow]) -> ColumnElement[bool]:
    same = and_(other.incident_id == ParcelRow.incident_id, other.target == ParcelRow.target)
    open_ones = and_(other.kind.in_(ON_A_TICKET), other.state.in_(_UNSETTLED))
    return exists(select(other.key).where(same, open_ones, other.created_at < ParcelRow.created_at))


def _latest(session: Session, parcels: Iterable[Parcel]) -> Iterable[datetime]:
    """When the latest parcel of the same incidents was put, whatever the clock of that machine said."""
    incidents = {parcel.incident_id for parcel in parcels}
    latest = select(ParcelRow.created_at).where(ParcelRow.incident_id.in_(incidents))
    return session.execute(latest.order_by(ParcelRow.created_at.desc()).limit(1)).scalars()


def _found(session: Session, key: str) -> ParcelRow:
    row = session.get(ParcelRow, key, with_for_update=True)
    if row is None:
        raise QueryRejected(f"there is no parcel {key} in the outbox")
    return row


def _values(parcel: Parcel, now: datetime, created_at: datetime) -> dict[str, object]:
    return {
        "key": parcel.key,
        "incident_id": parcel.incident_id,
        "target": parcel.target,
        "kind": parcel.kind,
        "state": "waiting",
        "attempts": 0,
        "not_before": now,
        "created_at": created_at,
        "updated_at": now,
        "document": parcel.model_dump_json(),
    }


def _kept(row: ParcelRow) -> KeptParcel:
    return KeptParcel.model_validate(
        {
            "parcel": Parcel.model_validate_json(row.document),
            "state": row.state,
            "attempts": row.attempts,
            "not_before": row.not_before,
            "error": row.error,
            "receipt": None if row.receipt is None else Receipt.model_validate_json(row.receipt),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
    )


def _kept_text(text: str) -> str:
    # PostgreSQL keeps no NUL in text.
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:_LONGEST_ERROR]
