"""Recordings: folders of Parquet files, one table each, that answer the same questions as the live store."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from watchkeeper.domain import Window
from watchkeeper.errors import SourceUnavailable, StoreIncompatible
from watchkeeper.tables import TABLES, TableName
from watchkeeper.telemetry.schema import columns_of, selected_from_maps, with_entries
from watchkeeper.telemetry.sources import (
    Answer,
    ChangeQuery,
    EventQuery,
    FeedbackQuery,
    LogQuery,
    MetricQuery,
    Sources,
    SpanQuery,
)
from watchkeeper.telemetry.store import Store

_SLICE = timedelta(minutes=5)
_ALL = 10**9
SMALL_BYTES = 64 << 20
"""Files of a table up to this size are read into memory when a recording is opened."""


def open_recording(folder: Path) -> Store:
    """The recording in a folder: `spans.parquet` or `spans/*.parquet` and so on; a table may be missing.

    Raises StoreIncompatible where the folder holds no recording, or a file that is not what its name says.
    """
    if not folder.is_dir():
        raise StoreIncompatible(f"there is no folder {folder} to read a recording from")
    files = {table: _files_of(folder, table) for table in TABLES}
    if not any(files.values()):
        expected = ", ".join(f"{table}.parquet" for table in TABLES)
        raise StoreIncompatible(f"{folder} holds no recording: expected at least one of {expected}")
    connection = _in_memory()
    for table, paths in files.items():
        for path in paths:
            _check(path, table)
        _add(connection, table, paths)
    return _store_over(connection)


def store_of(tables: Mapping[TableName, pa.Table]) -> Store:
    """Tables that are in memory already, as a store to ask; the others are empty."""
    connection = _in_memory()
    for table, schema in TABLES.items():
        rows = tables.get(table, schema.empty_table()).cast(schema)
        connection.register("incoming", with_entries(rows))
        connection.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming ORDER BY {_order(table)}")
        connection.unregister("incoming")
    return _store_over(connection)


def write_recording(sources: Sources, window: Window, folder: Path) -> dict[TableName, int]:
    """Write what happened in the window to a folder, and say how many rows each table has.

    A table without rows has no file. A file appears under its name only when it is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {table: _write(sources, table, window, folder) for table in TABLES}
    return {table: rows for table, rows in written.items() if rows}


def _in_memory() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET GLOBAL preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    return connection


def _store_over(connection: duckdb.DuckDBPyConnection) -> Store:
    return Store(connection.cursor, connection.close)


def _order(table: TableName) -> str:
    return "time" if "time" in TABLES[table].names else "id"


def _files_of(folder: Path, table: TableName) -> list[Path]:
    single = folder / f"{table}.parquet"
    return [single] if single.is_file() else sorted((folder / table).glob("*.parquet"))


def _check(path: Path, table: TableName) -> None:
    """Raise StoreIncompatible unless the file is Parquet with the table's columns."""
    try:
        found = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise StoreIncompatible(f"{path} is not a readable Parquet file: {str(error).splitlines()[0]}") from error
    for field in TABLES[table]:
        position = found.get_field_index(field.name)
        if position < 0:
            raise StoreIncompatible(f"{path} lacks the column {field.name} ({field.type}) of the table {table}")
        if not _is_same_type(found.field(position).type, field.type):
            kind = found.field(position).type
            raise StoreIncompatible(f"{path}: the column {field.name} of {table} is {kind}, expected {field.type}")


def _is_same_type(found: pa.DataType, expected: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_large_string(found):
        found = pa.string()
    if pa.types.is_list(found) and pa.types.is_list(expected):
        return bool(found.value_type == expected.value_type)
    if pa.types.is_map(found) and pa.types.is_map(expected):
        return bool(found.key_type == expected.key_type and found.item_type == expected.item_type)
    return bool(found == expected)


def _add(connection: duckdb.DuckDBPyConnection, table: TableName, paths: list[Path]) -> None:
    """Make the relation: small files are read once, large ones where they lie, at each question."""
    if not paths:
        connection.execute(f"CREATE TABLE {table} ({columns_of(table)})")
        return
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    rows = f"SELECT {selected_from_maps(table)} FROM read_parquet([{listed}])"
    is_small = sum(path.stat().st_size for path in paths) <= SMALL_BYTES
    try:
        connection.execute(f"CREATE {'TABLE' if is_small else 'VIEW'} {table} AS {rows}")
    except duckdb.Error as error:
        raise StoreIncompatible(f"{listed} cannot be read as {table}: {str(error).splitlines()[0]}") from error


def _write(sources: Sources, table: TableName, window: Window, folder: Path) -> int:
    partial, complete = folder / f"{table}.partial", folder / f"{table}.parquet"
    written = 0
    with pq.ParquetWriter(partial, TABLES[table], compression="zstd") as writer:
        for part in _slices(window):
            rows = _read(sources, table, part)
            written += rows.num_rows
            if rows.num_rows:
                writer.write_table(rows)
    if written:
        partial.replace(complete)
    else:
        partial.unlink()
    return written


def _slices(window: Window) -> list[Window]:
    """The window in parts that fit into memory, in order."""
    starts = [window.start]
    while starts[-1] + _SLICE < window.end:
        starts.append(starts[-1] + _SLICE)
    return [Window(start=a, end=b) for a, b in zip(starts, [*starts[1:], window.end], strict=True)]


def _read(sources: Sources, table: TableName, window: Window) -> pa.Table:
    ask = {
        "metrics": lambda: sources.points(MetricQuery(window=window, limit=_ALL)),
        "logs": lambda: sources.records(LogQuery(window=window, limit=_ALL)),
        "spans": lambda: sources.spans(SpanQuery(window=window, limit=_ALL)),
        "changes": lambda: sources.changes(ChangeQuery(window=window, limit=_ALL, with_commits=True)),
        "feedback": lambda: sources.feedback(FeedbackQuery(window=window, limit=_ALL)),
        "events": lambda: sources.events(EventQuery(window=window, limit=_ALL)),
    }
    answer: Answer = ask[table]()
    if answer.is_truncated:
        raise SourceUnavailable(f"the source would not give all {table} of {window.start.isoformat()} and after")
    return answer.rows
