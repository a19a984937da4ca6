"""What the writer does with a group of batches: one transaction, everything or nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from watchkeeper.errors import DiskFull, StoreUnavailable
from watchkeeper.tables import TABLES, TableName
from watchkeeper.telemetry.schema import with_entries

HAVE_IDS: tuple[TableName, ...] = ("changes", "feedback", "events")
_NO_ROOM = ("No space left", "File too large", "quota exceeded", "disk is full")


@dataclass(frozen=True)
class Batch:
    """What one request brought: rows by table, and a digest of its body if a re-sent body is to be recognised."""

    tables: Mapping[TableName, pa.Table]
    digest: str | None = None


def write_group(connection: duckdb.DuckDBPyConnection, batches: Sequence[Batch], now: datetime) -> None:
    """Write the batches in one transaction; those whose digest is known already are left out.

    Rows with an id replace the row that had it. Raises DiskFull or StoreUnavailable, and then nothing is written.
    """
    try:
        connection.execute("BEGIN")
        fresh = _fresh(connection, batches)
        for table in TABLES:
            parts = [batch.tables[table] for batch in fresh if table in batch.tables]
            if parts:
                _append(connection, table, pa.concat_tables(parts))
        _remember(connection, (batch.digest for batch in fresh if batch.digest), now)
        connection.execute("COMMIT")
    except duckdb.Error as error:
        _roll_back(connection)
        raise failure(error) from error


def _fresh(connection: duckdb.DuckDBPyConnection, batches: Sequence[Batch]) -> list[Batch]:
    digests = [batch.digest for batch in batches if batch.digest]
    if not digests:
        return list(batches)
    found = connection.execute("SELECT digest FROM bodies WHERE digest IN (SELECT unnest(?))", [digests]).fetchall()
    seen: set[str | None] = {digest for (digest,) in found}
    fresh = []
    for batch in batches:
        if batch.digest is None or batch.digest not in seen:
            fresh.append(batch)
            seen.add(batch.digest)
    return fresh


def _append(connection: duckdb.DuckDBPyConnection, table: TableName, rows: pa.Table) -> None:
    if table in HAVE_IDS:
        rows = _last_of_each_id(rows)
    connection.register("incoming", with_entries(rows))
    try:
        if table in HAVE_IDS:
            connection.execute(f"DELETE FROM {table} WHERE id IN (SELECT id FROM incoming)")
        connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")
    finally:
        connection.unregister("incoming")


def _last_of_each_id(rows: pa.Table) -> pa.Table:
    places = {identity: place for place, identity in enumerate(rows["id"].to_pylist())}
    return rows.take(sorted(places.values()))


def _remember(connection: duckdb.DuckDBPyConnection, digests: Iterable[str], now: datetime) -> None:
    listed = list(digests)
    if listed:
        connection.execute("INSERT INTO bodies SELECT unnest(?), ?", [listed, now])


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        return  # the transaction is over already, or the connection is beyond use and is opened anew


def failure(error: duckdb.Error) -> StoreUnavailable:
    """What a failed write means to the sender."""
    text = str(error).splitlines()[0]
    if any(sign in text for sign in _NO_ROOM):
        return DiskFull(f"there is no room left to write to: {text}; what was acknowledged is safe")
    return StoreUnavailable(f"the store could not be written: {text}")
