"""A tiny data set in Nezha's published layout: one system of two services, written by the tests themselves."""

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

DAY = "2031-05-04"
NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)
SPAN_HEAD = ("TraceID", "SpanID", "ParentID", "PodName", "OperationName")
SPAN_TIMES = ("StartTimeUnixNano", "EndTimeUnixNano", "Duration")
LOG_HEAD = ("Timestamp", "TimeUnixNano", "Node", "PodName", "Container", "TraceID", "SpanID", "Log")
METRIC_HEAD = (
    *("Time", "TimeStamp", "PodName", "CpuUsage(m)", "CpuUsageRate(%)", "MemoryUsage(Mi)", "MemoryUsageRate(%)"),
    *("SyscallRead", "SyscallWrite", "NetworkReceiveBytes", "NetworkTransmitBytes"),
    *("PodClientLatencyP90(s)", "PodServerLatencyP90(s)", "PodClientLatencyP95(s)", "PodServerLatencyP95(s)"),
    *("PodClientLatencyP99(s)", "PodServerLatencyP99(s)", "PodWorkload(Ops)", "PodSuccessRate(%)"),
    *("NodeCpuUsageRate(%)", "NodeMemoryUsageRate(%)", "NodeNetworkReceiveBytes"),
)
WEB, CART = "ts-web-5d8-aaaaa", "ts-cart-7f9-bbbbb"


def nanoseconds(time: datetime) -> int:
    return int(time.timestamp()) * 10**9 + time.microsecond * 1000


def span(time: datetime, trace: str, id_: str, parent: str, pod: str, name: str, us: int) -> tuple[object, ...]:
    return (trace, id_, parent, pod, name, nanoseconds(time), nanoseconds(time) + us * 1000, us)


def call(time: datetime, trace: str, us: int = 1000) -> list[tuple[object, ...]]:
    """A request to `web`, which calls `cart`."""
    return [
        span(time, trace, f"{trace}a", "root", WEB, "GET /", us + 900),
        span(time, trace, f"{trace}b", f"{trace}a", WEB, "HTTP GET", us + 300),
        span(time, trace, f"{trace}c", f"{trace}b", CART, "GET /cart", us),
        span(time, trace, f"{trace}d", f"{trace}c", CART, "SELECT", us // 2),
    ]


def line(time: datetime, pod: str, text: str, trace: str = "t1", id_: str = "t1a") -> tuple[object, ...]:
    body = json.dumps({"log": f"{text}\n", "stream": "stdout", "time": time.isoformat()})
    return (time.isoformat(), nanoseconds(time), "10.0.0.1", pod, "server", trace, id_, body)


def sample(time: datetime, pod: str, cpu_percent: float, success: float = 0.0, latency: str = "0.05") -> list[object]:
    """A row of metrics; TimeStamp is broken, as it is in the published data in places."""
    stamp = f"{time:%Y-%m-%d %H:%M:%S}.250000000 +0000 UTC m=+60.1"
    values = [*(3.0, cpu_percent, 128.0, 12.5, 0, 0, 1000.0, 2000.0), *([latency] * 6), *(2.5, success, 1.0, 2.0, 3.0)]
    return [stamp, 17, pod, *values]


def write(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def write_spans(folder: Path, kind: str, minute: datetime, rows: Sequence[Sequence[object]], day: str = DAY) -> Path:
    return write(folder / kind / day / "trace" / f"{minute:%H_%M}_trace.csv", (*SPAN_HEAD, *SPAN_TIMES), rows)


def write_logs(folder: Path, kind: str, minute: datetime, rows: Sequence[Sequence[object]], day: str = DAY) -> Path:
    return write(folder / kind / day / "log" / f"{minute:%H_%M}_log.csv", LOG_HEAD, rows)


def write_faults(folder: Path, *faults: tuple[datetime, str, str], day: str = DAY) -> Path:
    hours: dict[str, list[dict[str, str]]] = {}
    for at, pod, kind in faults:
        entry = {"inject_time": f"{at:%Y-%m-%d %H:%M:%S}", "inject_timestamp": "0", "inject_pod": pod}
        hours.setdefault(f"{at:%H}", []).append(entry | {"inject_type": kind})
    path = folder / "rca_data" / day / f"{day}-fault_list.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(hours), encoding="utf-8")
    return path


def write_dataset(folder: Path) -> Path:
    """One fault at noon in `cart`, seen for four minutes; a quiet minute an hour earlier; an hour of metrics."""
    write_faults(folder, (NOON, CART, "return"))
    for minute in range(-1, 5):
        began = NOON + timedelta(minutes=minute - 1, seconds=10)
        moments = [began + timedelta(seconds=s) for s in range(0, 58, 10)]
        write_spans(
            folder,
            "rca_data",
            NOON + timedelta(minutes=minute),
            [row for i, time in enumerate(moments) for row in call(time, f"m{minute}i{i}")],
        )
        lines = [line(time, WEB, f"12:00:00.250 INFO  w.Web#7 asked {i}") for i, time in enumerate(moments)]
        write_logs(folder, "rca_data", NOON + timedelta(minutes=minute), lines)
    quiet = NOON - timedelta(hours=1)
    write_spans(folder, "construct_data", quiet, call(quiet - timedelta(seconds=40), "q1") + call(quiet, "q2"))
    write_logs(folder, "construct_data", quiet, [line(quiet, WEB, "all is well", "q2", "q2a")])
    for pod in (WEB, CART):
        rows = [sample(NOON + timedelta(minutes=m), pod, 5.0) for m in range(-60, 20)]
        write(folder / "rca_data" / DAY / "metric" / f"{pod}_metric.csv", METRIC_HEAD, rows)
    return folder
