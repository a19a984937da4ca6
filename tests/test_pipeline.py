from collections.abc import Callable
from datetime import timedelta

import pytest

from made_shop import CHAIN, Shop, at
from watchkeeper.domain import CaseFile, Diagnosis, Signal
from watchkeeper.errors import SourceUnavailable
from watchkeeper.pipeline import Scan, diagnose, diagnose_again
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import Answer
from watchkeeper.telemetry.store import Store


def case_of(shop: Shop, service: str | None = "gateway", sources: object = None) -> CaseFile:
    signal = Signal(kind="anomaly", at=at(shop.seconds), service=service)
    return diagnose(signal, sources or shop.store(), now=at(shop.seconds + 5))  # type: ignore[arg-type]


def diagnosis_of(shop: Shop) -> Diagnosis:
    latest = case_of(shop).latest
    assert latest is not None
    return latest


def test_a_quiet_shop_has_nothing_wrong():
    found = diagnosis_of(Shop())
    assert found.status == "nothing-wrong"
    assert found.hypotheses == ()


@pytest.mark.parametrize("component", ["gateway", "checkout", "payment"])
def test_slow_code_is_blamed_where_it_runs(component: str):
    found = diagnosis_of(Shop(slow={component: 120}))
    assert (found.status, found.hypotheses[0].component) == ("diagnosed", component)
    assert found.scope.since is not None
    assert abs((found.scope.since - at(240)).total_seconds()) <= 10


def test_a_slow_dependency_that_nobody_instrumented_is_named_at_the_one_who_waits():
    top = diagnosis_of(Shop(slow={"bank": 200})).hypotheses[0]
    assert (top.component, top.kind, top.dependency) == ("payment", "slow-dependency", "bank")


def test_failures_are_blamed_where_they_begin_and_on_the_input_that_carries_them():
    found = diagnosis_of(Shop(failing={"payment": 0.3}))
    top = found.hypotheses[0]
    assert top.component == "payment"
    assert any("app.currency = JPY" in claim.text for claim in top.claims)


def test_a_deploy_right_before_the_onset_did_it():
    shop = Shop(slow={"checkout": 150})
    shop.deploy("checkout", 236, "1.1.0")
    found = diagnosis_of(shop)
    assert found.release.status == "caused"
    assert found.release.change is not None
    assert found.release.change.version == "1.1.0"
    assert "1.0.0" in (found.suggested_fix or "")


def test_a_deploy_that_ran_well_for_a_minute_is_cleared():
    shop = Shop(slow={"bank": 200})
    shop.deploy("payment", 170, "1.1.0")
    found = diagnosis_of(shop)
    assert found.hypotheses[0].component == "payment"
    assert found.release.status == "not-release-related"
    assert found.hypotheses[0].against


def test_a_deploy_that_answered_well_for_half_a_minute_is_cleared_though_it_is_near():
    shop = Shop(slow={"bank": 200})
    shop.deploy("payment", 203, "1.1.0")
    found = diagnosis_of(shop)
    assert found.release.status == "not-release-related"
    assert "requests well" in found.release.reason


def test_a_deploy_after_the_onset_is_cleared():
    shop = Shop(slow={"checkout": 150})
    shop.deploy("checkout", 280, "1.1.0")
    assert diagnosis_of(shop).release.status == "not-release-related"


def test_a_service_that_stops_reporting_is_silent_and_not_healthy():
    found = diagnosis_of(Shop(silent=("checkout",)))
    assert (found.hypotheses[0].component, found.hypotheses[0].kind) == ("checkout", "silence")
    assert "still answers its callers" in found.headline


def test_two_different_faults_have_different_headlines():
    assert diagnosis_of(Shop(slow={"checkout": 150})).headline != diagnosis_of(Shop(failing={"payment": 0.3})).headline


def test_no_telemetry_is_not_health():
    shop = Shop()
    latest = diagnose(Signal(kind="question", at=at(90_000), service="gateway"), shop.store(), now=at(90_000)).latest
    assert latest is not None
    assert latest.status == "inconclusive"
    assert "no telemetry" in (latest.inconclusive_because or "")


def test_a_service_that_does_not_exist_is_said_with_those_that_do():
    latest = case_of(Shop(), service="chekout").latest
    assert latest is not None
    assert latest.status == "inconclusive"
    assert "checkout" in (latest.inconclusive_because or "")


class WithoutLogs:
    """A store whose logs are down."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        if name in ("records", "log_counts"):
            return self._down
        return getattr(self._store, name)

    def _down(self, *_: object) -> Answer:
        raise SourceUnavailable("the log backend refused the connection")


def test_a_source_that_is_down_makes_the_answer_poorer_and_is_named():
    shop = Shop(slow={"checkout": 150})
    latest = case_of(shop, sources=WithoutLogs(shop.store())).latest
    assert latest is not None
    assert latest.hypotheses[0].component == "checkout"
    assert any("refused" in gap for gap in latest.gaps)


def test_nothing_found_while_a_source_is_down_is_inconclusive_and_not_healthy():
    shop = Shop()
    latest = case_of(shop, sources=WithoutLogs(shop.store())).latest
    assert latest is not None
    assert latest.status == "inconclusive"


def test_half_a_minute_of_telemetry_is_too_little_to_call_healthy():
    found = diagnosis_of(Shop(seconds=30))
    assert found.status == "inconclusive"
    assert "30 s of telemetry" in (found.inconclusive_because or "")


def test_where_nobody_reports_any_more_no_service_is_blamed():
    shop = Shop()
    latest = diagnose(Signal(kind="anomaly", at=at(360)), shop.store(), now=at(365)).latest
    assert latest is not None
    assert latest.status == "inconclusive"
    assert "collector" in (latest.inconclusive_because or "")


def test_that_nobody_reports_is_told_as_that_and_not_as_what_was_before():
    store = Shop(slow={"checkout": 150}).store()
    nobody = Signal(kind="silence", measure="silence", at=at(370))
    latest = diagnose(nobody, store, now=at(375)).latest
    assert latest is not None
    assert (latest.status, latest.hypotheses) == ("inconclusive", ())
    assert "no service reports any more" in (latest.inconclusive_because or "")
    slow = Signal(kind="anomaly", at=at(290), service="checkout")
    case = diagnose(slow, store, now=at(295))
    joined = case.model_copy(update={"incident": case.incident.model_copy(update={"signals": (slow, nobody)})})
    again = diagnose_again(joined, store, now=at(375), occasion="new signal").latest
    assert again is not None
    assert (again.status, again.hypotheses[0].component) == ("diagnosed", "checkout")


def test_what_always_failed_is_not_called_usual():
    found = diagnosis_of(Shop(onset=0, failing={"payment": 1.0}, seconds=300))
    assert found.status == "inconclusive"
    assert "share of failed requests" in found.headline
    assert "no good past" in (found.inconclusive_because or "")


def test_a_few_seconds_of_failures_have_no_usual_and_no_confident_cause():
    assert diagnosis_of(Shop(seconds=30, onset=0, failing={"payment": 1.0})).status == "inconclusive"


def store_without(shop: Shop, *tables: str) -> Store:
    return store_of({n: table_of(n, rows) for n, rows in shop.tables().items() if n not in tables})  # type: ignore[arg-type]


def test_errors_and_latency_are_not_called_usual_where_there_are_no_spans():
    latest = case_of(Shop(), sources=store_without(Shop(), "spans")).latest
    assert latest is not None
    assert latest.status == "inconclusive"
    assert "no spans" in (latest.inconclusive_because or "")


def asked(shop: Shop, service: str) -> Diagnosis:
    latest = diagnose(Signal(kind="question", at=at(300), service=service), shop.store(), now=at(305)).latest
    assert latest is not None
    return latest


def test_a_service_that_never_reported_gets_no_answer_about_another():
    found = asked(Shop(slow={"checkout": 150}), "chekout")
    assert found.status == "inconclusive"
    assert "checkout" in (found.inconclusive_because or "")


def test_trouble_elsewhere_is_told_as_trouble_elsewhere():
    found = asked(Shop(slow={"checkout": 150}), "payment")
    assert any("payment, which was asked about" in note for note in found.notes)


def test_the_end_of_all_telemetry_does_not_hide_what_was_wrong_before():
    shop = Shop(slow={"checkout": 150})
    latest = diagnose(Signal(kind="question", at=at(345), service="gateway"), shop.store(), now=at(345)).latest
    assert latest is not None
    assert (latest.status, latest.hypotheses[0].component) == ("diagnosed", "checkout")
    assert any("no service has reported since" in note for note in latest.notes)


def test_what_was_noticed_is_explained_though_it_hardly_stands_out_later():
    shop = Shop(slow={"checkout": 150}, onset=140)
    alarm = Signal(kind="anomaly", at=at(195), service="gateway")
    latest = diagnose(alarm, shop.store(), now=at(300), scan=Scan(follow_seconds=90)).latest
    assert latest is not None
    assert (latest.status, latest.hypotheses[0].component) == ("diagnosed", "checkout")


def changed(shop: Shop, table: str, change: Callable[[int, dict[str, object]], dict[str, object]]) -> Store:
    tables = shop.tables()
    tables[table] = [row | change(i, row) for i, row in enumerate(tables[table])]
    return store_of({n: table_of(n, rows) for n, rows in tables.items()})  # type: ignore[arg-type]


def test_span_names_that_never_come_twice_do_not_hide_the_cause():
    store = changed(Shop(slow={"checkout": 150}), "spans", lambda i, row: {"name": f"{row['name']}/{i}"})
    latest = case_of(Shop(), sources=store).latest
    assert latest is not None
    assert latest.hypotheses[0].component == "checkout"


def test_infinite_and_missing_figures_are_no_evidence():
    store = changed(
        Shop(slow={"checkout": 150}), "metrics", lambda i, _: {"value": float("-inf") if i % 2 else float("nan")}
    )
    latest = case_of(Shop(), sources=store).latest
    assert latest is not None
    assert latest.hypotheses[0].component == "checkout"
    assert "inf" not in latest.model_dump_json()


def test_spans_that_take_no_time_are_taken_as_they_are():
    store = changed(Shop(), "spans", lambda i, _: {"duration_ns": 0})
    latest = case_of(Shop(), sources=store).latest
    assert latest is not None
    assert latest.status == "nothing-wrong"


def ranking(shop: Shop) -> list[tuple[str, float]]:
    return [(h.component, h.probability) for h in diagnosis_of(shop).hypotheses]


def test_names_of_services_do_not_decide():
    other = dict(zip(CHAIN, ("zeta", "alpha", "mid", "outside"), strict=True))
    plain = ranking(Shop(slow={"checkout": 150}))
    renamed = diagnose(
        Signal(kind="anomaly", at=at(300)), Shop(slow={"checkout": 150}, names=other).store(), now=at(305)
    ).latest
    assert renamed is not None
    back = {v: k for k, v in other.items()}
    assert sorted(plain) == sorted((back.get(h.component, h.component), h.probability) for h in renamed.hypotheses)


def test_every_number_has_its_evidence_and_evidence_its_query():
    case = case_of(Shop(slow={"checkout": 150}))
    assert all("SELECT" in item.query for item in case.evidence if item.asked is not None)
    assert all(item.reading is not None for item in case.evidence if item.asked is None)
    assert case.latest is not None
    assert case.latest.cost.queries == len([item for item in case.evidence if item.asked is not None])


def test_what_came_later_than_now_is_not_used():
    shop = Shop(slow={"checkout": 150})
    early = diagnose(Signal(kind="anomaly", at=at(230)), shop.store(), now=at(230)).latest
    assert early is not None
    assert early.status == "nothing-wrong"
    assert at(230) - early.at == timedelta(0)
