"""CSV files as data sets publish them: with the odd damaged row."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from watchkeeper.errors import DatasetRejected

NULLS = ["", "NaN", "nan", "null"]
DAMAGED = 100
"""One row in so many may have more or fewer columns than the first, and is left out silently."""


def read_csv(
    path: Path, columns: Mapping[str, pa.DataType], *, whole: bool = False, needed: Sequence[str] | None = None
) -> pa.Table:
    """Those columns of a file in those types, or all of it with `whole`; raises DatasetRejected.

    It is rejected where it is no such file, has too many damaged rows or lacks a column that is `needed`: all of those
    that are named, unless it is said which.
    """
    damaged: list[int] = []

    def skip(row: csv.InvalidRow) -> str:
        damaged.append(row.actual_columns)
        return "skip"

    options = csv.ConvertOptions(
        include_columns=None if whole else list(columns),
        column_types=dict(columns),
        null_values=NULLS,
    )
    shape = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip)
    try:
        table = csv.read_csv(path, parse_options=shape, convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise DatasetRejected(f"{path} is not a CSV with columns {', '.join(columns)}: {error}") from error
    missing = set(columns if needed is None else needed) - set(table.column_names)
    if missing:
        raise DatasetRejected(f"{path} has no column {min(missing)}")
    if len(damaged) > max(1, table.num_rows // DAMAGED):
        raise DatasetRejected(f"{path} has {len(damaged)} rows with more or fewer columns than its first")
    return table
