"""Requests whose times are known by hand: front asks shop, which asks its database twice, then front asks pay.

front  server  0 ........................ 100 ms
front  client    10 ............ 70   (shop)
shop   server      12 ........ 68
shop   client        20 .. 30   (database)
shop   client              40 .. 50   (database)
front  client                        75 .. 95   (pay)
pay    server                        77 .. 93
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from watchkeeper.injection.inject import Quiet
from watchkeeper.injection.plan import Fault, InjectedKind, Propagation, Strength
from watchkeeper.tables import TableName, table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SPANS = {
    "front": ("front", "server", None, 0, 100),
    "ask-shop": ("front", "client", "front", 10, 70),
    "shop": ("shop", "server", "ask-shop", 12, 68),
    "read": ("shop", "client", "shop", 20, 30),
    "write": ("shop", "client", "shop", 40, 50),
    "ask-pay": ("front", "client", "front", 75, 95),
    "pay": ("pay", "server", "ask-pay", 77, 93),
}
"""By name: service, kind, parent, begin and end in milliseconds."""
LINES = {"front": 99, "shop": 35, "write": 45, "pay": 80}
"""A log line in each of these spans, at so many milliseconds."""
REQUESTS, ONSET = 120, 60
"""One request a second; the fault begins with the 61st."""


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def quiet(requests: int = REQUESTS) -> Quiet:
    """So many requests, all alike, with the metrics that count them."""
    return Quiet({"spans": spans(requests), "logs": lines(requests), "metrics": metrics(requests)})


def spans(requests: int) -> pa.Table:
    return table_of("spans", [_span(name, number) for number in range(requests) for name in SPANS])


def _span(name: str, number: int) -> dict[str, object]:
    service, kind, parent, begin, end = SPANS[name]
    return {
        "time": at(number + begin / 1e3),
        "duration_ns": (end - begin) * 1_000_000,
        "service_name": service,
        "service_instance_id": f"{service}-0a1b2c3d",
        "trace_id": f"{number:032x}",
        "span_id": _id(name, number),
        "parent_span_id": parent and _id(parent, number),
        "name": name,
        "kind": kind,
        "status_code": "unset",
        "attributes": [("http.route", f"/{name}"), ("http.response.status_code", "200")],
        "resource": [("service.instance.id", f"{service}-0a1b2c3d")],
    }


def _id(name: str, number: int) -> str:
    return f"{number:08x}{list(SPANS).index(name):08x}"


def lines(requests: int) -> pa.Table:
    rows = [
        {
            "time": at(number + ms / 1e3),
            "service_name": SPANS[name][0],
            "service_instance_id": f"{SPANS[name][0]}-0a1b2c3d",
            "body": f"in {name}",
            "trace_id": f"{number:032x}",
            "span_id": _id(name, number),
        }
        for number in range(requests)
        for name, ms in LINES.items()
    ]
    return table_of("logs", rows)


def metrics(seconds: int) -> pa.Table:
    """Each service's requests and its processor, every ten seconds."""
    return table_of("metrics", [row for s in SPANS if SPANS[s][1] == "server" for row in _measured(s, seconds)])


def _measured(name: str, seconds: int) -> list[dict[str, object]]:
    took = (SPANS[name][4] - SPANS[name][3]) / 1e3
    rows: list[dict[str, object]] = []
    for second in range(10, seconds + 1, 10):
        who = {"time": at(second), "service_name": name, "service_instance_id": f"{name}-0a1b2c3d"}
        request = {
            "name": "http.server.request.duration", "kind": "histogram", "temporality": "cumulative", "unit": "s",
            "count": second, "value": second * took, "explicit_bounds": [0.5], "bucket_counts": [second, 0],
            "attributes": [("http.route", f"/{name}"), ("http.response.status_code", "200")],
        }  # fmt: skip
        rows += [who | request, who | {"name": "process.cpu.utilization", "kind": "gauge", "unit": "1", "value": 0.2}]
    return rows


def fault(kind: InjectedKind, component: str, size: float = 1.0, **propagation: float) -> Fault:
    """A fault that hits every request in full, without chance, but for what is asked for."""
    sure: dict[str, float] = {"spread": 0.0, "early": 0.0, "breaks_off": False}
    return Fault(
        seed=1,
        system="made",
        component=component,
        kind=kind,
        onset=at(ONSET - 0.5),
        ends=at(REQUESTS),
        size=size,
        propagation=Propagation.model_validate(sure | propagation),
        strength=Strength(excess=1, usual=1, noise=0, requests=60, is_material=True),
    )


Times = dict[str, tuple[float, float]]


def times_of(tables: Mapping[TableName, pa.Table], number: int) -> Times:
    """Begin and end of each span of one request, in milliseconds after it began; absent spans are left out."""
    rows = [row for row in tables["spans"].to_pylist() if row["trace_id"] == f"{number:032x}"]
    found = {}
    for row in rows:
        begin = (row["time"] - at(number)).total_seconds() * 1e3
        found[row["name"]] = (round(begin, 3), round(begin + row["duration_ns"] / 1e6, 3))
    return found


def states_of(tables: Mapping[TableName, pa.Table], number: int) -> dict[str, str]:
    """The status of each span of one request."""
    return {r["name"]: r["status_code"] for r in tables["spans"].to_pylist() if r["trace_id"] == f"{number:032x}"}


def lines_of(tables: Mapping[TableName, pa.Table], number: int) -> dict[str, float]:
    """The moment of each line of one request, in milliseconds after it began."""
    rows = [row for row in tables["logs"].to_pylist() if row["trace_id"] == f"{number:032x}"]
    return {row["body"]: round((row["time"] - at(number)).total_seconds() * 1e3, 3) for row in rows}
