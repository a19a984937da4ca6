"""Who is close to whom, from the calls that were seen lately: what tells whether two alerts may be one fault."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import structlog

from watchkeeper.domain import Window
from watchkeeper.errors import WatchkeeperError
from watchkeeper.telemetry.sources import CallQuery, Traces

LOOKBACK_SECONDS = 1800.0
KEPT_SECONDS = 60.0
"""How long the calls are remembered, and how long it is not asked again where that failed."""
TIMEOUT_SECONDS = 5.0

_log = structlog.get_logger()
Edges = dict[str, set[str]]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Topology:
    """The call graph of the last half hour, asked for once a minute; see `intake.grouping.Neighbours`."""

    def __init__(self, traces: Traces, clock: Callable[[], datetime] = utc_now) -> None:
        self._traces, self._clock = traces, clock
        self._lock = threading.Lock()
        self._asked_at: datetime | None = None
        self._near: dict[str, frozenset[str]] = {}

    def of(self, service: str) -> frozenset[str] | None:
        """Services within two calls whose trouble may be this one's; None where nobody has seen it, or can tell.

        Those that it calls, or that call it, directly or through one other, and those that call what it calls. Two
        that only have a caller in common are not among them: it would make everything behind a gateway one incident.
        """
        with self._lock:
            now = self._clock()
            if self._asked_at is None or now - self._asked_at >= timedelta(seconds=KEPT_SECONDS):
                self._near = self._asked(now)
                self._asked_at = now
            return self._near.get(service)

    def _asked(self, now: datetime) -> dict[str, frozenset[str]]:
        query = CallQuery(
            window=Window.before(now, LOOKBACK_SECONDS), step_seconds=LOOKBACK_SECONDS, timeout_seconds=TIMEOUT_SECONDS
        )
        try:
            rows = self._traces.calls(query).rows
        except WatchkeeperError as error:
            _log.warning("the call graph is not known; alerts are grouped without it", reason=str(error))
            return {}
        return close(zip(rows.column("service_name").to_pylist(), rows.column("callee").to_pylist(), strict=True))


def close(calls: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Of each service that calls (caller, callee) or is called, the others whose trouble may be its own."""
    callees: Edges = defaultdict(set)
    callers: Edges = defaultdict(set)
    for caller, callee in calls:
        if caller and callee and caller != callee:
            callees[caller].add(callee)
            callers[callee].add(caller)
    names = sorted({*callees, *callers})
    return {
        name: frozenset(
            (_within_two(name, callees) | _within_two(name, callers) | _after(callees[name], callers)) - {name}
        )
        for name in names
    }


def _within_two(name: str, edges: Edges) -> set[str]:
    return edges[name] | _after(edges[name], edges)


def _after(names: Iterable[str], edges: Edges) -> set[str]:
    return {following for name in names for following in edges[name]}
