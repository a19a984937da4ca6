"""PetShop (Amazon Science, CC BY 4.0): latency and availability alarms of a shop on AWS, five minutes a row.

The layout is the published one: `<traffic>/{train,test}/issue_<n>/{metrics.csv,target.json}`, beside them
`<traffic>/graph.csv` and `<traffic>/noissue/metrics.csv`; the folder given may hold `dataset/` or be it. Traffic
without a fault-free series has no reference.

A node's row becomes what an OpenTelemetry service exports: `http.server.request.duration`, a delta histogram in seconds
whose `count` is the period's requests and whose `value` is the sum of their durations; its time is the row's, which is
the period's start. Failed requests are the series with `error.type`. Only one mean is published for both, so both carry
it. Percentiles are left out: they cannot be added up over series.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from watchkeeper.datasets.cases import Answer, Case, Edge, Tables, Trigger
from watchkeeper.domain import Signal, Window
from watchkeeper.errors import DatasetRejected
from watchkeeper.tables import METRICS

PERIOD_SECONDS = 300
METRIC, UNIT = "http.server.request.duration", "s"
ERROR_TYPE = "_OTHER"
"""OpenTelemetry's value for a failure of which no more is known."""
LATEST = 4e9
"""Unix seconds beyond which a number is no time."""
HEADERS = ("microservice", "metric", "statistic")
MEASURES = {"latency": {"Average": "mean latency"}, "availability": {"Average": "availability"}}
_ISSUE = re.compile(r"issue_(\d+)")

Floats = NDArray[np.float64]
Column = tuple[str, str, str]


@dataclass(frozen=True)
class Sheet:
    """One metrics.csv: times in unix seconds, shape (n,), and columns by node, metric, statistic, NaN where empty."""

    times: Floats
    columns: Mapping[Column, Floats]

    @property
    def window(self) -> Window:
        """All its periods, the last one to its end."""
        return Window(start=_at(self.times.min()), end=_at(self.times.max() + PERIOD_SECONDS))

    @property
    def nodes(self) -> tuple[str, ...]:
        """All that have any column, in order of name."""
        return tuple(sorted({node for node, _, _ in self.columns}))


def cases(folder: Path, *, alert_delay_seconds: float = 0.0) -> Iterator[Case]:
    """One case an issue, by traffic, half and number; raises DatasetRejected."""
    for traffic in _traffics(folder):
        calls, nodes = _graph(traffic / "graph.csv")
        quiet = traffic / "noissue" / "metrics.csv"
        references = (_sheet(quiet).window,) if quiet.is_file() else ()
        for issue in _issues(traffic):
            yield Case(
                name="/".join(issue.parts[-3:]),
                trigger=Trigger(
                    signal=_signal(issue / "target.json", alert_delay_seconds),
                    until=_sheet(issue / "metrics.csv").window.end,
                    references=references,
                    topology=calls,
                ),
                load=partial(_load, issue / "metrics.csv", quiet if references else None),
                candidates=nodes,
            )


def answers(folder: Path) -> Mapping[str, Answer]:
    """The node that each issue was injected at, with the metric that alarmed as its kind; raises DatasetRejected."""
    return {
        "/".join(issue.parts[-3:]): Answer(
            truth=_field(issue / "target.json", "root_cause", "node"),
            kind=_field(issue / "target.json", "target", "metric"),
            system=traffic.name,
        )
        for traffic in _traffics(folder)
        for issue in _issues(traffic)
    }


@dataclass(frozen=True)
class FaultFree:
    """A series without faults, as metrics, and who calls whom."""

    metrics: pa.Table
    window: Window
    topology: frozenset[Edge]


def fault_free(file: Path) -> FaultFree:
    """A `noissue/metrics.csv` with the `graph.csv` above it; raises DatasetRejected."""
    sheet = _sheet(file)
    calls, _ = _graph(file.parent.parent / "graph.csv")
    return FaultFree(_metrics(sheet, sheet.nodes).combine_chunks().sort_by("time"), sheet.window, calls)


def _traffics(folder: Path) -> list[Path]:
    """The folders with a graph and issues; raises DatasetRejected where there are none."""
    root = folder / "dataset" if (folder / "dataset").is_dir() else folder
    found = sorted(path for path in root.glob("*/") if _issues(path))
    if not found:
        raise DatasetRejected(
            f"{folder} is no PetShop: expected <traffic>/test/issue_<n>/target.json, here or under dataset/"
        )
    return found


def _issues(traffic: Path) -> list[Path]:
    def order(path: Path) -> tuple[str, int]:
        return path.parent.name, int(path.name.removeprefix("issue_"))

    folders = [path for half in ("train", "test") for path in (traffic / half).glob("issue_*") if path.is_dir()]
    return sorted((path for path in folders if _ISSUE.fullmatch(path.name)), key=order)


def _signal(path: Path, delay_seconds: float) -> Signal:
    metric, statistic = _field(path, "target", "metric"), _field(path, "target", "agg")
    if metric not in MEASURES:
        raise DatasetRejected(f"{path}: target.metric is {metric!r}, expected one of {', '.join(sorted(MEASURES))}")
    node = _field(path, "target", "node")
    measure = MEASURES[metric].get(statistic, f"{statistic} {metric}")
    return Signal(
        kind="alert",
        at=_at(float(_field(path, "target", "timestamp"))) + timedelta(seconds=delay_seconds),
        service=node,
        measure=measure,
        direction="up" if metric == "latency" else "down",
        text=f"{measure} of {node} is out of bounds",
    )


def _field(path: Path, part: str, name: str) -> str:
    """One field of a target.json as text; the other part is not looked at."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))[part][name]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DatasetRejected(f"{path}: expected JSON with {part}.{name}, {_reason(error)}") from error
    if name == "timestamp":
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
            raise DatasetRejected(f"{path}: {part}.{name} is {value!r}, expected unix seconds")
    elif not isinstance(value, str) or not value:
        raise DatasetRejected(f"{path}: {part}.{name} is {value!r}, expected text")
    return str(value)


def _graph(path: Path) -> tuple[frozenset[Edge], tuple[str, ...]]:
    """Calls and nodes of an adjacency matrix, callers in the rows; a call to oneself is left out."""
    rows = _rows(path)
    callees = rows[0][1:] if rows else []
    if not callees or any(len(row) != len(callees) + 1 for row in rows):
        raise DatasetRejected(f"{path}: expected an adjacency matrix with names in its first row and column")
    edges = {
        (row[0], callee)
        for row in rows[1:]
        for callee, value in zip(callees, _numbers(path, row[1:]), strict=True)
        if value > 0 and callee != row[0]
    }
    return frozenset(edges), tuple(sorted({*callees, *(row[0] for row in rows[1:])}))


def _sheet(path: Path) -> Sheet:
    """A metrics.csv; raises DatasetRejected unless it has the three header rows and a row of numbers."""
    rows = _rows(path)
    if tuple(row[0] for row in rows[:3]) != HEADERS:
        raise DatasetRejected(f"{path}: expected three header rows that begin with {', '.join(HEADERS)}")
    body = rows[4:] if len(rows) > 3 and rows[3][0] == "unix_timestamp" else rows[3:]
    width = len(rows[0])
    if not body or width < 2 or any(len(row) != width for row in (*rows[1:3], *body)):
        raise DatasetRejected(f"{path}: expected one row or more of {width} columns under the headers")
    values = np.array([_numbers(path, row) for row in body])
    if not ((values[:, 0] >= 0) & (values[:, 0] < LATEST)).all():
        raise DatasetRejected(f"{path}: expected unix seconds in the first column of every row")
    keys = zip(*(row[1:] for row in rows[:3]), strict=True)
    columns = {(node, metric, kind): values[:, at] for at, (node, metric, kind) in enumerate(keys, start=1) if node}
    return Sheet(values[:, 0], columns)


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [row for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetRejected(f"{path}: expected a CSV file, {_reason(error)}") from error


def _numbers(path: Path, cells: Iterable[str]) -> list[float]:
    """Cells as numbers, empty ones as NaN; raises DatasetRejected for text."""
    try:
        return [float(cell) if cell else float("nan") for cell in cells]
    except ValueError as error:
        raise DatasetRejected(f"{path}: expected numbers under the headers, {_reason(error)}") from error


def _load(issue: Path, quiet: Path | None) -> Tables:
    """The issue's own periods, and the fault-free ones of the nodes that the issue knows."""
    sheet = _sheet(issue)
    parts = [_metrics(sheet, sheet.nodes)]
    if quiet is not None:
        parts.append(_metrics(_sheet(quiet), sheet.nodes))
    return {"metrics": pa.concat_tables(parts).combine_chunks().sort_by("time")}


def _metrics(sheet: Sheet, nodes: Iterable[str]) -> pa.Table:
    return pa.concat_tables([METRICS.empty_table(), *(part for node in nodes for part in _points(sheet, node))])


def _points(sheet: Sheet, node: str) -> Iterator[pa.Table]:
    """A node's histogram of requests that went well, and that of those that failed, if any."""
    empty = np.full(sheet.times.size, np.nan)
    requests, mean, available = (
        sheet.columns.get((node, *key), empty)
        for key in (("requests", "Sum"), ("latency", "Average"), ("availability", "Average"))
    )
    share = np.clip(1 - np.nan_to_num(available, nan=100.0) / 100, 0, 1)
    failed = np.rint(np.nan_to_num(requests) * share)
    known = np.isfinite(requests) & (np.isfinite(mean) | (requests == 0))
    yield _histogram(sheet, node, known, requests - failed, mean, {})
    yield _histogram(sheet, node, known & (failed > 0), failed, mean, {"error.type": ERROR_TYPE})


def _histogram(
    sheet: Sheet, node: str, rows: NDArray[np.bool_], count: Floats, mean: Floats, attributes: dict[str, str]
) -> pa.Table:
    times, counts = sheet.times[rows], count[rows]
    values = np.nan_to_num(mean[rows]) * counts
    fixed = {
        "service_name": node, "name": METRIC, "unit": UNIT, "kind": "histogram", "temporality": "delta",
        "attributes": list(attributes.items()),
    }  # fmt: skip
    columns: dict[str, pa.Array] = {
        "time": pa.array((times * 1e6).astype(np.int64)).cast(METRICS.field("time").type),
        "value": pa.array(values),
        "count": pa.array(np.rint(counts).astype(np.int64)),
    }
    size = int(times.size)
    return pa.table(
        [
            columns[field.name] if field.name in columns else pa.array([fixed.get(field.name)] * size, type=field.type)
            for field in METRICS
        ],
        schema=METRICS,
    )


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def _reason(error: Exception) -> str:
    return f"got {type(error).__name__}: {error}"
