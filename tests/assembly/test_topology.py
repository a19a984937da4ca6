"""Who is close to whom, from calls."""

from datetime import datetime, timedelta

import pyarrow as pa

from made_alerts import CALLS, NOON
from watchkeeper.assembly.topology import KEPT_SECONDS, Topology, close
from watchkeeper.errors import SourceUnavailable
from watchkeeper.telemetry.sources import Answer, CallQuery, Cancel, PortionQuery, RedQuery, SpanQuery, UserQuery


class Calls:
    """Traces of which only the calls are asked; out of reach where it says so."""

    def __init__(self) -> None:
        self.queries: list[CallQuery] = []
        self.is_down = False

    def calls(self, query: CallQuery, cancel: Cancel | None = None) -> Answer:
        self.queries.append(query)
        if self.is_down:
            raise SourceUnavailable("the store is being restored")
        callers, callees = zip(*CALLS, strict=True)
        return Answer(pa.table({"service_name": callers, "callee": callees}), "SELECT …")

    def spans(self, query: SpanQuery, cancel: Cancel | None = None) -> Answer:
        raise NotImplementedError

    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer:
        raise NotImplementedError

    def portions(self, query: PortionQuery, cancel: Cancel | None = None) -> Answer:
        raise NotImplementedError

    def users(self, query: UserQuery, cancel: Cancel | None = None) -> Answer:
        raise NotImplementedError


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_callers_callees_and_those_with_a_callee_in_common_are_close() -> None:
    near = close([("gateway", "a"), ("gateway", "b"), ("a", "c"), ("d", "c"), ("c", "e"), ("e", "f")])
    assert near["a"] == {"gateway", "c", "e", "d"}
    assert near["gateway"] == {"a", "b", "c"}


def test_those_with_only_a_caller_in_common_are_not() -> None:
    assert "b" not in close([("gateway", "a"), ("gateway", "b")])["a"]


def test_the_calls_are_asked_for_once_a_minute() -> None:
    calls, clock = Calls(), Clock()
    topology = Topology(calls, clock)
    assert topology.of("nobody") is None
    assert topology.of("payment") == {"gateway", "checkout", "postgresql/payments"}
    assert len(calls.queries) == 1
    clock.now += timedelta(seconds=KEPT_SECONDS)
    assert topology.of("search") == {"index"}
    assert len(calls.queries) == 2


def test_a_source_that_is_down_is_not_knowing() -> None:
    calls, clock = Calls(), Clock()
    calls.is_down = True
    topology = Topology(calls, clock)
    assert (topology.of("payment"), topology.of("cart")) == (None, None)
    assert len(calls.queries) == 1
