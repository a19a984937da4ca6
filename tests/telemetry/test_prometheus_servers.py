"""The adapter against a real Prometheus and a real VictoriaMetrics that hold the history of a shop of numbers."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from made_metrics import history
from made_shop import CHAIN, Shop, at
from own_prometheus import OwnServer, needs, prometheus, victoria_metrics
from watchkeeper.domain import Diagnosis, Signal, Window
from watchkeeper.pipeline import diagnose
from watchkeeper.telemetry.prometheus import Prometheus
from watchkeeper.telemetry.sources import (
    Answer,
    CallQuery,
    ExtentQuery,
    MetricBucketQuery,
    MetricQuery,
    RedQuery,
)

SECONDS, ONSET = 600, 480
WINDOW = Window(start=at(0), end=at(SECONDS))
FIRST_SCRAPES = Window(start=at(60), end=at(SECONDS))
ONE_STEP = 1e9
SERVICES = sorted(CHAIN[:3])
START_OF = {"prometheus": prometheus, "victoria-metrics": victoria_metrics}
SCRAPED_EVERY = 60
A_MINUTE = 60
FRESH_AT = 5
"""From which scrape on the counter has begun anew."""
PAY = 'http_requests_total{app="billing",code="200",handler="/pay",method="post"}'
CALLED = '{app="billing",server_address="gateway"}'
ODD = 'odd{job="it\'s \\"odd\\" \\\\ {x}",path="a|b.*"}'


def sparse() -> str:
    """A service that is scraped once a minute and begins anew in between; it calls the gateway, each time in 100 ms."""
    families: dict[str, list[str]] = {"http_requests": [], "http_client_request_duration_seconds": [], "odd": []}
    for number in range(SECONDS // SCRAPED_EVERY):
        when = f"{at(number * SCRAPED_EVERY).timestamp():.3f}"
        done = A_MINUTE * (number if number < FRESH_AT else number - FRESH_AT)
        families["http_requests"].append(f"{PAY} {done} {when}")
        name, calls = "http_client_request_duration_seconds", number * 30
        families[name] += [f"{name}_count{CALLED} {calls} {when}", f"{name}_sum{CALLED} {calls / 10} {when}"]
    families["odd"].append(f"{ODD} 5 {at(360).timestamp():.3f}")
    kinds = {"http_requests": "counter", "http_client_request_duration_seconds": "summary", "odd": "gauge"}
    return "".join(f"# TYPE {name} {kinds[name]}\n" + "\n".join(lines) + "\n" for name, lines in families.items())


SHOP = Shop(seconds=SECONDS, onset=ONSET, failing={"payment": 0.3})


@dataclass(frozen=True)
class Held:
    """A server with the shop's history."""

    server: OwnServer
    source: Prometheus


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=needs(name, "promtool")) for name in START_OF],
)
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    start: Callable[..., AbstractContextManager[OwnServer]] = START_OF[request.param]
    text = f"{sparse()}{history(SHOP)}"
    with start(tmp_path_factory.mktemp(request.param), history=text) as server:
        yield Held(server, Prometheus(server.url))


def test_requests_and_failures_add_up_to_what_the_spans_say(held: Held):
    query = RedQuery(window=FIRST_SCRAPES, step_seconds=5, services=("payment",))
    found, spans = held.source.red(query).rows, SHOP.store().red(query).rows
    for column in ("requests", "errors"):
        assert pc.sum(found[column]).as_py() == pytest.approx(pc.sum(spans[column]).as_py(), rel=0.05)
    assert pc.mean(found["mean_ms"]).as_py() == pytest.approx(pc.mean(spans["mean_ms"]).as_py(), rel=0.05)


def test_over_one_long_step_they_do_so_almost_exactly(held: Held):
    query = RedQuery(window=FIRST_SCRAPES, step_seconds=ONE_STEP, services=("payment",))
    [found], [spans] = held.source.red(query).rows.to_pylist(), SHOP.store().red(query).rows.to_pylist()
    assert found["time"] == spans["time"]
    assert found["requests"] == pytest.approx(spans["requests"], rel=0.01)
    assert found["errors"] == pytest.approx(spans["errors"], abs=2)
    assert found["p95_ms"] == pytest.approx(spans["p95_ms"], rel=0.5)


def test_no_request_fails_before_it_began(held: Held):
    rows = held.source.red(RedQuery(window=Window(start=at(0), end=at(ONSET - 10)), step_seconds=5)).rows
    assert pc.sum(rows["errors"]).as_py() == 0


def test_operations_are_named_as_spans_are(held: Held):
    rows = held.source.red(RedQuery(window=WINDOW, step_seconds=60, by=("operation",))).rows
    named = set(zip(rows["service_name"].to_pylist(), rows["operation"].to_pylist(), strict=True))
    assert named == {(name, f"POST /{name}") for name in SERVICES} | {("billing", "post /pay")}


def test_a_counter_that_begins_anew_counts_on_and_never_down(held: Held):
    query = RedQuery(window=Window(start=at(180), end=at(540)), step_seconds=60, services=("billing",))
    rows = held.source.red(query).rows
    # What was counted between the last scrape before it began anew and the restart nobody knows.
    assert 4.5 * A_MINUTE <= pc.sum(rows["requests"]).as_py() <= 6 * A_MINUTE
    assert pc.min(rows["requests"]).as_py() >= 0


def test_metrics_of_clients_tell_who_calls_whom(held: Held):
    query = CallQuery(window=Window(start=at(180), end=at(480)), step_seconds=60)
    rows = held.source.calls(query).rows.to_pylist()
    assert {(row["service_name"], row["callee"], row["is_instrumented"]) for row in rows} == {
        ("billing", "gateway", True)
    }
    assert rows[-1]["mean_ms"] == pytest.approx(100, rel=0.01)


def test_samples_are_those_that_were_scraped(held: Held):
    query = MetricQuery(window=WINDOW, names=("process_cpu_seconds_total",), services=("cart", "payment"))
    rows = held.source.points(query).rows
    assert rows.num_rows == SECONDS // 5
    assert rows["time"].to_pylist()[1] == at(5)
    assert rows["value"].to_pylist()[2] == pytest.approx(1.0)


def test_a_hostile_name_is_found_by_its_name_and_harms_nothing(held: Held):
    name = 'it\'s "odd" \\ {x}'
    query = MetricQuery(window=WINDOW, services=(name, "other|.*"))
    rows = held.source.points(query).rows.to_pylist()
    assert [(row["service_name"], row["value"]) for row in rows] == [(name, 5.0)]


def test_what_is_used_of_resources_is_told_per_step(held: Held):
    query = MetricBucketQuery(window=WINDOW, step_seconds=10, names=("process.cpu.utilization",))
    rows = held.source.metric_buckets(query).rows
    assert sorted(set(rows["service_name"].to_pylist())) == SERVICES
    assert pc.mean(rows["mean"]).as_py() == pytest.approx(0.1, rel=0.01)


def test_there_are_the_services_of_the_window_and_no_other(held: Held):
    rows = held.source.extent(ExtentQuery(window=Window(start=at(0), end=at(240)))).rows
    assert rows["service_name"].to_pylist() == ["billing", *SERVICES]
    rows = rows.filter(pc.is_in(rows["service_name"], value_set=pa.array(SERVICES)))
    assert all(at(0) <= first <= at(10) for first in rows["first"].to_pylist())
    assert all(at(230) <= last < at(240) for last in rows["last"].to_pylist())


def test_nothing_is_there_outside_of_the_history(held: Held):
    before = Window(start=at(-3600), end=at(-600))
    assert held.source.extent(ExtentQuery(window=before)).rows.num_rows == 0
    assert held.source.red(RedQuery(window=before)).rows.num_rows == 0


QUESTIONS: dict[str, Callable[[Prometheus], Answer]] = {
    "points": lambda source: source.points(MetricQuery(window=WINDOW)),
    "metric_buckets": lambda source: source.metric_buckets(MetricBucketQuery(window=WINDOW)),
    "red": lambda source: source.red(RedQuery(window=WINDOW, step_seconds=7, by=("operation",))),
    "calls": lambda source: source.calls(CallQuery(window=WINDOW, step_seconds=7)),
    "extent": lambda source: source.extent(ExtentQuery(window=WINDOW)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_asked_twice_is_answered_the_same(held: Held, question: str):
    first, second = (QUESTIONS[question](held.source) for _ in range(2))
    assert first.rows.num_rows > 0
    assert first == second


def test_the_text_of_a_query_can_be_pasted(held: Held):
    text = held.source.red(RedQuery(window=WINDOW, step_seconds=60)).query
    pasted = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(pasted) > 3
    for promql in pasted:
        answer = held.server.get("/api/v1/query", query=promql, time=str(at(SECONDS).timestamp()))
        assert answer["status"] == "success"  # type: ignore[index, call-overload]


def diagnosed(source: Prometheus, seconds: float, kind: str = "alert", service: str | None = None) -> Diagnosis:
    signal = Signal.model_validate({"kind": kind, "at": at(seconds), "service": service})
    latest = diagnose(signal, source, now=at(seconds + 5)).latest
    assert latest is not None
    return latest


def test_a_diagnosis_over_metrics_alone_finds_the_services_that_fail(held: Held):
    found = diagnosed(held.source, SECONDS - 10, service="gateway")
    assert {"payment", "checkout", "gateway"} <= {each.service for each in found.scope.affected}
    assert "share of failed requests" in found.headline
    assert found.scope.since is not None
    assert abs(found.scope.since - at(ONSET)) <= timedelta(seconds=15)
    assert found.gaps == ()


def test_a_diagnosis_over_metrics_alone_finds_nothing_where_nothing_is(held: Held):
    assert diagnosed(held.source, 295, "anomaly").status == "nothing-wrong"


@needs("prometheus", "promtool")
def test_one_service_that_turned_slow_is_blamed_from_metrics_alone(tmp_path_factory: pytest.TempPathFactory):
    slow = Shop(seconds=SECONDS, onset=ONSET, slow={"payment": 150})
    with prometheus(tmp_path_factory.mktemp("slow"), history=history(slow)) as server:
        found = diagnosed(Prometheus(server.url), SECONDS - 10)
    assert "latency" in found.headline
    assert "payment" in {each.component for each in found.hypotheses}


@needs("prometheus", "promtool")
def test_a_service_that_is_scraped_no_more_is_silent(tmp_path_factory: pytest.TempPathFactory):
    shop = Shop(seconds=SECONDS, onset=ONSET, silent=("checkout",))
    with prometheus(tmp_path_factory.mktemp("silent"), history=history(shop)) as server:
        found = diagnosed(Prometheus(server.url), SECONDS - 10)
    assert (found.hypotheses[0].component, found.hypotheses[0].kind) == ("checkout", "silence")


@needs("prometheus", "promtool")
def test_a_service_that_is_scraped_rarely_is_not_taken_to_be_silent(tmp_path_factory: pytest.TempPathFactory):
    text = history(Shop(seconds=1800, onset=1800), scrape_seconds=60)
    with prometheus(tmp_path_factory.mktemp("rare"), history=text) as server:
        for seconds in (1700, 1715, 1730, 1745):
            found = diagnosed(Prometheus(server.url), seconds, "anomaly")
            assert found.status == "nothing-wrong", (seconds, found.headline)
