"""How far spans can be believed: the quality of what was read, and what metrics count of the same requests."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.analysis.golden import golden_grid, golden_names, golden_series
from watchkeeper.analysis.series import floats
from watchkeeper.analysis.trace_quality import Served, TraceQuality, trace_quality
from watchkeeper.domain import Reading, Window
from watchkeeper.evidence.answers import NO_ROWS, Answers, Readings, parameters_of, window_from
from watchkeeper.evidence.readings import table_of_rows

COLUMNS = ("service", "spans", "orphans", "duplicates", "sampled", "coverage", "is_tail_sampled", "because")


def quality_in(answers: Answers, reading: Reading) -> list[TraceQuality]:
    """The quality of every service's spans.

    `of` are spans of a calm stretch, requests per step and service as all spans count them, and buckets of metrics,
    as the vitals ask for them; the parameter `usual` is the calm stretch. What failed of these decides nothing.
    """
    spans, counted, metrics = (answers.answer(number) for number in reading.of)
    usual = window_from(parameters_of(reading), "usual")
    if spans is None:
        return []
    return answers.once(
        (reading.name, *reading.of, reading.parameters),
        lambda: trace_quality(spans, counted_by_spans(counted, usual), counted_by_metrics(metrics, usual)),
    )


def quality_rows(answers: Answers, reading: Reading) -> pa.Table:
    """The same as rows."""
    found = quality_in(answers, reading)
    rows = [tuple(_known(getattr(each, column)) for column in COLUMNS) for each in found]
    return table_of_rows(COLUMNS, rows) if rows else NO_ROWS


def tail_sampled_in(answers: Answers, reading: Reading) -> dict[str, str]:
    """Services whose spans hold the bad requests and few others, and what tells it."""
    return {each.service: each.because for each in quality_in(answers, reading) if each.is_tail_sampled}


def counted_by_spans(table: pa.Table | None, window: Window) -> dict[str, Served]:
    """Requests by service from a `RedQuery` answer."""
    if table is None:
        return {}
    table = _inside(table, window)
    requests, errors, mean = (floats(table[name]) for name in ("requests", "errors", "mean_ms"))
    names = np.array(table["service_name"].to_pylist(), dtype=object)
    found = {}
    for service in sorted(set(names.tolist())):
        own = names == service
        total = float(requests[own].sum())
        work = float(np.nansum(mean[own] * requests[own]))
        found[service] = Served(total, float(errors[own].sum()), work / total if total else float("nan"))
    return found


def counted_by_metrics(table: pa.Table | None, window: Window) -> dict[str, Served]:
    """Requests by service from a `MetricBucketQuery` answer; services whose metrics count none are left out."""
    if table is None or not table.num_rows:
        return {}
    table = table.filter(pc.is_in(table["name"], value_set=pa.array(golden_names(table), pa.string())))
    if not table.num_rows:
        return {}
    grid = golden_grid(table, window)
    first, last = grid.index_of(window.start), grid.index_of(window.end)
    found = {}
    for service, red in golden_series(table, grid).items():
        part = slice(first, last)
        requests, errors = red.total(part)
        if requests:
            found[service] = Served(requests, errors, red.mean_over(part))
    return found


def _inside(table: pa.Table, window: Window) -> pa.Table:
    kind = table["time"].type
    edges = (pa.scalar(window.start, kind), pa.scalar(window.end, kind))
    return table.filter(pc.and_(pc.greater_equal(table["time"], edges[0]), pc.less(table["time"], edges[1])))


def _known(value: str | float | bool) -> str | float | bool | None:
    return None if isinstance(value, float) and not np.isfinite(value) else value


READINGS: Readings = {"trace quality": quality_rows}
"""By the name that evidence carries."""
