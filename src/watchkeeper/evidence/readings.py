"""The analyses that make readable rows of answers: what was before beside what is now, the largest change first."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa

from watchkeeper.analysis.excess import Parts
from watchkeeper.analysis.lognews import LogNews, log_news
from watchkeeper.analysis.requests import (
    ErrorOrigin,
    FailingInput,
    Fanout,
    OwnTime,
    failing_input,
    fanouts,
    origins,
    own_times,
)
from watchkeeper.analysis.resources import usages
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats, Grid, Key, Red, red_series
from watchkeeper.analysis.spans import Spans, read_spans
from watchkeeper.domain import EvidenceId, Reading, Scalar, Window
from watchkeeper.evidence.answers import NO_ROWS, Answers, Readings, parameters_of, window_from
from watchkeeper.evidence.vitals import grid_asked, vitals_of

RED_COLUMNS = (
    *("requests_before", "requests", "errors_before", "errors", "error_ratio_before", "error_ratio"),
    *("mean_ms_before", "mean_ms", "p95_ms_before", "p95_ms", "per_second_before", "per_second"),
)
_KEYS = {"service_name": "service", "service_version": "version"}


def table_of_rows(columns: Sequence[str], rows: Iterable[Sequence[Scalar]]) -> pa.Table:
    """Rows as an Arrow table; a column without any value is one of nulls."""
    listed = list(rows)
    return pa.table({name: [row[i] for row in listed] for i, name in enumerate(columns)}) if listed else NO_ROWS


def parts_in(grid: Grid, usual: Window, incident: Window) -> Parts:
    """Which steps of the grid are usual and which belong to the incident."""
    before = slice(grid.index_of(usual.start), max(1, grid.index_of(usual.end)))
    return Parts(before, slice(min(grid.index_of(incident.start), grid.size - 1), grid.size))


def windows_of(reading: Reading) -> tuple[Window, Window]:
    """The usual window and the incident's that an analysis was given."""
    given = parameters_of(reading)
    return window_from(given, "usual"), window_from(given, "incident")


def red(answers: Answers, reading: Reading) -> pa.Table:
    """Requests, errors and durations by key, before and now; the key's columns are the parameter `by`."""
    (number,) = reading.of
    table, grid = answers.answer(number), grid_asked(answers, number)
    by = [str(column) for column in parameters_of(reading)["by"]]  # type: ignore[attr-defined]
    if table is None:
        return NO_ROWS
    parts = parts_in(grid, *windows_of(reading))
    names = [_KEYS.get(column, column) for column in by]
    if "callee" in by:
        names[0] = "caller"
    return table_of_rows([*names, *RED_COLUMNS], red_rows(red_series(table, by, grid), parts, grid.step_seconds))


def red_rows(series: Mapping[Key, Red], parts: Parts, step_seconds: float) -> list[tuple[Scalar, ...]]:
    """One row a key, ordered by failures, then by the extra time that its requests add up to."""
    rows = []
    for key, values in series.items():
        requests, errors = values.total(parts.incident)
        before, now = values.mean_over(parts.usual), values.mean_over(parts.incident)
        weight = errors * 1e6 + (float(np.nan_to_num(now - before)) * requests)
        rows.append((-weight, (*key, *_red_figures(values, parts, step_seconds))))
    return [row for _, row in sorted(rows, key=lambda pair: (pair[0], str(pair[1])))]


def _red_figures(values: Red, parts: Parts, step_seconds: float) -> Iterable[Scalar]:
    counts: list[Scalar] = []
    rates: list[Scalar] = []
    sides = [(values.total(part), part) for part in (parts.usual, parts.incident)]
    for (requests, _), part in sides:
        counts.append(int(requests))
        seconds = max(1, len(range(*part.indices(values.requests.size)))) * step_seconds
        rates.append(requests / seconds)
    errors: list[Scalar] = [int(failed) for (_, failed), _ in sides]
    shares = [failed / requests if requests else float("nan") for (requests, failed), _ in sides]
    means = [values.mean_over(part) for _, part in sides]
    tails = [location_scale(values.p95_ms[part])[0] for _, part in sides]
    return [*counts, *errors, *_known(shares), *_known(means), *_known(tails), *rates]


def _known(values: Iterable[float]) -> list[Scalar]:
    return [float(v) if np.isfinite(v) else None for v in values]


def whole_window(answers: Answers, reading: Reading) -> pa.Table:
    """Requests, errors and durations of a window that was asked for as one step, whose time says nothing."""
    table = answers.answer(reading.of[0])
    if table is None or "time" not in table.column_names:
        return NO_ROWS
    kept = table.drop_columns(["time"])
    return kept.rename_columns(["service" if name == "service_name" else name for name in kept.column_names])


def resources(answers: Answers, reading: Reading) -> pa.Table:
    """CPU, memory, pools and queues by service: the level before and now, and the mean (of a queue, what counts)."""
    (number,) = reading.of
    table, grid = answers.answer(number), grid_asked(answers, number)
    if table is None:
        return NO_ROWS
    parts = parts_in(grid, *windows_of(reading))
    rows = [
        (service, kind, usage.metric, usage.unit, *_levels(usage.values, parts))
        for (service, kind), usage in sorted(usages(table, grid).items())
    ]
    columns = ("service", "kind", "metric", "unit", "value_before", "value", "mean_before", "mean")
    return table_of_rows(columns, rows)


def _levels(values: Floats, parts: Parts) -> list[Scalar]:
    before, now = values[parts.usual], values[parts.incident]
    means = (float(v[np.isfinite(v)].mean()) if np.isfinite(v).any() else float("nan") for v in (before, now))
    return _known([location_scale(before)[0], location_scale(now)[0], *means])


def presence(answers: Answers, reading: Reading) -> pa.Table:
    """When each service last reported anything at all, metrics, logs or spans."""
    vitals = vitals_of(answers, vital_ids(reading))
    rows = []
    for service, seen in sorted(vitals.presence.items()):
        steps = np.flatnonzero(seen > 0)
        if steps.size:
            last = vitals.grid.time_of(float(steps[-1]) + 1)
            rows.append((service, vitals.grid.time_of(float(steps[0])), last, float(np.mean(seen > 0))))
    return table_of_rows(("service", "first_seen", "last_seen", "share_of_steps"), rows)


VITALS = ("services", "operations", "calls", "resources", "logs")


def vital_ids(reading: Reading) -> dict[str, EvidenceId]:
    """The evidence behind the vitals, which an analysis of them is given first and in this order."""
    return dict(zip(VITALS, reading.of, strict=False))


def spans_of(answers: Answers, number: EvidenceId) -> Spans | None:
    """The spans of an answer as columns, read once; None where the source failed."""
    table = answers.answer(number)
    return None if table is None else answers.once(("spans", number), lambda: read_spans(table))


def _both(answers: Answers, reading: Reading) -> tuple[Spans, Spans] | None:
    usual, incident = (spans_of(answers, number) for number in reading.of)
    return None if usual is None or incident is None else (usual, incident)


Found = TypeVar("Found")


def _compared(answers: Answers, reading: Reading, compare: Callable[[Spans, Spans], list[Found]]) -> list[Found]:
    """What a comparison of the spans on both sides finds, computed once; nothing where a source failed."""
    both = _both(answers, reading)
    return [] if both is None else answers.once((reading.name, *reading.of), lambda: compare(*both))


def own_times_in(answers: Answers, reading: Reading) -> list[OwnTime]:
    """Own time by service and span name, the largest gain first."""
    return _compared(answers, reading, own_times)


def fanouts_in(answers: Answers, reading: Reading) -> list[Fanout]:
    """Kinds of spans made much more often per request."""
    return _compared(answers, reading, fanouts)


def origins_in(answers: Answers, reading: Reading) -> list[ErrorOrigin]:
    """Where errors begin now."""
    return _compared(answers, reading, origins)


def failing_inputs_in(answers: Answers, reading: Reading) -> list[FailingInput]:
    """The sharpest failing input of each service that fails."""
    spans = spans_of(answers, reading.of[0])
    if spans is None:
        return []
    failing = sorted(set(spans.service[spans.is_error]))
    return answers.once(
        (reading.name, *reading.of), lambda: [f for name in failing if (f := failing_input(spans, name)) is not None]
    )


def log_news_in(answers: Answers, reading: Reading) -> list[LogNews]:
    """Log templates that are new or surging."""
    table = answers.answer(reading.of[0])
    if table is None:
        return []
    windows = windows_of(reading)
    return answers.once((reading.name, *reading.of, reading.parameters), lambda: log_news(table, *windows))


def key_of(*texts: str) -> str:
    """A short name for texts from outside, so that a selector need not quote them."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:10]


def own_time(answers: Answers, reading: Reading) -> pa.Table:
    """Time that each kind of span takes by itself, in ms per request that its service answers."""
    rows = [(o.service, o.name, o.before_ms, o.after_ms) for o in own_times_in(answers, reading)]
    return table_of_rows(("service", "span", "own_ms_before", "own_ms"), rows)


def fan_out(answers: Answers, reading: Reading) -> pa.Table:
    """Kinds of spans that a service now makes much more often per request."""
    rows = [(f.service, f.name, f.before, f.after) for f in fanouts_in(answers, reading)]
    return table_of_rows(("service", "span", "per_request_before", "per_request"), rows)


def error_origins(answers: Answers, reading: Reading) -> pa.Table:
    """Where failures begin: spans that failed though nothing below them did."""
    rows = [
        (o.service, o.name, key_of(o.exception, o.message), o.exception, o.message, o.before, o.count)
        for o in origins_in(answers, reading)
    ]
    return table_of_rows(("service", "span", "origin", "exception", "message", "count_before", "count"), rows)


def failing_inputs(answers: Answers, reading: Reading) -> pa.Table:
    """The attribute's value that carries a service's failures, and how its other requests do."""
    rows = [
        (
            *(i.service, i.attribute, i.value),
            *_share(i.failed, i.requests),
            *_share(i.failed_elsewhere, i.requests_elsewhere),
        )
        for i in failing_inputs_in(answers, reading)
    ]
    columns = ("failed", "requests", "share", "failed_elsewhere", "requests_elsewhere", "share_elsewhere")
    return table_of_rows(("service", "attribute", "value", *columns), rows)


def _share(part: int, whole: int) -> tuple[int, int, float]:
    return part, whole, part / whole if whole else 0.0


def new_lines(answers: Answers, reading: Reading) -> pa.Table:
    """Log templates that are new or surging in the incident, the most severe first."""
    rows = [
        (n.service, key_of(n.template), n.template, n.before, n.after, n.severity, n.first, n.example)
        for n in log_news_in(answers, reading)
    ]
    columns = ("service", "line", "template", "count_before", "count", "severity", "first_seen", "example")
    return table_of_rows(columns, rows)


READINGS: Readings = {
    "before and now": red,
    "over the whole window": whole_window,
    "resources before and now": resources,
    "last seen": presence,
    "own time": own_time,
    "fan-out": fan_out,
    "error origins": error_origins,
    "failing inputs": failing_inputs,
    "new lines": new_lines,
}
"""By the name that evidence carries."""
