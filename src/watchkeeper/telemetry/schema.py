"""The tables as DuckDB declares them."""

import pyarrow as pa

from watchkeeper.tables import TABLES, TableName

_TYPES = {
    "string": "VARCHAR",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "list<item: int64>": "BIGINT[]",
    "list<item: double>": "DOUBLE[]",
    "list<item: string>": "VARCHAR[]",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
    "map<string, string>": "MAP(VARCHAR, VARCHAR)",
}


def columns_of(table: TableName) -> str:
    """The columns of a table as `CREATE TABLE` takes them."""
    return ", ".join(_column(field) for field in TABLES[table])


def _column(field: pa.Field) -> str:
    return f'"{field.name}" {_TYPES[str(field.type)]}{"" if field.nullable else " NOT NULL"}'
