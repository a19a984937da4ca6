"""Quiet telemetry with spans in, the same telemetry with a fault in it out; the same plan gives the same bytes."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.injection import gauges, told
from watchkeeper.injection.effects import NS, Effects, effects_of, enters, onset_ns
from watchkeeper.injection.forest import Forest, Ints, span_keys, times_ns
from watchkeeper.injection.plan import Deploy, Fault, Propagation, Tables
from watchkeeper.injection.warp import Extra, warp
from watchkeeper.tables import TABLES, TIME, TableName, table_of

BUSY_KINDS = ("cpu", "surge")
SURGE_STEP_NS = 2_000_000_000
"""By how much at most the added requests of a surge differ in time from those that they are copies of."""


@dataclass(frozen=True)
class Quiet:
    """Telemetry in which nothing is wrong, read once for any number of faults."""

    tables: Tables

    @cached_property
    def spans(self) -> pa.Table:
        """Its spans, in one piece and in order of time."""
        return self._whole("spans")

    @cached_property
    def logs(self) -> pa.Table:
        """Its log lines."""
        return self._whole("logs")

    @cached_property
    def metrics(self) -> pa.Table:
        """Its points of metrics."""
        return self._whole("metrics")

    @cached_property
    def forest(self) -> Forest:
        """Its traces."""
        return Forest.of(self.spans)

    def _whole(self, name: TableName) -> pa.Table:
        schema = TABLES[name]
        rows = self.tables.get(name, schema.empty_table()).cast(schema)
        return rows.sort_by("time").combine_chunks()


def inject(quiet: Quiet, fault: Fault) -> Tables:
    """The tables with the fault in them, in order of time; nothing of the plan is written into them.

    Raises ValueError where the plan names a component or an endpoint that the spans do not have.
    """
    random = np.random.default_rng([fault.seed, 1])
    how, forest = fault.propagation or Propagation(), quiet.forest
    counted, (quiet, forest) = quiet.spans, _surged(quiet, forest, fault, random)
    effects = effects_of(forest, fault, random)
    if fault.drift is not None:
        _drift(forest, fault, effects.extra)
    warped = warp(forest, effects.extra)
    made = told.tell(quiet.spans, quiet.logs, forest, effects, warped, how, random)
    tables: dict[TableName, pa.Table] = {**quiet.tables, "spans": made.spans, "logs": made.logs}
    if quiet.metrics.num_rows:
        tables["metrics"] = gauges.remeasured(quiet.metrics, counted, made.spans)
    _restarts_and_silence(tables, forest, fault, effects, how, random)
    if fault.deploy is not None:
        tables["changes"] = _with_deploy(tables.get("changes"), fault.deploy, random)
    return {name: _ordered(name, table) for name, table in tables.items() if table.num_rows}


def _surged(quiet: Quiet, forest: Forest, fault: Fault, random: np.random.Generator) -> tuple[Quiet, Forest]:
    """More of the same requests: copies of whole traces, each moved a little, for a surge; else all as it is."""
    if fault.kind != "surge":
        return quiet, forest
    onset = onset_ns(forest, fault)
    roots = np.flatnonzero(enters(forest) & (forest.start >= onset))
    roots = roots[forest.service[roots] == forest.code(fault.component)]
    spans, logs = [quiet.spans], [quiet.logs]
    for round_ in range(int(np.ceil(fault.size - 1))):
        share = min(1.0, fault.size - 1 - round_)
        chosen = roots[random.random(roots.size) < share]
        more, lines = _copied(quiet, forest, chosen, onset, random)
        spans.append(more)
        logs.append(lines)
    fuller = replace(quiet, tables={**quiet.tables, "spans": pa.concat_tables(spans), "logs": pa.concat_tables(logs)})
    return fuller, fuller.forest


def _copied(
    quiet: Quiet, forest: Forest, roots: Ints, onset: int, random: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    root = np.full(forest.size, -1)
    root[roots] = np.arange(roots.size)
    for rows in forest.generations[1:]:
        root[rows] = root[forest.parent[rows]]
    copies = np.flatnonzero(root >= 0)
    step = random.integers(-SURGE_STEP_NS, SURGE_STEP_NS, roots.size)
    step = np.maximum(step, onset - forest.start[roots])
    return told.multiplied(quiet.spans, quiet.logs, copies, step[root[copies]], random)


def _drift(forest: Forest, fault: Fault, extra: Extra) -> None:
    """A decoy's own work takes a little longer from its own moment on."""
    drift = fault.drift
    assert drift is not None
    since = round(drift.begins.timestamp() * 1e6) * 1000 - forest.origin_ns
    rows = np.flatnonzero(
        (forest.service == forest.code(drift.component)) & (forest.start >= since) & ~forest.is_client
    )
    extra.after[rows] += (forest.own_time()[rows] * drift.ratio).astype(np.int64)


def _restarts_and_silence(
    tables: dict[TableName, pa.Table],
    forest: Forest,
    fault: Fault,
    effects: Effects,
    how: Propagation,
    random: np.random.Generator,
) -> None:
    """What the fault does to everything that its component reports beside spans."""
    since = onset_ns(forest, fault) + forest.origin_ns
    metrics = tables.get("metrics")
    if fault.kind == "silence":
        logs = tables["logs"]
        mine = pc.equal(logs["service_name"], fault.component).to_numpy() & (times_ns(logs["time"]) >= since)
        tables["logs"] = logs.filter(pa.array(~mine))
        if metrics is not None:
            tables["metrics"] = gauges.without_service(metrics, fault.component, since)
    if fault.kind in BUSY_KINDS and metrics is not None:
        ramp = how.ramp_seconds * NS
        tables["metrics"] = gauges.busier(metrics, fault.component, since, ramp, how.cpu_rise)
    if fault.kind == "crash":
        outages = [(begin + forest.origin_ns, back + forest.origin_ns) for begin, back in effects.outages]
        if metrics is not None:
            tables["metrics"] = gauges.interrupted(metrics, fault.component, outages)
        for name in ("spans", "logs", "metrics"):
            if name in tables:
                again = np.random.default_rng([fault.seed, 2])
                tables[name] = told.restarted(tables[name], fault.component, outages, again)


def _with_deploy(changes: pa.Table | None, deploy: Deploy, random: np.random.Generator) -> pa.Table:
    """The changes with one more, of a component that has nothing to do with the fault."""
    number = int(random.integers(100, 999))
    row: dict[str, object] = {
        "id": f"deploy-{number}",
        "kind": "deploy",
        "service_name": deploy.component,
        "version": f"{number // 100}.{number % 100}.0",
        "time": deploy.at,
        "ended_at": deploy.at,
        "title": f"{deploy.component} {number // 100}.{number % 100}.0",
    }
    made = table_of("changes", [row])
    return made if changes is None else pa.concat_tables([changes.cast(made.schema), made])


def _ordered(name: TableName, table: pa.Table) -> pa.Table:
    """In order of time, ties by id, so that the order of rows says nothing about the fault."""
    if table.schema.field("time").type != TIME:
        return table
    if name == "spans":
        keyed = table.append_column("key", span_keys(table))
        return keyed.sort_by([("time", "ascending"), ("key", "ascending")]).drop_columns(["key"]).combine_chunks()
    return table.sort_by("time").combine_chunks()
