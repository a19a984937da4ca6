"""Samples of series as rows of our tables: as they are, or what they did in each step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from watchkeeper.tables import ATTRIBUTES, METRICS, TIME
from watchkeeper.telemetry.prometheus_asking import Series
from watchkeeper.telemetry.prometheus_labels import Shape, attributes_of, instance_of, service_of, version_of

BUCKETS = pa.schema(
    [
        pa.field("time", TIME),
        *(pa.field(name, pa.string()) for name in ("service_name", "service_instance_id", "service_version")),
        *(pa.field(name, pa.string()) for name in ("name", "unit", "kind", "temporality")),
        pa.field("is_monotonic", pa.bool_()),
        pa.field("attributes", ATTRIBUTES),
        *(pa.field(name, pa.float64()) for name in ("first", "last", "mean", "minimum", "maximum", "total")),
        pa.field("points", pa.int64()),
        pa.field("count", pa.int64()),
    ]
)
"""The columns of an answer to a `MetricBucketQuery`."""


@dataclass(frozen=True)
class Measured:
    """One series of the window: what it is called and of which shape, with its labels and samples (finite only)."""

    name: str
    shape: Shape
    series: Series


def point_rows(measured: Sequence[Measured], service_labels: tuple[str, ...]) -> pa.Table:
    """Every sample as a row of `tables.METRICS`, in order of time."""

    def column(value: Callable[[Measured], object], kind: pa.DataType) -> pa.Array:
        lengths = [each.series.times.size for each in measured]
        return pa.array([value(each) for each in measured], kind).take(
            pa.array(np.repeat(np.arange(len(measured)), lengths))
        )

    values = _joined([each.series.values for each in measured])
    columns = {**_columns(column, service_labels), "time": _times(measured), "value": pa.array(values)}
    none = {field.name: pa.nulls(values.size, field.type) for field in METRICS if field.name not in columns}
    table = pa.table([{**columns, **none}[name] for name in METRICS.names], schema=METRICS)
    return table.sort_by([(name, "ascending") for name in ("time", "service_name", "name", "service_instance_id")])


def bucket_rows(measured: Sequence[Measured], step_seconds: float, service_labels: tuple[str, ...]) -> pa.Table:
    """What each series did in each step, as an answer to a `MetricBucketQuery`."""
    step = max(1, round(step_seconds * 1e6))
    parts = [_bucketed(each.series, step) for each in measured]

    def column(value: Callable[[Measured], object], kind: pa.DataType) -> pa.Array:
        rows = np.repeat(np.arange(len(measured)), [len(part["time"]) for part in parts])
        return pa.array([value(each) for each in measured], kind).take(pa.array(rows))

    figures = {
        name: pa.array(_joined([part[name] for part in parts]), BUCKETS.field(name).type, safe=False)
        for name in ("first", "last", "mean", "minimum", "maximum", "total", "points")
    }
    times = np.concatenate([part["time"] for part in parts]) if parts else np.zeros(0)
    time = pa.array(times.astype(np.int64)).cast(TIME)
    columns = {"time": time, **_columns(column, service_labels), **figures, "count": pa.nulls(len(times), pa.int64())}
    table = pa.table([columns[name] for name in BUCKETS.names], schema=BUCKETS)
    return table.sort_by([(name, "ascending") for name in ("time", "service_name", "name", "service_instance_id")])


def _columns(
    column: Callable[[Callable[[Measured], object], pa.DataType], pa.Array], service_labels: tuple[str, ...]
) -> dict[str, pa.Array]:
    """What is the same for all rows of a series."""
    text = pa.string()
    return {
        "service_name": column(lambda each: service_of(each.series.labels, service_labels), text),
        "service_instance_id": column(lambda each: instance_of(each.series.labels), text),
        "service_version": column(lambda each: version_of(each.series.labels), text),
        "name": column(lambda each: each.name, text),
        "unit": column(lambda each: each.shape.unit, text),
        "kind": column(lambda each: each.shape.kind, text),
        "temporality": column(lambda each: each.shape.temporality, text),
        "is_monotonic": column(lambda each: each.shape.is_monotonic, pa.bool_()),
        "attributes": column(lambda each: attributes_of(each.series.labels, service_labels), ATTRIBUTES),
    }


def _times(measured: Sequence[Measured]) -> pa.Array:
    micros = np.round(_joined([each.series.times for each in measured]) * 1e6).astype(np.int64)
    return pa.array(micros).cast(TIME)


def _bucketed(series: Series, step: int) -> dict[str, np.ndarray]:
    """By column: the figures of each step that has samples; `time` in microseconds, where the step begins."""
    numbers = np.round(series.times * 1e6).astype(np.int64) // step
    begins = np.flatnonzero(np.r_[True, np.diff(numbers) != 0]) if numbers.size else numbers
    if not numbers.size:
        return dict.fromkeys(("time", "first", "last", "mean", "minimum", "maximum", "total", "points"), np.zeros(0))
    values = series.values
    points = np.diff(np.r_[begins, values.size])
    total = np.add.reduceat(values, begins)
    return {
        "time": numbers[begins] * step,
        "first": values[begins],
        "last": values[np.r_[begins[1:], values.size] - 1],
        "mean": total / points,
        "minimum": np.minimum.reduceat(values, begins),
        "maximum": np.maximum.reduceat(values, begins),
        "total": total,
        "points": points,
    }


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)
