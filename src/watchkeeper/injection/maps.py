"""Single attributes of many rows at once: columns of maps read and rewritten without a loop."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.injection.forest import NOWHERE, Bools, Ints
from watchkeeper.tables import ATTRIBUTES


def value_rows(maps: pa.Array, key: str) -> tuple[Ints, Ints]:
    """For each row that has the key: the row, and where its value stands among all items."""
    keys = maps.keys
    held = np.flatnonzero(np.asarray(pc.equal(keys, key).to_numpy(zero_copy_only=False), dtype=bool))
    offsets = np.asarray(maps.offsets.to_numpy())
    return np.searchsorted(offsets, held, side="right") - 1, held


def value_of(column: pa.ChunkedArray, key: str) -> pa.Array:
    """The value of the key in each row, null where there is none."""
    maps = column.combine_chunks()
    rows, held = value_rows(maps, key)
    places = np.full(len(maps), NOWHERE)
    places[rows] = held
    return maps.items.take(pa.array(places, mask=places < 0))


def with_value(column: pa.ChunkedArray, key: str, changed: Bools, values: pa.Array) -> pa.Array:
    """The column with another value of the key in the changed rows that have it; `values` has one for every row."""
    maps = column.combine_chunks()
    rows, held = value_rows(maps, key)
    places = held[changed[rows]]
    if not places.size:
        return maps
    mask = np.zeros(len(maps.items), dtype=bool)
    mask[places] = True
    items = pc.replace_with_mask(maps.items, pa.array(mask), values.take(pa.array(rows[changed[rows]])))
    return rebuilt(maps, items)


def rebuilt(maps: pa.Array, items: pa.Array) -> pa.Array:
    """The same maps over other items; rows that were null stay null."""
    offsets = pa.array(np.asarray(maps.offsets.to_numpy()), pa.int32())
    found = pa.MapArray.from_arrays(offsets, maps.keys, items).cast(ATTRIBUTES)
    return found if maps.null_count == 0 else pc.if_else(maps.is_null(), pa.scalar(None, ATTRIBUTES), found)
