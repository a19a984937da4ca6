"""The tables as DuckDB holds them, and Arrow rows on the way in and out.

An attribute map is held as a list of key and value: DuckDB proves each map's keys to be unique when one is made,
which costs more than everything else that ingest does.
"""

import pyarrow as pa

from watchkeeper.tables import ATTRIBUTES, TABLES, TIME, TableName

_ENTRY = pa.struct([pa.field("key", pa.string(), nullable=False), pa.field("value", pa.string())])
_ENTRIES = pa.list_(_ENTRY)

_TYPES = {
    pa.string(): "VARCHAR",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.list_(pa.int64()): "BIGINT[]",
    pa.list_(pa.float64()): "DOUBLE[]",
    pa.list_(pa.string()): "VARCHAR[]",
    TIME: "TIMESTAMPTZ",
    ATTRIBUTES: 'STRUCT("key" VARCHAR, "value" VARCHAR)[]',
}


def columns_of(table: TableName) -> str:
    """The columns of a table as `CREATE TABLE` takes them."""
    return ", ".join(_column(field) for field in TABLES[table])


def selected_from_maps(table: TableName) -> str:
    """The columns of a table, its maps made into entries, as `SELECT` takes them."""
    return ", ".join(
        f'map_entries("{f.name}") AS "{f.name}"' if f.type == ATTRIBUTES else f'"{f.name}"' for f in TABLES[table]
    )


def with_entries(rows: pa.Table) -> pa.Table:
    """The rows with their maps as lists of key and value; nothing is copied."""
    for place, field in enumerate(rows.schema):
        if field.type == ATTRIBUTES:
            rows = _replaced(rows, place, _ENTRIES)
    return rows


def with_maps(rows: pa.Table) -> pa.Table:
    """The rows as DuckDB gave them, with attribute maps, and times in UTC."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(place, pa.field(field.name, TIME), rows.column(place).cast(TIME))
        elif _is_entries(field.type):
            rows = _replaced(rows, place, ATTRIBUTES)
    return rows


def _column(field: pa.Field) -> str:
    return f'"{field.name}" {_TYPES[field.type]}{"" if field.nullable else " NOT NULL"}'


def _is_entries(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_struct(kind.value_type))


def _replaced(rows: pa.Table, place: int, kind: pa.DataType) -> pa.Table:
    parts = [_relabelled(part, kind) for part in rows.column(place).chunks]
    return rows.set_column(place, pa.field(rows.field(place).name, kind), pa.chunked_array(parts, kind))


def _relabelled(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Maps and lists of key and value have the same layout: only the name of the type changes."""
    pairs = array.values
    entries = pa.StructArray.from_arrays([pairs.field(0), pairs.field(1)], fields=list(_ENTRY))
    return pa.Array.from_buffers(kind, len(array), array.buffers()[:2], offset=array.offset, children=[entries])
