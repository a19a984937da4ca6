"""Who carries out workflows, and when each last said that it lives."""

from datetime import datetime

from sqlalchemy import delete, select

from watchkeeper.records.schema import WorkerRow
from watchkeeper.records.store import Records


class Workers:
    """The processes that share the work; every method is one transaction and raises RecordsUnavailable."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def beat(self, name: str, now: datetime) -> None:
        """Say that a worker lives."""
        with self._records.writing() as session:
            row = session.get(WorkerRow, name, with_for_update=True)
            if row is None:
                session.add(WorkerRow(name=name, started_at=now, seen_at=now))
            else:
                row.seen_at = now

    def living(self, since: datetime) -> frozenset[str]:
        """Those that have said so since then."""
        with self._records.reading() as session:
            return frozenset(session.execute(select(WorkerRow.name).where(WorkerRow.seen_at >= since)).scalars())

    def dead(self, before: datetime) -> frozenset[str]:
        """Those that last said so before."""
        with self._records.reading() as session:
            return frozenset(session.execute(select(WorkerRow.name).where(WorkerRow.seen_at < before)).scalars())

    def gone(self, name: str) -> None:
        """Forget a worker: it ended in order, or its work was taken over."""
        with self._records.writing() as session:
            session.execute(delete(WorkerRow).where(WorkerRow.name == name))
