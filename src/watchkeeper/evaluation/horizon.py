"""What can be known at a moment: a case's rows cut where an early answer has to do without the rest."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.datasets.cases import Tables, Trigger
from watchkeeper.evaluation.baseline_series import may_be_read, times_of
from watchkeeper.tables import TableName


def until_of(trigger: Trigger, seconds: float | None) -> Trigger:
    """The trigger with its `until` that long after the signal, and never later than it was."""
    if seconds is None:
        return trigger
    soon = trigger.signal.at + timedelta(seconds=seconds)
    return replace(trigger, until=min(trigger.until, soon))


def known_to(trigger: Trigger, tables: Tables) -> Mapping[TableName, pa.Table]:
    """The rows that exist by the trigger's `until`, and those of its good stretches.

    A span exists once it has ended. A point of a metric counts by its stamp, as it was published: one that is stamped
    at its period's start is there from its start on.
    """
    return {name: _known(name, table, trigger) for name, table in tables.items()}


def _known(name: TableName, table: pa.Table, trigger: Trigger) -> pa.Table:
    begins = times_of(table)
    lasting = table["duration_ns"].to_numpy() // 1000 if name == "spans" else np.zeros(begins.size, dtype=np.int64)
    rows = table.filter(pa.array(may_be_read(begins, begins + lasting, trigger)))
    if name != "changes" or "ended_at" not in rows.column_names:
        return rows
    # A change that still runs has begun, and nobody knows yet when it will have ended.
    ends = rows["ended_at"]
    has_ended = pc.fill_null(pc.less_equal(ends, pa.scalar(trigger.until, ends.type)), False)
    place = rows.column_names.index("ended_at")
    return rows.set_column(place, rows.schema.field(place), pc.if_else(has_ended, ends, pa.scalar(None, ends.type)))
