"""Requests, failures and latency of services read from metrics alone, for systems that have no traces.

Recognised are duration histograms and summaries of servers (OpenTelemetry's `http.server.request.duration` and
`rpc.server.duration`, Prometheus' `*_duration_seconds`, whole or as `_sum` and `_count`), counters of requests and of
errors (`*_requests_total`, `*_errors_total`), and gauges of requests, latency and availability. What a client measured
of others is left out. Where several metrics count one service's requests, the one with durations and the most
requests is taken, and no other: they may be the same requests.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.analysis.series import Floats, Grid, Red, Steps, floats, groups
from watchkeeper.domain import Window

Role = Literal["histogram", "sum", "count", "requests", "failures", "level", "latency", "availability", "failing"]

LEAST_STEP_SECONDS = 60.0
"""Steps are no shorter: a mean over a handful of requests says little."""

_TIME = r"(duration|latency|response[._]?time)"
_UNITS = r"([._](seconds|milliseconds|microseconds|s|ms|us))?"
_PATTERNS: tuple[tuple[str, Role, str], ...] = (
    ("histogram", "histogram", _TIME),
    ("sum", "sum", rf"{_TIME}{_UNITS}_sum$"),
    ("sum", "count", rf"{_TIME}{_UNITS}_count$"),
    ("sum", "failures", r"(^|[._])(errors?|failures?|faults?|failed)([._]requests?)?([._](total|count))?$"),
    ("sum", "requests", r"(^|[._])(requests?|handled)([._](total|count))?$"),
    ("gauge", "latency", rf"{_TIME}([._](average|avg|mean))?{_UNITS}([._](average|avg|mean))?$"),
    ("gauge", "availability", r"(^|[._])(availability|success[._]?(rate|ratio|percent(age)?))([._]\w+)?$"),
    ("gauge", "failing", r"(^|[._])(error|failure|fault)[._]?(rate|ratio|percent(age)?)$"),
    ("gauge", "level", r"(^|[._])requests?([._](count|sum))?$"),
)
_ROLES = tuple((kind, role, re.compile(pattern)) for kind, role, pattern in _PATTERNS)
_LEVELS: tuple[Role, ...] = ("latency", "availability", "failing")
_OF_OTHERS = re.compile(r"(^|[._])(client|db|dns|gc|upstream|outbound|queue|connections?)[._]")
_FACTORS = {"s": 1e3, "seconds": 1e3, "ms": 1.0, "milliseconds": 1.0, "us": 1e-3, "microseconds": 1e-3, "ns": 1e-6}
_STATUS = ("http.response.status_code", "http.status_code", "status_code", "response_code", "status", "code", "outcome")
_BROKEN = re.compile(r"5(\d\d|xx)|(server_)?error|failed|failure|fault", re.I)


@dataclass
class _Total:
    """One metric of one service on the grid, each shape (n,)."""

    value: Floats
    """Of a histogram the sum of durations in ms; of counters how many; of gauges the level, NaN where unknown."""
    count: Floats
    """Of a histogram how many."""
    failed: Floats
    """The part of `count` or `value` whose attributes say that the request failed."""


@dataclass(frozen=True)
class _Served:
    """One way in which a service's requests were counted."""

    requests: Floats
    failed: Floats
    work_ms: Floats | None


def role_of(name: str, kind: str) -> Role | None:
    """What a metric's name and kind say that it measures of the service itself; None where it is something else."""
    plain, shape = name.lower(), {"summary": "histogram"}.get(kind, kind)
    if _OF_OTHERS.search(plain):
        return None
    return next((role for of, role, pattern in _ROLES if of == shape and pattern.search(plain)), None)


def golden_names(table: pa.Table) -> tuple[str, ...]:
    """The names in a table of metrics (columns `name`, `kind`) that are recognised, in order of the alphabet."""
    pairs = set(zip(table["name"].to_pylist(), table["kind"].to_pylist(), strict=True))
    return tuple(sorted({name for name, kind in pairs if role_of(name, kind)}))


def period_seconds(table: pa.Table) -> float:
    """How far apart the points of a series lie, the median over services and names; 0 where none has two."""
    times: dict[tuple[str, str], set[int]] = {}
    micros = pc.cast(table["time"], pa.int64()).to_pylist()
    for service, name, time in zip(table["service_name"].to_pylist(), table["name"].to_pylist(), micros, strict=True):
        times.setdefault((service, name), set()).add(time)
    gaps = [float(np.median(np.diff(sorted(known)))) / 1e6 for known in times.values() if len(known) > 1]
    return float(np.median(gaps)) if gaps else 0.0


def golden_grid(table: pa.Table, window: Window) -> Grid:
    """A grid that holds all of the window, in the points' own period and phase, no finer than a minute."""
    period = period_seconds(table) or LEAST_STEP_SECONDS
    step = max(1.0, round(period * np.ceil(LEAST_STEP_SECONDS / period - 1e-3)))
    first = pc.min(table["time"]).as_py() or window.start
    ahead = np.ceil(round((first - window.start).total_seconds() / step, 6))
    start = Grid(first, 1.0, 1).time_of(-ahead * step)
    return Grid(start, step, int(np.ceil(round((window.end - start).total_seconds() / step, 6))))


def golden_series(table: pa.Table, grid: Grid) -> dict[str, Red]:
    """Requests, failures and mean durations by service, from points or buckets of metrics.

    `table` is an answer of `Metrics.points` or `Metrics.metric_buckets`, its rows in any order. Where a service
    reported nothing there are no requests; a service with latency or availability but no count of requests is taken to
    have one a step. The p95 is not known. Attributes that say that a request failed are `error.type` and statuses 5xx.
    """
    services: dict[str, dict[tuple[Role, str], _Total]] = {}
    for service, name, role, total in _totals(table, grid):
        parts = services.setdefault(service, {})
        known = parts.get((role, _stem(name)))
        parts[role, _stem(name)] = total if known is None else _joined(role, known, total)
    found = {service: _red_of(parts, grid.size) for service, parts in sorted(services.items())}
    return {service: red for service, red in found.items() if red is not None}


def _totals(table: pa.Table, grid: Grid) -> Iterator[tuple[str, str, Role, _Total]]:
    """Every recognised series on the grid, one at a time."""
    names = golden_names(table) if table.num_rows else ()
    table = table.filter(pc.is_in(table["name"], value_set=pa.array(names, type=pa.string())))
    if table.num_rows == 0:
        return
    labels = [str(sorted(items or [])) for items in table["attributes"].to_pylist()]
    broken = {
        text: _says_failure(items or []) for text, items in zip(labels, table["attributes"].to_pylist(), strict=True)
    }
    table = table.append_column("labels", pa.array(labels, type=pa.string())).sort_by("time")
    columns = ["service_name", "name", "kind", "unit", "temporality", "service_instance_id", "labels"]
    for key, steps, rows in groups(table, columns, grid):
        service, name, kind, unit, temporality, _, label = key
        role = role_of(name, kind)
        if role is not None:
            part = table.take(pa.array(rows))
            total = (
                _gauge(part, steps, grid)
                if kind == "gauge"
                else _counted(part, steps, grid, temporality, broken[label])
            )
            total.value *= _factor(role, name, unit, total.value)
            yield service, name, role, total


def _counted(part: pa.Table, steps: Steps, grid: Grid, temporality: str, is_failure: bool) -> _Total:
    """Increments of a sum or histogram; a cumulative one that falls began anew."""
    is_bucket, is_delta = "points" in part.column_names, temporality == "delta"
    values = floats(part[("total" if is_delta else "last") if is_bucket else "value"])
    counts = np.nan_to_num(floats(part["count"]))
    if not is_delta:
        values, counts = _increments(values), _increments(counts)
    elif is_bucket:
        # A bucket tells the last count only: the others are taken to be like it.
        counts = counts * floats(part["points"])
    value, count = _summed(steps, np.nan_to_num(values), grid), _summed(steps, counts, grid)
    failed = count if count.any() else value
    return _Total(value, count, failed.copy() if is_failure else np.zeros(grid.size))


def _increments(levels: Floats) -> Floats:
    gains = np.diff(levels)
    return np.concatenate([np.zeros(1), np.where(gains < 0, levels[1:], gains)])


def _summed(steps: Steps, values: Floats, grid: Grid) -> Floats:
    total = np.zeros(grid.size)
    np.add.at(total, steps, values)
    return total


def _gauge(part: pa.Table, steps: Steps, grid: Grid) -> _Total:
    values = floats(part["mean" if "points" in part.column_names else "value"])
    known = np.isfinite(values)
    seen = _summed(steps[known], np.ones(int(known.sum())), grid)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = np.divide(_summed(steps[known], values[known], grid), seen)
    return _Total(level, np.zeros(grid.size), np.zeros(grid.size))


def _joined(role: Role, a: _Total, b: _Total) -> _Total:
    """Two series of one metric as one: counts and levels of requests add up, of other levels the mean is taken."""
    if role in _LEVELS:
        both = np.stack([a.value, b.value])
        known = np.isfinite(both).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return _Total(np.divide(np.nansum(both, axis=0), known), a.count, a.failed)
    value = np.nan_to_num(a.value) + np.nan_to_num(b.value)
    return _Total(value, a.count + b.count, a.failed + b.failed)


def _red_of(parts: Mapping[tuple[Role, str], _Total], size: int) -> Red | None:
    """A service's metrics as one series; None where they say nothing of requests, durations or failures."""
    served = max(_served(parts), key=lambda s: (s.work_ms is not None, float(s.requests.sum())), default=None)
    if served is None:
        levels = [total.value for role in _LEVELS if (total := _first(parts, role)) is not None]
        if not levels:
            return None
        served = _Served(np.any(np.isfinite(levels), axis=0).astype(np.float64), np.zeros(size), None)
    unknown = np.full(size, np.nan)
    latency = _first(parts, "latency")
    mean = unknown if latency is None else latency.value
    if served.work_ms is not None:
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(served.requests > 0, served.work_ms / served.requests, np.nan)
    return Red(served.requests, _failures(parts, served), mean, unknown)


def _failures(parts: Mapping[tuple[Role, str], _Total], served: _Served) -> Floats:
    """From the requests' own attributes, else a counter of errors, else a gauge of availability or errors."""
    failures = served.failed
    if not failures.any():
        if (counter := _first(parts, "failures")) is not None:
            failures = counter.value
        elif (available := _first(parts, "availability")) is not None:
            failures = served.requests * np.nan_to_num(1 - available.value)
        elif (failing := _first(parts, "failing")) is not None:
            failures = served.requests * np.nan_to_num(failing.value)
    return np.clip(failures, 0.0, served.requests)


def _served(parts: Mapping[tuple[Role, str], _Total]) -> Iterator[_Served]:
    for (role, stem), total in parts.items():
        if role == "histogram":
            yield _Served(total.count, total.failed, total.value)
        elif role == "count":
            work = parts.get(("sum", stem))
            yield _Served(total.value, total.failed, None if work is None else work.value)
        elif role in ("requests", "level"):
            yield _Served(np.nan_to_num(total.value), total.failed, None)


def _first(parts: Mapping[tuple[Role, str], _Total], role: Role) -> _Total | None:
    """The metric of that role with the first name."""
    return next((parts[key] for key in sorted(parts) if key[0] == role), None)


def _stem(name: str) -> str:
    return re.sub(r"_(sum|count)$", "", name)


def _factor(role: Role, name: str, unit: str, values: Floats) -> float:
    """What makes durations ms and shares of 1 from what a metric's unit, else its name, says."""
    if role in ("histogram", "sum", "latency"):
        words = [unit, *reversed(re.split(r"[._]", _stem(name).lower()))]
        return next((_FACTORS[word] for word in words if word in _FACTORS), _FACTORS["s"])
    if role in _LEVELS:
        is_percent = unit == "%" or "percent" in name.lower() or bool(np.nanmax(values, initial=0.0) > 1.0)
        return 0.01 if is_percent else 1.0
    return 1.0


def _says_failure(items: Sequence[tuple[str, str]]) -> bool:
    attributes = dict(items)
    if attributes.get("error.type"):
        return True
    return any(_BROKEN.fullmatch(attributes[key] or "") is not None for key in _STATUS if key in attributes)
