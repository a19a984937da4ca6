"""What the live store lets go of: rows past their age, then the oldest hours until the file fits its budget."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from watchkeeper.tables import TABLES, TableName

_HOUR = timedelta(hours=1)
_SLICE = timedelta(minutes=5)
_SLICE_US = 300_000_000
_EPOCH = datetime.fromtimestamp(0, UTC)
_FILLED = 0.9
_KEPT = 0.75
_FIRST_TO_GO: tuple[TableName, ...] = ("metrics", "logs", "spans", "feedback", "events")
"""Changes are few and explain much: they leave by age only."""


@dataclass(frozen=True)
class Size:
    """What the store takes on disk, in bytes: blocks in use, blocks that wait for reuse, the log of late writes."""

    used: int
    unused: int
    log: int

    @property
    def whole(self) -> int:
        """The files as the file system counts them."""
        return self.used + self.unused + self.log


def size_of(connection: duckdb.DuckDBPyConnection, path: Path) -> Size:
    """How large the store is, and how much of it is free to be written over."""
    query = "SELECT block_size, used_blocks, free_blocks FROM pragma_database_size()"
    [(block, used, unused)] = connection.execute(query).fetchall()
    log = Path(f"{path}.wal")
    return Size(used * block, unused * block, log.stat().st_size if log.exists() else 0)


def drop_before(connection: duckdb.DuckDBPyConnection, time: datetime, tables: tuple[TableName, ...]) -> None:
    """Delete the rows of the tables that are older, and give their blocks back."""
    for table in tables:
        connection.execute(f"DELETE FROM {table} WHERE time < ?", [time])
    fold(connection)


def forget_bodies(connection: duckdb.DuckDBPyConnection, arrived_before: datetime) -> None:
    """Delete the digests of bodies that nobody will send again."""
    connection.execute("DELETE FROM bodies WHERE arrived_at < ?", [arrived_before])


def fold(connection: duckdb.DuckDBPyConnection) -> None:
    """Fold the log into the file. Where a reader stands in the way it is left for the next time."""
    try:
        connection.execute("CHECKPOINT")
    except duckdb.TransactionException:
        return


def where_to_cut(connection: duckdb.DuckDBPyConnection, share: float, now: datetime) -> datetime | None:
    """The time that at most this share of the rows is younger than, at a full hour where that hour is over.

    None where there are no rows.
    """
    slices = " UNION ALL ".join(f"SELECT epoch_us(time) // {_SLICE_US} AS slice FROM {t}" for t in _FIRST_TO_GO)
    rows = connection.execute(f"SELECT slice, count(*) FROM ({slices}) GROUP BY slice ORDER BY slice DESC").fetchall()
    allowed = share * sum(count for _, count in rows)
    for number, count in rows:
        allowed -= count
        if allowed < 0:
            cut: datetime = _EPOCH + (number + 1) * _SLICE
            full_hour = _EPOCH - (_EPOCH - cut) // _HOUR * _HOUR
            return full_hour if full_hour <= now else cut
    return None


def shrink(connection: duckdb.DuckDBPyConnection, path: Path, budget_bytes: int, now: datetime) -> bool:
    """Delete the oldest hours if the store fills its budget; False where nothing had to go, or could.

    It stops well below the budget: the rest is for what arrives, and what a checkpoint writes, until the next time.
    """
    if _in_use(connection, path) <= _FILLED * budget_bytes:
        return False
    fold(connection)
    before = _in_use(connection, path)
    if before <= _FILLED * budget_bytes:
        return False
    cut = where_to_cut(connection, _KEPT * budget_bytes / before, now)
    if cut is None:
        return False
    drop_before(connection, cut, _FIRST_TO_GO)
    if _in_use(connection, path) >= before:
        # DuckDB gives back whole row groups only, and a small store is all in one.
        rewrite(connection)
    return True


def _in_use(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    size = size_of(connection, path)
    return size.used + size.log


def drop_aged(connection: duckdb.DuckDBPyConnection, now: datetime, keep: timedelta) -> None:
    """Delete whatever is older than `keep`."""
    drop_before(connection, now - keep, tuple(TABLES))


def rewrite(connection: duckdb.DuckDBPyConnection) -> None:
    """Write every table anew into free blocks, so that the file can be cut off behind the last one in use."""
    tables = connection.execute("SELECT table_name, sql FROM duckdb_tables() WHERE NOT temporary").fetchall()
    for table, made_by in tables:
        connection.execute("BEGIN")
        connection.execute(f"ALTER TABLE {table} RENAME TO worn")
        connection.execute(made_by)
        connection.execute(f"INSERT INTO {table} SELECT * FROM worn")
        connection.execute("DROP TABLE worn")
        connection.execute("COMMIT")
    fold(connection)
    fold(connection)
