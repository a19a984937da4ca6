"""The live store's file: opened, recognised, brought forward to this version's schema."""

import re
from collections.abc import Callable
from pathlib import Path

import duckdb

from watchkeeper.errors import StoreIncompatible, StoreUnavailable
from watchkeeper.tables import TABLES
from watchkeeper.telemetry.schema import columns_of

Connection = duckdb.DuckDBPyConnection
Migration = Callable[[Connection], None]


def _make_tables(connection: Connection) -> None:
    connection.execute("CREATE TABLE meta (name VARCHAR NOT NULL, value VARCHAR NOT NULL)")
    connection.execute("INSERT INTO meta VALUES ('written_by', 'watchkeeper'), ('schema_version', '0')")
    for table in TABLES:
        connection.execute(f"CREATE TABLE {table} ({columns_of(table)})")


def _remember_bodies(connection: Connection) -> None:
    connection.execute("CREATE TABLE bodies (digest VARCHAR NOT NULL, arrived_at TIMESTAMPTZ NOT NULL)")


MIGRATIONS: tuple[Migration, ...] = (_make_tables, _remember_bodies)
"""The n-th brings a file of version n to version n + 1; an empty file has version 0."""


def open_file(path: Path, memory_bytes: int, migrations: tuple[Migration, ...] = MIGRATIONS) -> Connection:
    """The store's file, made where there is none, at this version's schema.

    Raises StoreUnavailable where another process has it or it cannot be opened, and StoreIncompatible where it is
    not a store of ours or a newer watchkeeper wrote it.
    """
    connection = _connect(path, memory_bytes)
    try:
        _bring_forward(connection, path, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def version_of(connection: Connection, path: Path) -> int:
    """The schema version that a file says it has; 0 where it is empty."""
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        return 0
    try:
        rows = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise StoreIncompatible(f"{path} is a DuckDB file, but not a store of watchkeeper") from error
    if rows.get("written_by") != "watchkeeper" or not str(rows.get("schema_version")).isdigit():
        raise StoreIncompatible(f"{path} is a DuckDB file, but not a store of watchkeeper: its table meta is foreign")
    return int(rows["schema_version"])


def _connect(path: Path, memory_bytes: int) -> Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(path)
    except (duckdb.Error, OSError) as error:
        raise _refusal(path, error) from error
    settings = {
        "TimeZone": "'UTC'",
        "preserve_insertion_order": "false",
        "memory_limit": f"'{memory_bytes}B'",
        # Larger than DuckDB's 16 MB: a checkpoint rewrites the tail of every table.
        "checkpoint_threshold": "'256MB'",
        "python_enable_replacements": "false",
        "enable_external_access": "false",
    }
    for name, value in settings.items():
        connection.execute(f"SET GLOBAL {name} = {value}")
    # A connection of its own setting, unlike the others; cursors have none. It would draw on stdout.
    connection.execute("SET enable_progress_bar = false")
    return connection


def _refusal(path: Path, error: Exception) -> StoreUnavailable | StoreIncompatible:
    text = str(error).splitlines()[0]
    if "lock" in text:
        holder = re.search(r"PID (\d+)", text)
        who = f" (pid {holder[1]})" if holder else ""
        return StoreUnavailable(
            f"{path} is in use by another watchkeeper{who}; ask that one over HTTP with --store, or stop it"
        )
    if "not a valid DuckDB database" in text:
        return StoreIncompatible(f"{path} is not a store of watchkeeper: it is no DuckDB file")
    if "version" in text:
        return StoreIncompatible(f"{path} was written by a newer DuckDB than this watchkeeper has: {text}")
    return StoreUnavailable(f"{path} cannot be opened as a store: {text}")


def _bring_forward(connection: Connection, path: Path, migrations: tuple[Migration, ...]) -> None:
    version = version_of(connection, path)
    if version > len(migrations):
        raise StoreIncompatible(
            f"{path} has schema version {version}, this watchkeeper knows up to {len(migrations)}: use a newer one"
        )
    for number, migrate in enumerate(migrations[version:], start=version + 1):
        connection.execute("BEGIN")
        migrate(connection)
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", [str(number)])
        connection.execute("COMMIT")
