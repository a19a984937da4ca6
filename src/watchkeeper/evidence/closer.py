"""A closer look: single requests, lines and metrics over time, and one window beside another, as rows to cite."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.analysis.series import Floats, Steps, floats, groups
from watchkeeper.analysis.spans import Spans, error_origins, exceptions, exclusive_time
from watchkeeper.domain import Reading, Scalar
from watchkeeper.evidence.answers import NO_ROWS, Answers, Readings, parameters_of
from watchkeeper.evidence.call_habits import READINGS as CALL_HABITS
from watchkeeper.evidence.drilldown import READINGS as DRILL_DOWN
from watchkeeper.evidence.readings import RED_COLUMNS, spans_of, table_of_rows
from watchkeeper.evidence.trace_quality import READINGS as TRACE_QUALITY
from watchkeeper.evidence.vitals import grid_asked

DETAILS = ("db.query.text", "db.statement", "url.full", "url.path", "http.route", "messaging.destination.name")
"""Attributes that say what a span was about, the most telling first."""
DEEPEST = 64
"""Levels of a trace that are counted."""


def log_lines(answers: Answers, reading: Reading) -> pa.Table:
    """Lines as they were logged, in order of time."""
    table = answers.answer(reading.of[0])
    if table is None:
        return NO_ROWS
    return pa.table(
        {
            "time": table["time"],
            "service": table["service_name"],
            "severity": pc.utf8_lower(pc.coalesce(table["severity_text"], pa.scalar("info"))),
            "body": table["body"],
            "trace_id": table["trace_id"],
            "version": table["service_version"],
        }
    )


def requests_by_trace(answers: Answers, reading: Reading) -> pa.Table:
    """One row a trace: the slowest request of it that the service answered, failed ones only or the slowest first."""
    spans = spans_of(answers, reading.of[0])
    if spans is None:
        return NO_ROWS
    only_failed = parameters_of(reading)["which"] == "failed"
    traces = spans.table["trace_id"].to_pylist()
    first_error = _first_errors(spans, traces)
    slowest: dict[str, int] = {}
    for row in np.flatnonzero(spans.is_entry).tolist():
        known = slowest.get(traces[row])
        if known is None or spans.duration_us[row] > spans.duration_us[known]:
            slowest[traces[row]] = row
    rows = [
        _request_row(spans, trace, row, first_error.get(trace, ""))
        for trace, row in slowest.items()
        if spans.is_error[row] or not only_failed
    ]
    rows.sort(key=lambda row: (-float(row[4]), str(row[0])))  # type: ignore[arg-type]
    columns = ("trace_id", "time", "service", "operation", "duration_ms", "is_failed", "version", "error")
    return table_of_rows(columns, rows)


def _request_row(spans: Spans, trace: str, row: int, error: str) -> tuple[Scalar, ...]:
    return (
        trace,
        spans.table["time"][row].as_py(),
        spans.service[row],
        spans.name[row],
        float(spans.duration_us[row] / 1e3),
        bool(spans.is_error[row]),
        spans.table["service_version"][row].as_py(),
        error or None,
    )


def _first_errors(spans: Spans, traces: list[str]) -> dict[str, str]:
    """What the first failure of each trace says."""
    rows = np.flatnonzero(error_origins(spans))
    found: dict[str, str] = {}
    for row, told in zip(rows, exceptions(spans, rows), strict=True):
        found.setdefault(traces[int(row)], ": ".join(part for part in told if part))
    return found


def trace_tree(answers: Answers, reading: Reading) -> pa.Table:
    """Every span of a trace under the span that made it, in order of time; `depth` says how far down it is."""
    spans = spans_of(answers, reading.of[0])
    if spans is None or spans.parent.size == 0:
        return NO_ROWS
    own, began = exclusive_time(spans), spans.start_us.min()
    attributes = spans.table["attributes"].to_pylist()
    rows = []
    for row, depth in _downwards(spans):
        (told,) = exceptions(spans, np.array([row])) if spans.is_error[row] else (("", ""),)
        rows.append(
            (
                *(depth, spans.service[row], spans.name[row], spans.kind[row]),
                float((spans.start_us[row] - began) / 1e3),
                *(float(spans.duration_us[row] / 1e3), float(own[row] / 1e3), bool(spans.is_error[row])),
                ": ".join(part for part in told if part) or None,
                _detail(attributes[row]),
            )
        )
    timing = ("starts_ms", "duration_ms", "own_ms", "is_failed")
    return table_of_rows(("depth", "service", "span", "kind", *timing, "error", "detail"), rows)


def _downwards(spans: Spans) -> Iterator[tuple[int, int]]:
    """Each span once, parents before children; spans whose parents form a circle come last."""
    order = [int(row) for row in np.argsort(spans.start_us, kind="stable")]
    children: dict[int, list[int]] = defaultdict(list)
    for row in order:
        children[int(spans.parent[row])].append(row)
    seen: set[int] = set()
    for start in (*children[-1], *order):
        stack = [(start, 0)]
        while stack:
            row, depth = stack.pop()
            if row not in seen:
                seen.add(row)
                yield row, depth
                stack += [(child, min(depth + 1, DEEPEST)) for child in reversed(children[row])]


def _detail(attributes: list[tuple[str, str]] | None) -> str | None:
    known = dict(attributes or ())
    return next((known[key] for key in DETAILS if known.get(key)), None)


@dataclass
class _Step:
    """What a metric's series add up to in one step."""

    total: float = 0.0
    weight: float = 0.0
    maximum: float = float("-inf")
    per_second: float = 0.0
    is_rate: bool = False


def metric_steps(answers: Answers, reading: Reading) -> pa.Table:
    """Metrics of one service over time, whose name has a part in it.

    `value` is the mean of a gauge, or of what a histogram observed; `per_second` is the rate of what is counted. The
    series of a metric (instances, attributes) are taken together. The first step of a cumulative series has no rate.
    """
    (number,) = reading.of
    table, grid = answers.answer(number), grid_asked(answers, number)
    if table is None:
        return NO_ROWS
    part = str(parameters_of(reading)["contains"])
    table = table.filter(pc.match_substring(table["name"], part, ignore_case=True))
    found: dict[tuple[str, str, str, int], _Step] = defaultdict(_Step)
    for key, steps, rows in groups(_with_series(table), _SERIES, grid):
        order = np.argsort(steps, kind="stable")
        own = {name: floats(table[name])[rows[order]] for name in _MEASURES}
        for step, addend in _addends(_shape(key), key[4], steps[order], own, grid.step_seconds):
            _add(found[key[0], key[1], key[2], step], addend)
    told = [
        (grid.time_of(step), service, metric, unit or None, *_figures(values))
        for (service, metric, unit, step), values in sorted(found.items())
    ]
    return table_of_rows(("time", "service", "metric", "unit", "value", "maximum", "per_second"), told)


_SERIES = ["service_name", "name", "unit", "kind", "temporality", "is_monotonic", "service_instance_id", "series"]
_MEASURES = ("last", "mean", "maximum", "total", "points", "count")


def _with_series(table: pa.Table) -> pa.Table:
    """The rows with their attributes as one text, which tells series apart."""
    return table.append_column("series", pa.array([str(each) for each in table["attributes"].to_pylist()], pa.string()))


def _shape(key: Sequence[str]) -> str:
    kind, monotonic = key[3], key[5]
    if kind == "gauge" or (kind == "sum" and monotonic != "true"):
        return "gauge"
    return "sum" if kind == "sum" else "histogram"


def _add(to: _Step, addend: _Step) -> None:
    to.total, to.weight = to.total + addend.total, to.weight + addend.weight
    to.maximum = max(to.maximum, addend.maximum)
    to.per_second, to.is_rate = to.per_second + addend.per_second, to.is_rate or addend.is_rate


def _figures(step: _Step) -> tuple[Scalar, ...]:
    return (
        step.total / step.weight if step.weight > 0 else None,
        step.maximum if np.isfinite(step.maximum) else None,
        step.per_second if step.is_rate else None,
    )


def _addends(
    shape: str, temporality: str, steps: Steps, own: dict[str, Floats], step_seconds: float
) -> Iterator[tuple[int, _Step]]:
    """What one series contributes to each step."""
    if shape == "gauge":
        for i in np.flatnonzero(np.isfinite(own["mean"])).tolist():
            weight = own["points"][i]
            yield int(steps[i]), _Step(own["mean"][i] * weight, weight, own["maximum"][i])
        return
    if temporality == "delta":
        sums, counts = own["total"], np.where(own["points"] == 1, own["count"], np.nan)
        seconds, at = np.full(steps.size, step_seconds), steps
    else:
        sums, counts = _gained(own["last"]), _gained(own["count"])
        seconds, at = np.diff(steps) * step_seconds, steps[1:]
    for i in range(at.size):
        if shape == "sum" and np.isfinite(sums[i]):
            yield int(at[i]), _Step(per_second=sums[i] / seconds[i], is_rate=True)
        if shape == "histogram" and np.isfinite(counts[i]) and counts[i] > 0:
            yield int(at[i]), _Step(np.nan_to_num(sums[i]), counts[i], per_second=counts[i] / seconds[i], is_rate=True)


def _gained(values: Floats) -> Floats:
    """What a cumulative series gained from one step to the next; after a restart it began at zero."""
    gained = np.diff(values)
    return np.where(gained < 0, values[1:], gained)


def beside(answers: Answers, reading: Reading) -> pa.Table:
    """Requests, failures and durations of each service in an earlier window (`_before`) and in a later one."""
    tables = [answers.answer(number) for number in reading.of]
    seconds = [answers.query(number).window.duration.total_seconds() for number in reading.of]
    if any(table is None or table.num_rows == 0 for table in tables):
        # A window of which nothing was recorded is no window without requests.
        return NO_ROWS
    sides = [{row["service_name"]: row for row in table.to_pylist()} for table in tables if table is not None]
    rows: list[tuple[Scalar, ...]] = []
    for service in sorted({name for side in sides for name in side}):
        pairs = [_side(side.get(service), span) for side, span in zip(sides, seconds, strict=True)]
        rows.append((service, *(figure for pair in zip(*pairs, strict=True) for figure in pair)))
    return table_of_rows(("service", *RED_COLUMNS), rows)


def _side(row: dict[str, float] | None, seconds: float) -> tuple[Scalar, ...]:
    """Requests, errors, error ratio, mean, p95 and rate of one window, as `RED_COLUMNS` orders them."""
    if row is None:
        return 0, 0, None, None, None, 0.0
    requests, errors = int(row["requests"]), int(row["errors"])
    ratio = errors / requests if requests else None
    return requests, errors, ratio, row["mean_ms"], row["p95_ms"], requests / seconds


READINGS: Readings = {
    "log lines": log_lines,
    "requests by trace": requests_by_trace,
    "trace": trace_tree,
    "metric over time": metric_steps,
    "one window beside another": beside,
    **DRILL_DOWN,
    **TRACE_QUALITY,
    **CALL_HABITS,
}
"""By the name that evidence carries."""
