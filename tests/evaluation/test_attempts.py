"""One problem through the plain pipeline, and how a diagnosis is read as an answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from made_shop import Shop, at
from watchkeeper.datasets.cases import Case, Tables, Trigger
from watchkeeper.domain import Change, Claim, Cost, Diagnosis, Hypothesis, ReleaseVerdict, Signal, Window
from watchkeeper.errors import DatasetRejected
from watchkeeper.evaluation.attempts import Asking, attempts, commits, components, scan_for
from watchkeeper.evaluation.lost_calls import Lost
from watchkeeper.evaluation.problems import Problem, of_cases
from watchkeeper.tables import table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def release(*shas: str, kind: str = "deploy") -> Change:
    return Change(id="r1", kind=kind, service="cart", commits=shas, began_at=NOON)  # type: ignore[arg-type]


def cause(component: str, probability: float, change: Change | None = None) -> Hypothesis:
    claims = (Claim(text="slow", evidence="e1"),)
    return Hypothesis(component=component, kind="latency", probability=probability, claims=claims, change=change)


def diagnosis(status: str, *causes: Hypothesis, verdict: str = "not-release-related", **more: object) -> Diagnosis:
    blamed = causes[0].change if verdict == "caused" else None
    facts: dict[str, object] = {
        "at": NOON,
        "status": status,
        "headline": "x",
        "hypotheses": causes,
        "release": ReleaseVerdict(status=verdict, change=blamed, reason="y"),  # type: ignore[arg-type]
        "cost": Cost(seconds=0),
        "inconclusive_because": "too little" if status == "inconclusive" else None,
    }
    return Diagnosis.model_validate(facts | more)


def test_components_are_ranked_each_once() -> None:
    found = components(diagnosis("diagnosed", cause("a", 0.6), cause("b", 0.3), cause("a", 0.1)))
    assert (found.status, found.ranked, found.probability) == ("answered", ("a", "b"), 0.6)


def test_the_probability_of_a_component_is_that_of_all_that_may_be_wrong_with_it() -> None:
    found = components(diagnosis("diagnosed", cause("a", 0.6), cause("b", 0.3), cause("a", 0.1)))
    assert (found.probability, found.probabilities) == (0.6, (0.7, 0.3))


def test_the_commits_of_a_change_share_its_probability() -> None:
    found = commits(diagnosis("diagnosed", cause("a", 0.6, release("s1", "s2")), cause("b", 0.2, release("s3"))))
    assert (found.ranked, found.probabilities) == (("s1", "s2", "s3"), (0.3, 0.3, 0.2))


def test_probabilities_are_at_most_one_in_all() -> None:
    found = components(diagnosis("diagnosed", cause("a", 0.9), cause("b", 0.6)))
    assert found.probabilities == (0.6, 0.4)


def test_an_inconclusive_diagnosis_abstains_and_still_ranks() -> None:
    found = components(diagnosis("inconclusive", cause("a", 0.4)))
    assert (found.status, found.ranked) == ("abstained", ("a",))


def test_nothing_wrong_is_none() -> None:
    found = components(diagnosis("nothing-wrong"))
    assert (found.status, found.ranked, found.probability) == ("none", (), None)


def test_the_blamed_release_is_answered_with_its_commits() -> None:
    found = commits(diagnosis("diagnosed", cause("a", 0.7, release("s1", "s2")), verdict="caused"))
    assert (found.status, found.ranked, found.probability) == ("answered", ("s1", "s2"), 0.7)


def test_a_cause_that_no_release_made_is_no_commit() -> None:
    found = commits(diagnosis("diagnosed", cause("a", 0.7)))
    assert (found.status, found.ranked) == ("none", ())


def test_a_flag_that_is_blamed_is_no_commit() -> None:
    found = commits(diagnosis("diagnosed", cause("a", 0.7, release(kind="flag")), verdict="caused"))
    assert found.status == "none"


@pytest.mark.parametrize("status", ["diagnosed", "inconclusive"])
def test_an_open_question_about_the_release_abstains(status: str) -> None:
    found = commits(diagnosis(status, cause("a", 0.4, release("s1")), verdict="undetermined"))
    assert (found.status, found.ranked, found.probability) == ("abstained", ("s1",), 0.4)


def made(load: Callable[[], Tables], **trigger: object) -> Problem:
    signal = Signal(kind="alert", at=at(300), text="slow")
    given = replace(Trigger(signal, until=at(300)), **trigger)  # type: ignore[arg-type]
    (problem,) = of_cases([Case("one", given, load)])
    return problem


def shop_tables() -> Tables:
    rows = Shop(slow={"checkout": 150}).tables()
    return {name: table_of(name, some) for name, some in rows.items()}  # type: ignore[arg-type,misc]


def put(problem: Problem, errors: list[Exception] | None = None, **more: object):
    kept = errors if errors is not None else []
    (found,) = attempts(problem, 1, Asking("component", keep_trace=kept.append, **more))  # type: ignore[arg-type]
    return found


def test_a_case_is_diagnosed_from_its_tables() -> None:
    found = put(made(shop_tables))
    assert (found.status, found.ranked[0], found.case) == ("answered", "checkout", "one")
    assert found.candidates == ("checkout", "gateway", "payment")


def test_what_goes_wrong_inside_is_one_failed_case_and_its_trace_is_kept() -> None:
    def broken() -> Tables:
        raise KeyError("spans")

    errors: list[Exception] = []
    found = put(made(broken), errors)
    assert (found.status, found.reason) == ("failed", "KeyError: 'spans'")
    assert [type(error) for error in errors] == [KeyError]


def test_a_finished_case_is_gone_over_once_more_where_that_is_asked() -> None:
    assert put(made(shop_tables)).unsupported is None
    found = put(made(shop_tables), inspect=lambda case, sources: (case.incident.id,))
    assert found.unsupported == ("INC-2026-0001",)


def test_broken_data_stops_the_run() -> None:
    def broken() -> Tables:
        raise DatasetRejected("logs.ndjson, line 3: expected JSON")

    with pytest.raises(DatasetRejected, match="line 3"):
        put(made(broken))


def test_a_baseline_sees_the_case_and_one_that_fails_has_no_ranking() -> None:
    def loud(case: Case, tables: Tables) -> list[str]:
        return [*case.candidates, *sorted(tables)]

    def broken(case: Case, tables: Tables) -> list[str]:
        raise ZeroDivisionError

    found = put(made(shop_tables), baselines={"loud": loud, "broken": broken})
    services = ("checkout", "gateway", "payment")
    assert found.baselines == {"loud": (*services, "changes", "logs", "metrics", "spans"), "broken": None}


@pytest.mark.parametrize(("source", "table"), [("logs", "logs"), ("traces", "spans"), ("metrics", "metrics")])
def test_a_source_can_be_left_out(source: str, table: str) -> None:
    posed = made(shop_tables).pose(frozenset({source}))  # type: ignore[arg-type]
    with posed.sources:
        assert {"logs", "spans", "metrics", "changes"} - set(posed.tables) == {table}


def test_the_call_graph_can_be_left_out() -> None:
    problem = made(shop_tables, topology=frozenset({("gateway", "checkout")}))
    for without, edges in ((frozenset(), {("gateway", "checkout")}), (frozenset({"topology"}), set())):
        posed = problem.pose(without)  # type: ignore[arg-type]
        with posed.sources:
            assert posed.trigger.topology == edges


def test_good_stretches_and_the_call_graph_reach_the_pipeline() -> None:
    good = Window(start=at(0), end=at(60))
    trigger = Trigger(Signal(kind="alert", at=at(300)), at(300), (good,), frozenset({("a", "b")}))
    scan = scan_for(trigger)
    assert (scan.references, scan.topology) == ((good,), {("a", "b")})


def test_who_looks_later_sees_what_came_after_and_the_past_as_far_back_as_before() -> None:
    trigger = Trigger(Signal(kind="alert", at=at(300)), at(300))
    plain, later = scan_for(trigger), scan_for(trigger, 120.0)
    assert later.follow_seconds == 120.0
    assert later.lookback_seconds - plain.lookback_seconds == 120.0
    assert scan_for(trigger, 10.0).follow_seconds == plain.follow_seconds


def test_a_case_is_read_once_and_diagnosed_once_for_each_drawing_of_lost_calls() -> None:
    read: list[str] = []

    def load() -> Tables:
        read.append("telemetry")
        return shop_tables()

    def traversal(case: Case, tables: Tables) -> list[str]:
        return [f"{len(case.trigger.topology)} calls"]

    def other(case: Case, tables: Tables) -> list[str]:
        read.append("other")
        return list(case.candidates)

    declared = frozenset({("gateway", "checkout"), ("checkout", "payment")})
    asking = Asking("component", {"traversal": traversal, "other": other}, lost=Lost(50, seeds=3))
    found = list(attempts(made(load, topology=declared), 1, asking))
    assert [(a.draw, a.lost_calls, a.ranked[0]) for a in found] == [(draw, 1, "checkout") for draw in range(3)]
    assert read == ["telemetry", "other"], "what does not go by calls says the same of each drawing"
    assert {a.baselines["traversal"] for a in found} == {("1 calls",)}


def test_a_case_that_cannot_be_posed_has_failed_in_every_drawing() -> None:
    def broken() -> Tables:
        raise KeyError("spans")

    found = list(attempts(made(broken), 1, Asking("component", lost=Lost(50, seeds=2))))
    assert [(a.status, a.draw) for a in found] == [("failed", 0), ("failed", 1)]
