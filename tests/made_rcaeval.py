"""A tiny RCAEval: two injections into a front that calls a cart, in either of the layouts it is published in."""

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

INJECTED = 1_900_000_000
AT = datetime.fromtimestamp(INJECTED, UTC)
BEFORE, AFTER = 600, 660
METRIC_HEAD = ("time", "front_latency-90", "front_workload", "front_error", "cart_cpu", "cart_mem", "cart_diskio")
LOG_HEAD = ("time", "timestamp", "container_name", "message", "level")
SPAN_HEAD = (
    *("time", "traceID", "spanID", "serviceName", "methodName", "operationName", "startTimeMillis", "startTime"),
    *("duration", "statusCode", "parentSpanID"),
)
Rows = Sequence[Sequence[object]]


def gauges(at: int = INJECTED) -> list[list[object]]:
    """A row every ten seconds; from the injection on the cart burns CPU and the front is slow."""
    rows: list[list[object]] = []
    for time in range(at - BEFORE, at + AFTER, 10):
        is_bad, jitter = time >= at, (time // 10) % 3
        latency = (0.9 if is_bad else 0.1) + 0.01 * jitter
        rows.append([time, latency, 5 + jitter, "", (90.0 if is_bad else 10.0) + jitter, 2e8 + jitter, "nan"])
    return rows


def lines(at: int = INJECTED) -> list[list[object]]:
    """A line every ten seconds, in nanoseconds."""
    return [
        ["00:00", time * 10**9, "cart", f"served request {time}", "info"] for time in range(at - BEFORE, at + AFTER, 10)
    ]


def requests(at: int = INJECTED, slow_us: int = 900_000, per_second: int = 4) -> list[list[object]]:
    """Requests to the front, which asks the cart; from the injection on the cart is slow."""
    rows: list[list[object]] = []
    for step in range((BEFORE + AFTER) * per_second):
        micros = (at - BEFORE) * 10**6 + step * 10**6 // per_second
        took = (slow_us if micros >= at * 10**6 else 10_000) + 137 * (step % 7)
        trace = f"t{step}"
        for id_, parent, service, name, begins, lasts in (
            ("a", "", "front", "GET /cart", micros, took + 4000),
            ("b", "a", "front", "ask cart", micros + 1000, took + 2000),
            ("c", "b", "cart", "Get", micros + 2000, took),
        ):
            own = (begins // 1000, begins, lasts, 0, f"{trace}{parent}" if parent else "")
            rows.append(["00:00", trace, f"{trace}{id_}", service, name, name, *own])
    return rows


def write_csv(path: Path, head: Sequence[str], rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def write_parquet(path: Path, head: Sequence[str], rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: [_cell(row[place]) for row in rows] for place, name in enumerate(head)}
    pq.write_table(pa.table(columns), path)


def write_points(path: Path, head: Sequence[str], rows: Rows) -> None:
    """As `metrics.json` has it: points by the metric's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        name: [[row[0], value] for row in rows if (value := _cell(row[place])) is not None]
        for place, name in enumerate(head)
        if place
    }
    path.write_text(json.dumps(told), encoding="utf-8")


def inject(folder: Path, at: int = INJECTED) -> Path:
    """The time of an injection alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "inject_time.txt").write_text(f"{at}\n", encoding="utf-8")
    return folder


def write_nested(folder: Path) -> Path:
    """As it was packed first: `RE2-OB/cart_cpu/1/` with CSV, and a second case with metrics alone."""
    whole = inject(folder / "RE2-OB" / "cart_cpu" / "1")
    write_csv(whole / "simple_metrics.csv", METRIC_HEAD, gauges())
    write_csv(whole / "metrics.csv", ("time", "cart_container-threads"), [[INJECTED, 3]])
    write_csv(whole / "logs.csv", LOG_HEAD, lines())
    write_csv(whole / "traces.csv", SPAN_HEAD, requests())
    alone = inject(folder / "RE1-SS" / "cart_mem" / "3", INJECTED + 7200)
    write_csv(alone / "data.csv", METRIC_HEAD, gauges(INJECTED + 7200))
    return folder


def write_flat(folder: Path) -> Path:
    """As it is published today: `re2ob_cart_cpu_1/` with Parquet, logs in seconds."""
    whole = inject(folder / "re2ob_cart_cpu_1")
    write_parquet(whole / "metrics.parquet", METRIC_HEAD, gauges())
    rows = [[time // 10**9, container, message] for _, time, container, message, _ in lines()]  # type: ignore[operator]
    write_parquet(whole / "logs.parquet", ("timestamp", "container_name", "message"), rows)
    write_parquet(whole / "traces.parquet", SPAN_HEAD, requests())
    return folder


def _cell(value: object) -> object:
    return None if value in ("", "nan") else value
