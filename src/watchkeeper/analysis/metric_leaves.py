"""The leaves of a drill-down where there are no spans: requests by the labels of the metrics that count them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.analysis.golden import golden_names, role_of
from watchkeeper.analysis.leaves import Leaves, Values, make_leaves
from watchkeeper.domain import Window

STATUSES = (
    "http.response.status_code",
    "http.status_code",
    "status_code",
    "response_code",
    "status",
    "code",
    "outcome",
)
"""Labels that say whether a request failed: these count failures and are no dimension."""
LOG_SD = 1.0
"""Of durations, whose spread a sum and a count do not tell: wide, so that little is made of a few requests."""
_FAILED = re.compile(r"5(\d\d|xx)|(server_)?error|failed|failure|fault", re.I)
_MILLISECONDS = {"s": 1e3, "seconds": 1e3, "ms": 1.0, "milliseconds": 1.0, "us": 1e-3, "microseconds": 1e-3, "ns": 1e-6}

Labels = tuple[tuple[str, str], ...]


@dataclass
class _Series:
    """What one series of a metric counted in each of the two windows: requests and their time in ms."""

    labels: dict[str, str]
    now: list[float] = field(default_factory=lambda: [0.0, 0.0])
    usual: list[float] = field(default_factory=lambda: [0.0, 0.0])


def metric_leaves(table: pa.Table, service: str, usual: Window, incident: Window) -> Leaves:
    """Leaves from a `MetricQuery` answer that holds both windows; rows in any order.

    Taken is the duration histogram of the service with most requests, else its counter of requests. A cumulative
    series counts from its first point on, and anew where it falls. What its labels call a failure (`error.type`, a
    status of 5xx) is one. Of durations only the mean is known.
    """
    found = _counted(table, service, usual, incident)
    most = max(found, key=lambda name: (sum(s.now[0] + s.usual[0] for s in found[name]), name), default=None)
    series = found[most] if most is not None else []
    names = sorted({key for each in series for key in each.labels} - {*STATUSES, "error.type", "le"})
    rows = [row for each in series for row in _rows(each, names)]
    return make_leaves(service, names, rows, incident.duration / usual.duration)


def _rows(series: _Series, names: list[str]) -> Iterator[tuple[Values, bool, tuple[float, ...]]]:
    values = tuple(series.labels.get(name) for name in names)
    failed = _is_failure(series.labels)
    for is_now, (requests, spent) in ((False, series.usual), (True, series.now)):
        count = round(requests)
        if count > 0:
            log = float(np.log(max(spent / requests, 1e-3)))
            yield values, is_now, (count, count * failed, spent, count * log, count * (log**2 + LOG_SD**2))


def _is_failure(labels: Mapping[str, str]) -> bool:
    return bool(labels.get("error.type")) or any(_FAILED.fullmatch(labels.get(key, "")) for key in STATUSES)


def _counted(table: pa.Table, service: str, usual: Window, incident: Window) -> dict[str, list[_Series]]:
    """The series of each metric that counts the service's requests, histograms alone where there are any."""
    is_known = pc.is_in(table["name"], value_set=pa.array(golden_names(table), pa.string()))
    table = table.filter(pc.and_(is_known, pc.equal(table["service_name"], service))).sort_by("time")
    points: dict[tuple[str, str, str, Labels], list[dict[str, object]]] = {}
    for row in table.to_pylist():
        labels = tuple(sorted((key, value) for key, value in row["attributes"] or () if value is not None))
        key = (row["name"], row["kind"], row["service_instance_id"] or "", labels)
        points.setdefault(key, []).append(row)
    by_role: dict[str, dict[str, list[_Series]]] = {"histogram": {}, "requests": {}}
    for (name, kind, instance, labels), rows in points.items():
        role = role_of(name, kind)
        if role in by_role:
            series = _Series({**dict(labels), **({"service.instance.id": instance} if instance else {})})
            _add(series, rows, role == "histogram", usual, incident)
            by_role[role].setdefault(name, []).append(series)
    return by_role["histogram"] or by_role["requests"]


def _add(series: _Series, rows: list[dict[str, object]], is_histogram: bool, usual: Window, incident: Window) -> None:
    requests = np.array([row["count"] if is_histogram else row["value"] for row in rows], dtype=float)
    spent = np.array([row["value"] if is_histogram else 0.0 for row in rows], dtype=float)
    if rows[0]["temporality"] != "delta":
        requests, spent = _gains(requests), _gains(spent)
    factor = _MILLISECONDS.get(str(rows[0]["unit"]), 1e3)
    times = [row["time"] for row in rows]
    for window, totals in ((usual, series.usual), (incident, series.now)):
        own = np.array([window.start <= time < window.end for time in times])  # type: ignore[operator]
        totals[0] += float(np.nansum(requests[own]))
        totals[1] += float(np.nansum(spent[own])) * factor


def _gains(levels: np.ndarray) -> np.ndarray:
    gains = np.diff(levels)
    return np.concatenate([np.zeros(1), np.where(gains < 0, levels[1:], gains)])
