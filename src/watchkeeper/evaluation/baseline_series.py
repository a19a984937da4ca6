"""What the baselines look at: one series of numbers for each service and metric."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.datasets.cases import Trigger
from watchkeeper.domain import Window
from watchkeeper.tables import METRICS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Aspect = Literal["requests", "errors", "duration", "other"]

_Key = tuple[str, str, str, Aspect]
"""Service, metric, attributes as text, aspect."""
_Figure = tuple[_Key, Ints, Floats]
_Observed = tuple[Ints, Floats, Floats, Floats]
"""Times, sums, counts, and counts of what failed."""


@dataclass(frozen=True)
class Series:
    """Finite values of one figure of one service in the order of time, shape (n,); times in microseconds."""

    service: str
    aspect: Aspect
    micros: Ints
    values: Floats

    def since(self, time: datetime) -> Mask:
        """Which values lie at or after that moment, shape (n,)."""
        is_after: Mask = self.micros >= micros_of(time)
        return is_after

    def within(self, windows: Sequence[Window]) -> Mask:
        """Which values lie in one of the windows, shape (n,)."""
        return inside(self.micros, windows)


def metric_series(table: pa.Table, trigger: Trigger) -> list[Series]:
    """The figures of each service's metrics: gauges as they are, counters as rates, histograms as three figures.

    Of a histogram the requests, the share of them with an `error.type`, and the mean, over all attributes; other
    metrics by their attributes. Instances are pooled, differences of what is cumulative taken before: that a new
    instance begins at zero is no fall. Columns that are missing count as unknown; what is not finite is left out.
    """
    rows = _readable(completed(table, METRICS, ("time", "service_name", "name")), trigger)
    is_histogram = pc.is_in(rows["kind"], pa.array(["histogram", "summary"]))
    figures = (*_plain(rows.filter(pc.invert(is_histogram))), *_histograms(rows.filter(is_histogram)))
    pooled: dict[_Key, list[tuple[Ints, Floats]]] = {}
    for key, micros, values in figures:
        pooled.setdefault(key, []).append((micros, values))
    return [pool(key[0], key[3], parts) for key, parts in pooled.items()]


def pool(service: str, aspect: Aspect, parts: Sequence[tuple[Ints, Floats]]) -> Series:
    """Times and values of several instances as one series."""
    micros, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(micros, kind="stable")
    order = order[np.isfinite(values[order])]
    return Series(service, aspect, micros[order], values[order])


def completed(table: pa.Table, schema: pa.Schema, needed: Sequence[str]) -> pa.Table:
    """All columns of the schema, those that are missing as nulls, and of the rows those that have what is needed."""
    columns = {
        field.name: table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.chunked_array([pa.nulls(len(table), field.type)])
        for field in schema
    }
    whole = pa.table(columns)
    for name in needed:
        whole = whole.filter(pc.is_valid(whole[name]))
    return whole


def may_be_read(begins: Ints, ends: Ints, trigger: Trigger) -> Mask:
    """What had ended by the trigger's `until`, and what began in a stretch that is given as good, shape (n,)."""
    may: Mask = (ends <= micros_of(trigger.until)) | inside(begins, trigger.references)
    return may


def inside(micros: Ints, windows: Sequence[Window]) -> Mask:
    """Which times lie in one of the windows, shape (n,)."""
    found = np.zeros(micros.size, dtype=np.bool_)
    for window in windows:
        found |= (micros >= micros_of(window.start)) & (micros < micros_of(window.end))
    return found


def micros_of(time: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def times_of(table: pa.Table) -> Ints:
    """The `time` column in microseconds, shape (rows,)."""
    return np.asarray(pc.cast(table["time"], pa.int64()).to_numpy(), dtype=np.int64)


def _readable(metrics: pa.Table, trigger: Trigger) -> pa.Table:
    micros = times_of(metrics)
    rows = pa.table(
        {
            "service": metrics["service_name"],
            "name": metrics["name"],
            "attributes": _texts(metrics["attributes"]),
            "instance": pc.fill_null(metrics["service_instance_id"], ""),
            "kind": pc.fill_null(metrics["kind"], "gauge"),
            "is_cumulative": pc.fill_null(pc.equal(metrics["temporality"], "cumulative"), False),
            "is_monotonic": pc.fill_null(metrics["is_monotonic"], False),
            "micros": micros,
            "value": metrics["value"],
            "count": pc.cast(metrics["count"], pa.float64()),
        }
    )
    return rows.filter(pa.array(may_be_read(micros, micros, trigger)))


def _texts(attributes: pa.ChunkedArray) -> pa.Array:
    """Attribute maps as text that is equal where they are: Arrow does not group by maps. Shape (rows,)."""
    maps = pa.concat_arrays([pa.array([], attributes.type), *attributes.chunks])
    pairs = pc.binary_join_element_wise(maps.keys, pc.fill_null(maps.items, ""), "=")
    return pc.fill_null(pc.binary_join(pa.ListArray.from_arrays(maps.offsets, pairs), ","), "")


def _plain(rows: pa.Table) -> Iterator[_Figure]:
    for key, times, values, _ in _lists(rows):
        is_counter = key["kind"] == "sum" and key["is_cumulative"] and key["is_monotonic"]
        figure = _rates(times, values) if is_counter else values
        yield (key["service"], key["name"], key["attributes"], "other"), times, figure


def _histograms(rows: pa.Table) -> Iterator[_Figure]:
    """Requests, share of errors and mean of each instance's histograms, summed over their attributes."""
    parts: dict[tuple[str, str, str], list[_Observed]] = {}
    for key, times, sums, counts in _lists(rows):
        if key["is_cumulative"]:
            sums, counts = _rates(times, sums), _rates(times, counts)
        observed = np.isfinite(counts)
        failed = counts * ("error.type=" in key["attributes"])
        part = times[observed], sums[observed], counts[observed], failed[observed]
        parts.setdefault((key["service"], key["name"], key["instance"]), []).append(part)
    for (service, name, _), observations in parts.items():
        all_times, sums, counts, failed = (np.concatenate(column) for column in zip(*observations, strict=True))
        times, places = np.unique(all_times, return_inverse=True)
        total, requests, errors = (
            np.bincount(places, column, times.size).astype(np.float64) for column in (sums, counts, failed)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            yield (service, name, "", "requests"), times, requests
            yield (service, name, "", "errors"), times, errors / requests
            yield (service, name, "", "duration"), times, total / requests


def _lists(rows: pa.Table) -> Iterator[tuple[dict[str, Any], Ints, Floats, Floats]]:
    """Times, values and counts of each instance's metric and attributes, in the order of time."""
    keys = ["service", "name", "attributes", "instance", "kind", "is_cumulative", "is_monotonic"]
    lists = rows.group_by(keys, use_threads=False).aggregate([(name, "list") for name in ("micros", "value", "count")])
    columns = [lists[f"{name}_list"] for name in ("micros", "value", "count")]
    for row, key in enumerate(lists.select(keys).to_pylist()):
        micros, values, counts = (_floats(column[row].values) for column in columns)
        order = np.argsort(micros, kind="stable")
        yield key, micros[order].astype(np.int64), values[order], counts[order]


def _rates(times: Ints, values: Floats) -> Floats:
    """Growth of a counter in each second, shape (n,); NaN at first, and where it was set back."""
    rates = np.full(values.size, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates[1:] = np.diff(values) / (np.diff(times) / 1e6)
        rates[rates < 0] = np.nan
    return rates


def _floats(values: pa.Array) -> Floats:
    return np.asarray(pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
