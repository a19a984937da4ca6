"""What the live store lets go of: rows past their age, then the oldest hours until the file fits its budget."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from watchkeeper.tables import TABLES, TableName

_HOUR = timedelta(hours=1)
_SLICE = timedelta(minutes=5)
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
    row = connection.execute("SELECT block_size, used_blocks, free_blocks FROM pragma_database_size()").fetchone()
    block, used, unused = row if row else (0, 0, 0)
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


def oldest_slice_end(connection: duckdb.DuckDBPyConnection, now: datetime) -> datetime | None:
    """Where the oldest hour ends, or if that hour is still young its oldest five minutes; None without rows."""
    each = " UNION ALL ".join(f"SELECT min(time) AS first FROM {table}" for table in _FIRST_TO_GO)
    row = connection.execute(f"SELECT epoch_us(min(first)) FROM ({each})").fetchone()
    if row is None or row[0] is None:
        return None
    first = datetime.fromtimestamp(row[0] / 1e6, UTC)
    step = _HOUR if first < now - _HOUR else _SLICE
    return _rounded_down(first, step) + step


def drop_oldest(connection: duckdb.DuckDBPyConnection, now: datetime) -> bool:
    """Delete the oldest hour of what fills the disk; False if there is nothing left to delete."""
    end = oldest_slice_end(connection, now)
    if end is None:
        return False
    drop_before(connection, end, _FIRST_TO_GO)
    return True


def drop_aged(connection: duckdb.DuckDBPyConnection, now: datetime, keep: timedelta) -> None:
    """Delete whatever is older than `keep`."""
    drop_before(connection, now - keep, tuple(TABLES))


def rewrite(connection: duckdb.DuckDBPyConnection) -> None:
    """Write every table anew into the free blocks at the front, so that the file can be cut off behind them."""
    for table in _FIRST_TO_GO:
        connection.execute("BEGIN")
        connection.execute(f"CREATE TABLE rewritten AS SELECT * FROM {table}")
        connection.execute(f"DROP TABLE {table}")
        connection.execute(f"ALTER TABLE rewritten RENAME TO {table}")
        connection.execute("COMMIT")
        fold(connection)
    fold(connection)


def _rounded_down(time: datetime, step: timedelta) -> datetime:
    start = datetime.fromtimestamp(0, UTC)
    return start + (time - start) // step * step
