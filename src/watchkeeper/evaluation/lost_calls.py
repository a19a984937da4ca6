"""A call graph with holes: some of who calls whom is not known, as in most real systems."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.datasets.cases import Edge
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation.problems import Posed
from watchkeeper.telemetry.recording import store_of

SEEDS = 20
"""How often each case is drawn anew, where nothing else is asked for."""


@dataclass(frozen=True)
class Lost:
    """How much of the call graph is taken away, and how often that is drawn."""

    percent: float
    seeds: int = SEEDS

    def __post_init__(self) -> None:
        if not 0 < self.percent <= 100:
            raise ConfigError(f"--missing-edges: expected more than 0 and at most 100 percent, not {self.percent:g}")
        if self.seeds < 1:
            raise ConfigError(f"--seeds: expected one draw or more, not {self.seeds}")


def without_calls(posed: Posed, percent: float, seed: tuple[int, int]) -> tuple[Posed, int]:
    """The problem without that percentage of its calls, drawn evenly, and how many calls that were.

    A declared call is left out of the declaration; of one that is seen in traces every callee's span loses its parent,
    as where a context is not handed on. The store is the same one where no span had to be changed.
    """
    spans = posed.tables.get("spans")
    parents = _parents(spans) if spans is not None else pa.table({"row": [], "caller": [], "callee": []})
    seen = set(zip(parents["caller"].to_pylist(), parents["callee"].to_pylist(), strict=True))
    calls = sorted(seen | posed.trigger.topology)
    # Of a small graph one call at least, so that there is something to do without.
    drawn = np.random.default_rng(seed).permutation(len(calls))[: max(1, round(len(calls) * percent / 100))]
    lost = frozenset(calls[place] for place in drawn)
    trigger = replace(posed.trigger, topology=posed.trigger.topology - lost)
    if spans is None or not lost & seen:
        return replace(posed, trigger=trigger), len(lost)
    tables = {**posed.tables, "spans": _orphaned(spans, parents, lost)}
    return replace(posed, trigger=trigger, tables=tables, sources=store_of(tables)), len(lost)


def _parents(spans: pa.Table) -> pa.Table:
    """The rows of spans whose parent is in another service, with the caller and the callee."""
    keys = ["trace_id", "span_id"]
    above = spans.select([*keys, "service_name"]).rename_columns(["trace_id", "parent_span_id", "caller"])
    below = spans.select(["trace_id", "parent_span_id", "service_name"]).rename_columns(
        ["trace_id", "parent_span_id", "callee"]
    )
    below = below.append_column("row", pa.array(np.arange(spans.num_rows)))
    joined = below.join(above, ["trace_id", "parent_span_id"], join_type="inner")
    crossing = joined.filter(pc.not_equal(joined["caller"], joined["callee"]))
    return crossing.select(["row", "caller", "callee"])


def _orphaned(spans: pa.Table, parents: pa.Table, lost: frozenset[Edge]) -> pa.Table:
    """The spans, those of the lost calls without their parent."""
    pairs = zip(parents["row"].to_pylist(), parents["caller"].to_pylist(), parents["callee"].to_pylist(), strict=True)
    is_orphan = np.zeros(spans.num_rows, dtype=bool)
    is_orphan[[row for row, caller, callee in pairs if (caller, callee) in lost]] = True
    place = spans.column_names.index("parent_span_id")
    left = pc.if_else(pa.array(is_orphan), pa.scalar(None, pa.string()), spans["parent_span_id"])
    return spans.set_column(place, spans.schema.field(place), left)
