"""The first look at a system: requests, calls, resources and presence of every service over one stretch of time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from watchkeeper.analysis.resources import ResourceKind, Usage, usages
from watchkeeper.analysis.series import Floats, Grid, Key, Red, floats, groups, red_series
from watchkeeper.domain import EvidenceId, Window
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.telemetry.sources import CallQuery, LogCountQuery, MetricBucketQuery, RedQuery, Sources

STEP_SECONDS = 5.0
STEPS = 720
"""Steps of a grid at most; longer windows get longer steps."""


@dataclass(frozen=True)
class Vitals:
    """Every service on one grid. What could not be asked is empty, and the ledger says why."""

    grid: Grid
    services: dict[str, Red]
    operations: dict[Key, Red]
    """By (service, operation)."""
    calls: dict[Key, Red]
    """By (caller, callee, operation), as the caller saw them."""
    answered: dict[Key, Red]
    """The same calls, with durations as the callee saw them."""
    uninstrumented: frozenset[str]
    """Callees that report nothing themselves."""
    resources: dict[tuple[str, ResourceKind], Usage]
    presence: dict[str, Floats]
    """Rows of any telemetry a step, by service."""
    instances: dict[str, dict[str, tuple[int, int]]]
    """By service and instance: the first and last step in which it reported."""
    evidence: dict[str, EvidenceId] = field(default_factory=dict)
    """Which evidence holds `services`, `operations`, `calls`, `resources`, `logs`."""

    @property
    def names(self) -> list[str]:
        """All services that reported anything, sorted."""
        return sorted(self.presence)


def grid_of(window: Window) -> Grid:
    """The grid that suits a window: whole steps of 5 s (longer ones where it is long), aligned to the epoch."""
    step = max(STEP_SECONDS, float(np.ceil(window.duration.total_seconds() / STEPS / 5) * 5))
    start = datetime.fromtimestamp(np.ceil(window.start.timestamp() / step) * step, UTC)
    return Grid(start, step, max(0, int((window.end - start).total_seconds() // step)))


def take_vitals(sources: Sources, window: Window, ledger: Ledger) -> Vitals:
    """Ask for everything on one grid. Never raises for a source that is down."""
    grid = grid_of(window)
    step = grid.step_seconds
    whole = Window(start=grid.start, end=grid.time_of(grid.size))
    asked = {
        "services": ledger.ask(
            "How many requests did each service get, how many failed, how long did they take?",
            "traces", sources.red, RedQuery(window=whole, step_seconds=step),
        ),
        "operations": ledger.ask(
            "The same for each operation.", "traces", sources.red,
            RedQuery(window=whole, step_seconds=step, by=("operation",)),
        ),
        "calls": ledger.ask(
            "Who called whom, how often did it fail, how long did it take?", "traces", sources.calls,
            CallQuery(window=whole, step_seconds=step),
        ),
        "resources": ledger.ask(
            "What did services use of CPU, memory, connections and queues?", "metrics", sources.metric_buckets,
            MetricBucketQuery(window=whole, step_seconds=step),
        ),
        "logs": ledger.ask(
            "How many lines did each service log?", "logs", sources.log_counts,
            LogCountQuery(window=whole, step_seconds=step),
        ),
    }  # fmt: skip
    return vitals_of(ledger, {name: number for name, (number, _) in asked.items()})


def vitals_of(answers: Answers, evidence: dict[str, EvidenceId]) -> Vitals:
    """The vitals that those answers make; computed once for a set of answers."""
    return answers.once(("vitals", *evidence.values()), lambda: _read(answers, evidence))


def grid_asked(answers: Answers, number: EvidenceId) -> Grid:
    """The grid on which evidence was asked for."""
    query = answers.query(number)
    assert isinstance(query, RedQuery | CallQuery | MetricBucketQuery | LogCountQuery)
    return Grid.over(query.window, query.step_seconds)


def _read(answers: Answers, evidence: dict[str, EvidenceId]) -> Vitals:
    found = {name: answers.answer(number) for name, number in evidence.items()}
    tables = {name: table for name, table in found.items() if table is not None}
    return _vitals(tables, grid_asked(answers, evidence["services"]), evidence)


def _vitals(tables: dict[str, pa.Table], grid: Grid, evidence: dict[str, EvidenceId]) -> Vitals:
    red = {n: _series(tables.get(n), c, grid) for n, c in _COLUMNS.items()}
    calls = tables.get("calls")
    return Vitals(
        grid=grid,
        services={key[0]: values for key, values in red["services"].items()},
        operations=red["operations"],
        calls=red["calls"],
        answered=_series(_as_callee_saw(calls), _COLUMNS["calls"], grid),
        uninstrumented=_uninstrumented(calls),
        resources=usages(tables["resources"], grid) if "resources" in tables else {},
        presence=_presence(tables, grid),
        instances=_instances(tables.get("resources"), grid),
        evidence=evidence,
    )


_COLUMNS = {
    "services": ["service_name"],
    "operations": ["service_name", "operation"],
    "calls": ["service_name", "callee", "operation"],
}


def _series(table: pa.Table | None, columns: list[str], grid: Grid) -> dict[Key, Red]:
    return {} if table is None else red_series(table, columns, grid)


def _as_callee_saw(calls: pa.Table | None) -> pa.Table | None:
    if calls is None:
        return None
    answered = calls.filter(calls["callee_mean_ms"].is_valid())
    return answered.set_column(answered.column_names.index("mean_ms"), "mean_ms", answered["callee_mean_ms"])


def _uninstrumented(calls: pa.Table | None) -> frozenset[str]:
    if calls is None:
        return frozenset()
    pairs = list(zip(calls["callee"].to_pylist(), calls["is_instrumented"].to_pylist(), strict=True))
    return frozenset({callee for callee, _ in pairs} - {callee for callee, seen in pairs if seen})


def _presence(tables: dict[str, pa.Table], grid: Grid) -> dict[str, Floats]:
    out: dict[str, Floats] = {}
    for name, column in (("services", "requests"), ("resources", "points"), ("logs", "records")):
        if name in tables:
            values = floats(tables[name][column])
            for (service,), steps, rows in groups(tables[name], ["service_name"], grid):
                np.add.at(out.setdefault(service, np.zeros(grid.size)), steps, values[rows])
    return out


def _instances(table: pa.Table | None, grid: Grid) -> dict[str, dict[str, tuple[int, int]]]:
    out: dict[str, dict[str, tuple[int, int]]] = {}
    if table is not None:
        for (service, instance), steps, _ in groups(table, ["service_name", "service_instance_id"], grid):
            if instance:
                out.setdefault(service, {})[instance] = (int(steps.min()), int(steps.max()))
    return out
