"""The own store and a Prometheus as one source: what each adds, and what remains where the other is down."""

from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pytest

from made_shop import Shop, at
from watchkeeper.domain import Signal, Window
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.pipeline import diagnose
from watchkeeper.tables import table_of
from watchkeeper.telemetry.joined import Joined
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import (
    Answer,
    CallQuery,
    ExtentQuery,
    MetricBucketQuery,
    MetricQuery,
    RedQuery,
    missing,
)
from watchkeeper.telemetry.store import Store
from watchkeeper.telemetry.wire import QUESTIONS

WINDOW = Window(start=at(0), end=at(300))
JOINED = ("points", "metric_buckets", "red", "calls", "extent")


class Down:
    """A source that never answers."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error or SourceUnavailable("Prometheus at http://p:9090\ncannot be reached")

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        def fail(*_: object) -> Answer:
            raise self._error

        return fail


class Saying:
    """A source that answers everything the same."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        return lambda *_: self._answer


def named(**names: str) -> Shop:
    return Shop(names=names)


def measured(name: str, time: datetime) -> Store:
    """A source with one sample of one service."""
    row = {"time": time, "service_name": "node", "name": name, "kind": "gauge", "value": 1.0}
    return store_of({"metrics": table_of("metrics", [row])})


def services(rows: pa.Table) -> set[str]:
    return set(rows["service_name"].to_pylist())


def test_requests_of_services_without_spans_are_the_others():
    own, other = Shop(), named(payment="billing")
    joined = Joined(own.store(), other.store())
    rows = joined.red(RedQuery(window=WINDOW)).rows
    assert services(rows) == {"gateway", "checkout", "payment", "billing"}


def test_requests_of_services_with_spans_are_the_stores_alone():
    own, busier = Shop().store(), Shop(per_second=9).store()
    assert Joined(own, busier).red(RedQuery(window=WINDOW)).rows == own.red(RedQuery(window=WINDOW)).rows


def test_calls_of_callers_without_spans_are_the_others():
    joined = Joined(Shop().store(), named(payment="billing").store())
    rows = joined.calls(CallQuery(window=WINDOW)).rows.to_pylist()
    assert ("billing", "bank") in {(row["service_name"], row["callee"]) for row in rows}


def test_metrics_are_those_of_both_in_order_of_time():
    joined = Joined(Shop().store(), measured("node_load1", at(42)))
    rows = joined.points(MetricQuery(window=WINDOW)).rows
    assert {"node_load1", "process.cpu.utilization"} <= set(rows["name"].to_pylist())
    assert rows["time"].to_pylist() == sorted(rows["time"].to_pylist())
    assert services(joined.metric_buckets(MetricBucketQuery(window=WINDOW)).rows) >= {"node", "gateway"}


def test_the_limit_holds_for_both_together():
    answer = Joined(Shop().store(), measured("node_load1", at(42))).points(MetricQuery(window=WINDOW, limit=7))
    assert answer.rows.num_rows == 7
    assert answer.is_truncated


def test_what_there_is_is_told_of_both():
    rows = Joined(Shop().store(), measured("node_load1", at(42))).extent(ExtentQuery()).rows
    assert {("metrics", "node"), ("spans", "gateway")} <= {(r["table"], r["service_name"]) for r in rows.to_pylist()}


def test_the_text_holds_what_both_were_asked():
    own, other = Shop().store(), measured("node_load1", at(42))
    text = Joined(own, other).points(MetricQuery(window=WINDOW)).query
    assert own.points(MetricQuery(window=WINDOW)).query in text
    assert missing(text) is None


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_prometheus_that_is_down_takes_no_row_of_the_store_away(question: str):
    query = ExtentQuery() if question == "extent" else QUESTIONS[question](window=WINDOW)
    own = getattr(Shop().store(), question)(query)
    joined = getattr(Joined(Saying(own), Down()), question)(query)
    assert joined.rows == own.rows
    assert joined.is_truncated == own.is_truncated


@pytest.mark.parametrize("question", JOINED)
@pytest.mark.parametrize("error", [SourceUnavailable("it is\ndown"), QueryRejected("too many\nsteps")])
def test_what_a_prometheus_did_not_say_is_named(question: str, error: Exception):
    query = ExtentQuery() if question == "extent" else QUESTIONS[question](window=WINDOW)
    answer = getattr(Joined(Shop().store(), Down(error)), question)(query)
    assert missing(answer.query) == " ".join(str(error).split())


def test_a_store_that_is_down_fails_as_it_does_alone():
    with pytest.raises(SourceUnavailable):
        Joined(Down(), Shop().store()).red(RedQuery(window=WINDOW))


def test_a_case_is_diagnosed_as_well_with_a_prometheus_that_is_down_and_its_evidence_says_so():
    sources = Joined(Shop(slow={"checkout": 150}).store(), Down())
    case = diagnose(Signal(kind="anomaly", at=at(300), service="gateway"), sources, now=at(305))
    assert case.latest is not None
    assert case.latest.hypotheses[0].component == "checkout"
    assert any(missing(entry.query) for entry in case.evidence)


def test_a_service_that_only_prometheus_knows_can_be_what_is_wrong():
    own = named(gateway="a", checkout="b", payment="c")
    joined = Joined(own.store(), Shop(failing={"payment": 0.5}).store())
    case = diagnose(Signal(kind="anomaly", at=at(300)), joined, now=at(305))
    assert case.latest is not None
    assert {"payment", "checkout", "gateway"} & {each.service for each in case.latest.scope.affected}
