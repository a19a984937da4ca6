"""Small worlds of visits for the tests: traces of a shop in which one thing can be made to change."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from watchkeeper.domain import Window
from watchkeeper.tables import table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
QUIET = Window(start=NOON - timedelta(hours=1), end=NOON - timedelta(minutes=59))
UNTIL = NOON + timedelta(minutes=3)
Row = dict[str, object]


def span(time: datetime, trace: str, id_: str, parent: str | None, service: str, name: str, ms: float, **more) -> Row:
    return {
        "time": time,
        "duration_ns": int(ms * 1e6),
        "service_name": service,
        "trace_id": trace,
        "span_id": f"{trace}{id_}",
        "parent_span_id": None if parent is None else f"{trace}{parent}",
        "name": name,
        "kind": "internal",
        "status_code": "unset",
    } | more


def line(time: datetime, trace: str, id_: str, service: str, body: str, severity: int = 9) -> Row:
    who = {"service_name": service, "trace_id": trace, "span_id": f"{trace}{id_}"}
    return {"time": time, "body": body, "severity_number": severity} | who


def order(
    time: datetime, trace: str, *, gap_ms: float = 1.0, own_ms: float = 5.0, steps: Sequence[str] = ()
) -> list[Row]:
    """`web` answers by calling `cart`, which looks something up and then takes its `steps`, and `mail`."""

    def at(ms: float) -> datetime:
        return time + timedelta(milliseconds=ms)

    cart = 4 + own_ms
    rows = [
        span(time, trace, "a", None, "web", "GET /", 30 + cart + gap_ms, kind="server"),
        span(at(1), trace, "b", "a", "web", "call cart", cart + gap_ms, kind="client"),
        span(at(1.5), trace, "c", "b", "cart", "GET /cart", cart, kind="server"),
        span(at(2), trace, "d", "c", "cart", "look up", 4),
        span(at(10 + cart + gap_ms), trace, "e", "a", "web", "call mail", 6, kind="client"),
        span(at(10.5 + cart + gap_ms), trace, "f", "e", "mail", "POST /mail", 5, kind="server"),
    ]
    return rows + [span(at(6.1 + 0.01 * i), trace, f"s{i}", "c", "cart", step, 0.001) for i, step in enumerate(steps)]


def lines_of(time: datetime, trace: str, bodies: Iterable[str], severity: int = 9) -> list[Row]:
    """What `cart` logs while it answers."""
    return [
        line(time + timedelta(milliseconds=3 + 0.1 * i), trace, "c", "cart", body, severity)
        for i, body in enumerate(bodies)
    ]


def moments(start: datetime, end: datetime, every_seconds: float = 2.0) -> list[tuple[datetime, str]]:
    """Times and trace ids of requests in that stretch."""
    count = int((end - start).total_seconds() / every_seconds)
    times = [start + timedelta(seconds=i * every_seconds) for i in range(count)]
    return [(time, f"{int(time.timestamp() * 1000):x}") for time in times]


def world(usual: Callable[[datetime, str], list[Row]], fault: Callable[[datetime, str], list[Row]]) -> list[Row]:
    """Rows of a quiet minute and of two minutes before noon as usual, and of three minutes after it with the fault."""
    before = moments(QUIET.start, QUIET.end) + moments(NOON - timedelta(minutes=4), NOON)
    rows = [row for moment in before for row in usual(*moment)]
    return rows + [row for moment in moments(NOON, UNTIL) for row in fault(*moment)]


def spans_table(rows: list[Row]) -> pa.Table:
    return table_of("spans", rows)


def logs_table(rows: list[Row]) -> pa.Table:
    return table_of("logs", rows)
