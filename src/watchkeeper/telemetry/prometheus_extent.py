"""What a Prometheus holds at all: services by their labels, with when they were first and last seen."""

import math
from datetime import timedelta

import numpy as np
import pyarrow as pa

from watchkeeper.domain import Window
from watchkeeper.tables import TIME
from watchkeeper.telemetry.prometheus_asking import Asking
from watchkeeper.telemetry.prometheus_labels import service_of
from watchkeeper.telemetry.prometheus_text import duration

LOOKS = 120
"""Into how many stretches a window is cut, each looked at as a whole."""
MOST_ROWS = 2**53
EXTENT = pa.schema(
    [
        *(("table", pa.string()), ("service_name", pa.string())),
        *(("first", TIME), ("last", TIME), ("rows", pa.int64())),
    ]
)


def extent_rows(asking: Asking, window: Window, service_labels: tuple[str, ...]) -> pa.Table:
    """One row a service that has samples in the window, as an answer to an `ExtentQuery`.

    `first` is the begin and `last` the end of the stretch in which there were samples, to about a hundredth of the
    window; `rows` counts each series once a stretch.
    """
    step = max(1.0, math.ceil(window.duration.total_seconds() / LOOKS))
    last = window.end - timedelta(milliseconds=1)
    looks = math.ceil(window.duration.total_seconds() / step)
    promql = (
        f"count by ({', '.join(service_labels)}) "
        f'(last_over_time({{__name__=~".+"}}[{duration(min(step, window.duration.total_seconds()))}]))'
    )
    seen: dict[str, tuple[float, float, int]] = {}
    for series in asking.over(promql, last - timedelta(seconds=step * (looks - 1)), last, step):
        service = service_of(series.labels, service_labels)
        if not series.times.size:
            continue
        first, latest, rows = seen.get(service, (np.inf, 0.0, 0))
        counted = int(min(MOST_ROWS, np.nan_to_num(series.values, posinf=0, neginf=0).clip(0, MOST_ROWS).sum()))
        seen[service] = (min(first, series.times.min() - step), max(latest, series.times.max()), rows + counted)
    start = window.start.timestamp()
    columns = {
        "table": ["metrics"] * len(seen),
        "service_name": sorted(seen),
        "first": [round(max(seen[name][0], start) * 1e6) for name in sorted(seen)],
        "last": [round(seen[name][1] * 1e6) for name in sorted(seen)],
        "rows": [seen[name][2] for name in sorted(seen)],
    }
    times = {name: pa.array(columns[name], pa.int64()).cast(TIME) for name in ("first", "last")}
    return pa.table([times.get(name, columns[name]) for name in EXTENT.names], schema=EXTENT)
