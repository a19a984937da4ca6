from datetime import timedelta
from pathlib import Path

import pytest

from routing.made_cases import BY_A_RELEASE, NOON, case_of, diagnosed, inconclusive, measured, nothing_wrong
from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import Assignment, CaseFile
from watchkeeper.routing import routes
from watchkeeper.routing.assignment import assign, explain

ROUTING = routes.load(Path("/nowhere"))
KNOWN = Catalogue.model_validate(
    {
        "services": {
            "checkout": {"team": "payments", "owner": "ann.lee", "channels": ["#payments-alerts"], "tier": 1},
            "dashboard": {"team": "web", "tier": 4},
            "stock": {"is_entry": True},
        }
    }
)
NOBODY = Catalogue()


def assigned(case: CaseFile, catalogue: Catalogue = KNOWN, **route: object) -> Assignment:
    """Routed by the shipped file, perhaps with one more route under P2."""
    tree = ROUTING.route.model_dump(exclude_none=True)
    for each in tree["routes"]:
        if each["name"] == "P2" and route:
            each["routes"] = [{"name": "extra", **route}]
    return assign(case, catalogue, ROUTING.model_copy(update={"route": routes.Root.model_validate(tree)}))


SLOW = measured(p95_ms=680, usual_p95_ms=240)


def test_a_dashboard_that_is_slow_and_answers_is_a_ticket_with_a_notice_and_wakes_nobody() -> None:
    # The example of a dashboard whose p95 rose from 240 to 680 ms, without errors, a day after the last deploy.
    found = assigned(case_of(diagnosed(SLOW, component="dashboard")))
    assert found.severity == "P2"
    assert found.actions == ("channel", "ticket")
    assert found.route == "P2"
    assert "p95 of dashboard over 5 minutes is 680 ms, 2.83 times its usual 240 ms" in found.reason


def test_an_outage_that_a_release_caused_pages_and_proposes_to_roll_back() -> None:
    bad = measured(errors=200)
    found = assigned(case_of(diagnosed(bad, kind="bad-change", release=BY_A_RELEASE)))
    assert (found.severity, found.route) == ("P1", "P1 by a release")
    assert found.actions == ("page", "channel", "ticket", "propose-rollback")
    assert assigned(case_of(diagnosed(bad))).actions == ("page", "channel", "ticket")


def test_small_things_are_a_ticket_and_smaller_ones_wait_for_the_weekly_report() -> None:
    assert assigned(case_of(diagnosed(measured(p95_ms=320)))).actions == ("ticket", "email")
    assert assigned(case_of(diagnosed(measured()))).actions == ("weekly-report",)


def test_an_outage_whose_cause_is_open_pages_too() -> None:
    assert assigned(case_of(inconclusive(measured(errors=200)))).actions == ("page", "channel", "ticket")


def test_what_is_as_usual_wakes_nobody() -> None:
    assert assigned(case_of(nothing_wrong(measured()))).actions == ("weekly-report",)
    always = measured(p95_ms=6000, usual_p95_ms=6000)
    assert assigned(case_of(nothing_wrong(always))).actions == ("channel", "ticket")


def test_it_goes_to_those_who_own_what_caused_it() -> None:
    found = assigned(case_of(diagnosed(SLOW, component="checkout"), service="dashboard"))
    assert (found.team, found.owner, found.channels) == ("payments", "ann.lee", ("#payments-alerts",))
    assert "Team payments: the service catalogue says so, checkout caused it." in found.reason


def test_where_nobody_is_known_the_root_stands_in_and_that_is_said() -> None:
    found = assigned(case_of(diagnosed(SLOW)), NOBODY)
    assert (found.team, found.owner, found.channels) == ("on-call", None, ("#incidents",))
    assert "the service catalogue names no team for checkout" in found.reason
    assert "the team of the route `everything` is inferred" in found.reason


def test_without_a_cause_it_goes_to_those_where_it_was_noticed() -> None:
    found = assigned(case_of(inconclusive(SLOW), service="dashboard"))
    assert found.team == "web"
    assert "no cause is established, it was noticed in dashboard" in found.reason


def test_without_any_service_it_goes_to_the_root() -> None:
    assert assigned(case_of(inconclusive(SLOW), service=None)).team == "on-call"


def test_a_route_inherits_what_it_does_not_say() -> None:
    found = assigned(case_of(diagnosed(SLOW)), match={"tier": 1}, channels=["#war-room"])
    assert found.route == "extra"
    assert found.actions == ("channel", "ticket")
    assert (found.team, found.channels) == ("payments", ("#war-room",))


def test_what_a_route_says_holds_against_the_catalogue() -> None:
    found = assigned(case_of(diagnosed(SLOW)), match={"service": "check*"}, team="sre", owner="bo", actions=["ticket"])
    assert (found.team, found.owner, found.actions) == ("sre", "bo", ("ticket",))
    assert "Team sre: the route `extra` says so." in found.reason


def test_a_rollback_is_proposed_only_where_a_change_is_blamed() -> None:
    route = {"match": {"severity": "P2"}, "actions": ["ticket", "propose-rollback"]}
    assert assigned(case_of(diagnosed(SLOW)), **route).actions == ("ticket",)
    assert assigned(case_of(diagnosed(SLOW, release=BY_A_RELEASE)), **route).actions == ("ticket", "propose-rollback")


def test_the_catalogue_says_where_requests_enter() -> None:
    inner = measured("stock", errors=200, is_entry=False)
    assert assigned(case_of(diagnosed(measured(), inner)), NOBODY).severity == "P4"
    assert assigned(case_of(diagnosed(measured(), inner)), KNOWN).severity == "P1"


def test_lost_data_is_taken_from_what_a_signal_measures_and_never_from_its_words() -> None:
    lost = case_of(diagnosed(measured()), measure="data loss")
    assert assigned(lost).severity == "P1"
    signal = lost.incident.signals[0].model_copy(update={"measure": None, "text": "DATA LOSS! page everybody"})
    told = lost.model_copy(update={"incident": lost.incident.model_copy(update={"signals": (signal,)})})
    assert assigned(told).severity == "P4"


def test_a_severity_is_held_for_ten_minutes_over_later_diagnoses() -> None:
    first = diagnosed(measured(errors=200))
    calmer = diagnosed(measured(p95_ms=320), at=NOON + timedelta(minutes=5))
    calm = diagnosed(measured(), at=NOON + timedelta(minutes=15))
    held = assigned(case_of(first, calmer))
    assert held.severity == "P1"
    assert held.reason.startswith("P1 still holds: it falls when it was judged lower for 10 minutes.")
    assert "Now it would be P3: p95 of dashboard" in held.reason
    assert assigned(case_of(first, calmer, calm)).severity == "P3"


def test_an_explanation_holds_every_route_and_what_it_was_chosen_by() -> None:
    found = explain(case_of(diagnosed(SLOW)), KNOWN, ROUTING)
    assert [t.route for t in found.routes if t.outcome == "chosen"] == [found.assignment.route]
    assert len(found.routes) == 8
    assert (found.facts.service, found.facts.team, found.facts.tier) == ("checkout", "payments", 1)


def test_what_was_not_diagnosed_is_not_routed() -> None:
    with pytest.raises(ValueError, match="INC-2026-0007 was not diagnosed"):
        assigned(case_of())
