"""Metrics made to agree with the changed spans: histograms of durations, processor gauges, counters that restart."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.injection.forest import Bools, Ints, times_ns
from watchkeeper.injection.maps import value_of
from watchkeeper.tables import METRICS

REMEASURED = {"http.server.request.duration": "server", "http.client.request.duration": "client"}
"""Histograms whose observations are spans of this kind."""
STATUS_CODE = "http.response.status_code"
PROCESSOR = "cpu"
SHARES = (None, "", "1", "%")
"""Units of a gauge that is a share of something."""
SECONDS = 1e9

Floats = NDArray[np.float64]
Label = tuple[str | None, ...]
"""A service and the values of attributes."""


def without_service(metrics: pa.Table, service: str, since_ns: int) -> pa.Table:
    """The metrics of a service that reports nothing any more."""
    mine = pc.equal(metrics["service_name"], service).to_numpy()
    return metrics.filter(pa.array(~(mine & (times_ns(metrics["time"]) >= since_ns))))


def busier(metrics: pa.Table, service: str, since_ns: int, ramp_ns: float, rise: float) -> pa.Table:
    """The processor gauges of a service raised by a share of what is free; a gauge above 1 counts in percent."""
    name, unit = metrics["name"].to_pylist(), metrics["unit"].to_pylist()
    mine = pc.equal(metrics["service_name"], service).to_numpy()
    is_share = [PROCESSOR in n.lower() and u in SHARES for n, u in zip(name, unit, strict=True)]
    rows = np.flatnonzero(mine & np.array(is_share, dtype=bool) & pc.equal(metrics["kind"], "gauge").to_numpy())
    values, at = metrics["value"].to_numpy().copy(), times_ns(metrics["time"])
    if rows.size:
        top = 100.0 if np.nanmax(values[rows]) > 2 else 1.0
        grown = np.clip((at[rows] - since_ns) / ramp_ns, 0, 1) if ramp_ns else (at[rows] >= since_ns).astype(float)
        values[rows] += grown * rise * np.maximum(0.0, top - values[rows])
    return metrics.set_column(metrics.schema.get_field_index("value"), METRICS.field("value"), pa.array(values))


def interrupted(metrics: pa.Table, service: str, outages: list[tuple[int, int]]) -> pa.Table:
    """The metrics of a service that was down: no points then, and counters that begin anew."""
    mine, at = pc.equal(metrics["service_name"], service).to_numpy(), times_ns(metrics["time"])
    is_down = np.zeros(at.size, dtype=bool)
    for begin, back in outages:
        is_down |= mine & (at >= begin) & (at < back)
    values, counts = metrics["value"].to_numpy().copy(), metrics["count"].to_numpy().astype(float)
    buckets = metrics["bucket_counts"].to_pylist() if mine.any() else []
    for rows in _series(metrics, mine & pc.fill_null(pc.equal(metrics["temporality"], "cumulative"), False).to_numpy()):
        rows = rows[np.argsort(at[rows], kind="stable")]
        for begin, back in reversed(outages):
            before, after = rows[at[rows] < begin], rows[at[rows] >= back]
            if before.size and after.size:
                base = before[-1]
                values[after] -= values[base]
                counts[after] -= counts[base]
                _less(buckets, after, base)
    table = metrics.set_column(METRICS.get_field_index("value"), METRICS.field("value"), pa.array(values))
    whole = pa.array(np.nan_to_num(counts).astype(np.int64), mask=np.isnan(counts))
    table = table.set_column(METRICS.get_field_index("count"), METRICS.field("count"), whole)
    if buckets:
        place = METRICS.get_field_index("bucket_counts")
        table = table.set_column(place, METRICS.field(place), pa.array(buckets, METRICS.field(place).type))
    return table.filter(pa.array(~is_down))


def remeasured(metrics: pa.Table, quiet: pa.Table, told: pa.Table) -> pa.Table:
    """Histograms of durations with the changed spans in place of the quiet ones.

    A series takes the spans of its service and kind that have all of its attributes. Failures whose status had no
    series so far get one, at the times of the series that they would have been in.
    """
    for name, kind in REMEASURED.items():
        mine = pc.and_(pc.equal(metrics["name"], name), pc.equal(metrics["kind"], "histogram")).to_numpy()
        if mine.any():
            before, after = (_observed(spans, kind) for spans in (quiet, told))
            rest, histograms = metrics.filter(pa.array(~mine)), metrics.filter(pa.array(mine))
            metrics = pa.concat_tables([rest, _adjusted(histograms, before, after)])
    return metrics


def _observed(spans: pa.Table, kind: str) -> pa.Table:
    return spans.filter(pc.equal(spans["kind"], kind))


def _adjusted(points: pa.Table, before: pa.Table, after: pa.Table) -> pa.Table:
    keys = sorted({key for entries in _unique_maps(points) for key, _ in entries})
    known = {key: i for i, key in enumerate(keys)}
    attributes = [dict(entries) for entries in points["attributes"].to_pylist()]
    owners = points["service_name"].to_pylist()
    labels = [(o, *(a.get(k) for k in keys)) for o, a in zip(owners, attributes, strict=True)]
    groups: dict[Label, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    old, new = _by_label(before, keys), _by_label(after, keys)
    extra: Iterator[tuple[Label, pa.Table]] = iter(())
    if STATUS_CODE in known:
        extra = _unheard(points, groups, {label for label in new if label not in groups}, known[STATUS_CODE] + 1)
    parts = [
        _with_spans(points.take(pa.array(rows)), _of_series(old, label), _of_series(new, label))
        for label, rows in groups.items()
    ]
    parts += [_with_spans(rows, None, new[label], fresh=True) for label, rows in extra]
    return pa.concat_tables(parts)


Observed = tuple[Ints, Floats]
"""Ends in unix nanoseconds, durations in seconds."""


def _of_series(spans: dict[Label, Observed], label: Label) -> Observed | None:
    """The spans of a series: an attribute that it lacks may be anything."""
    if None not in label:
        return spans.get(label)
    fits = [seen for key, seen in spans.items() if all(a is None or a == b for a, b in zip(label, key, strict=True))]
    if not fits:
        return None
    return np.concatenate([ends for ends, _ in fits]), np.concatenate([seconds for _, seconds in fits])


def _by_label(spans: pa.Table, keys: list[str]) -> dict[Label, Observed]:
    """Spans by service and attributes, each label with the ends and durations of its spans."""
    if not spans.num_rows:
        return {}
    columns = [spans["service_name"].combine_chunks(), *(value_of(spans["attributes"], key) for key in keys)]
    encoded = [column.dictionary_encode() for column in columns]
    marks = [pc.fill_null(each.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64) for each in encoded]
    names = [[*each.dictionary.to_pylist(), None] for each in encoded]
    combined = np.zeros(spans.num_rows, dtype=np.int64)
    for mark, known in zip(marks, names, strict=True):
        combined = combined * len(known) + mark % len(known)
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    ends = times_ns(spans["time"]) + spans["duration_ns"].to_numpy()
    seconds = spans["duration_ns"].to_numpy() / SECONDS
    order = np.argsort(inverse, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)
    labels = [tuple(known[mark[row]] for mark, known in zip(marks, names, strict=True)) for row in first]
    return {label: (ends[rows], seconds[rows]) for label, rows in zip(labels, parts, strict=True)}


def _unheard(
    points: pa.Table, groups: dict[Label, list[int]], labels: set[Label], status: int
) -> Iterator[tuple[Label, pa.Table]]:
    """New series for statuses that nothing had, shaped like a series that differs in nothing else."""
    for label in sorted(labels, key=str):
        like = next(
            (g for g in groups if g[:status] == label[:status] and g[status + 1 :] == label[status + 1 :]), None
        )
        if like is None or label[status] is None:
            continue
        rows = points.take(pa.array(groups[like]))
        entries = [
            [(k, label[status] if k == STATUS_CODE else v) for k, v in row] for row in rows["attributes"].to_pylist()
        ]
        place = METRICS.get_field_index("attributes")
        yield label, rows.set_column(place, METRICS.field(place), pa.array(entries, METRICS.field(place).type))


def _with_spans(rows: pa.Table, old: Observed | None, new: Observed | None, fresh: bool = False) -> pa.Table:
    """One series with the new spans counted instead of the old ones."""
    at = times_ns(rows["time"])
    order = np.argsort(at, kind="stable")
    rows, at = rows.take(pa.array(order)), at[order]
    is_total = rows["temporality"][0].as_py() == "cumulative"
    bounds = rows["explicit_bounds"][0].as_py() or []
    width = len(bounds) + 1
    table = np.array([b or [0] * width for b in rows["bucket_counts"].to_pylist()], dtype=np.int64)
    value, count = rows["value"].to_numpy().copy(), rows["count"].to_numpy().astype(float)
    if fresh:
        table, value, count = np.zeros_like(table), np.zeros_like(value), np.zeros_like(count)
    for seen, sign in ((old, -1), (new, 1)):
        if seen is not None:
            counted, summed = _cumulated(seen, at, bounds, is_total)
            table, value, count = table + sign * counted, value + sign * summed, count + sign * counted.sum(axis=1)
    columns = {
        "value": pa.array(np.maximum(value, 0)),
        "count": pa.array(np.maximum(np.nan_to_num(count), 0).astype(np.int64)),
        "bucket_counts": pa.array(np.maximum(table, 0).tolist(), METRICS.field("bucket_counts").type),
    }
    return pa.table([columns.get(f.name, rows[f.name]) for f in METRICS], schema=METRICS)


def _cumulated(seen: Observed, at: Ints, bounds: list[float], is_total: bool) -> tuple[Ints, Floats]:
    """Counts by bucket, shape (points, buckets), and sums of seconds at each point."""
    ends, seconds = seen
    point = np.searchsorted(at, ends, side="left")
    inside = point < at.size
    bucket = np.searchsorted(np.asarray(bounds), seconds[inside], side="left")
    counted = np.zeros((at.size, len(bounds) + 1), dtype=np.int64)
    np.add.at(counted, (point[inside], bucket), 1)
    summed = np.bincount(point[inside], weights=seconds[inside], minlength=at.size).astype(np.float64)
    if not is_total:
        return counted, summed
    return np.cumsum(counted, axis=0), np.cumsum(summed)


def _series(metrics: pa.Table, chosen: Bools) -> Iterator[Ints]:
    found: dict[tuple[str, ...], list[int]] = {}
    rows = np.flatnonzero(chosen)
    part = metrics.take(pa.array(rows)).select(["service_instance_id", "name", "attributes"])
    names = zip(*(part[c].to_pylist() for c in part.column_names), strict=True)
    for row, (instance, name, attributes) in zip(rows.tolist(), names, strict=True):
        found.setdefault((str(instance), name, str(sorted(attributes or []))), []).append(row)
    yield from (np.array(each) for each in found.values())


def _less(buckets: list[list[int] | None], rows: Ints, base: int) -> None:
    minus = buckets[base]
    for row in rows.tolist():
        held = buckets[row]
        if held is not None and minus is not None:
            buckets[row] = [a - b for a, b in zip(held, minus, strict=True)]


def _unique_maps(points: pa.Table) -> set[tuple[tuple[str, str], ...]]:
    return {tuple(entries or ()) for entries in points["attributes"].to_pylist()}
