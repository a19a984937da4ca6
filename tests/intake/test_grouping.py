"""Which incident an alert belongs to, rule by rule."""

from dataclasses import replace
from typing import Any

import pytest

from made_alerts import NOON, Known, Unknown, at, of
from watchkeeper import library
from watchkeeper.domain import Alert
from watchkeeper.intake import senders
from watchkeeper.intake.grouping import Grouping, Neighbours, Placement
from watchkeeper.intake.standing import Standing, after
from watchkeeper.settings import Alerts as Limits

WORDS = senders.read(library.HOME / "config" / "alerts.yaml")
LIMITS = Limits(join_minutes=30, burst_seconds=120, cool_down_minutes=30, close_after_minutes=10, keep_days=90)
ID = "INC-2026-0001"
OTHER = "INC-2026-0002"
PLACES = frozenset((("environment", "prod"), ("cluster", "eu")))


def fired(
    service: str | None = "payment",
    fingerprint: str = "new",
    severity: Any = "P3",
    starts: float = 0,
    labels: dict[str, str] | None = None,
) -> Alert:
    said = {"env": "prod", "cluster": "eu"} if labels is None else labels
    return Alert(
        source="alertmanager", fingerprint=fingerprint, name="Bad", status="firing", starts_at=at(starts),
        service=service, severity=severity, labels=said,
    )  # fmt: skip


def ended(fingerprint: str = "old", ends: float = 0, starts: float = -10) -> Alert:
    return fired(fingerprint=fingerprint, starts=starts).model_copy(update={"status": "resolved", "ends_at": at(ends)})


def standing(**changed: Any) -> Standing:
    """An open incident about payment, ten minutes old, with one alert that fires."""
    usual = Standing(
        id=ID, state="diagnosed", last_signal_at=at(-10), services=frozenset(("payment",)),
        spells={"old": at(-10)}, active=frozenset(("old",)), places=PLACES, severity="P3", status="diagnosed",
    )  # fmt: skip
    return replace(usual, **changed)


def over(minutes_ago: float, **changed: Any) -> Standing:
    return standing(**{"state": "closed", "ended_at": at(-minutes_ago), "active": frozenset(), **changed})


def placed(alert: Alert, *standings: Standing, neighbours: Neighbours | None = None) -> Placement:
    placement = Grouping(LIMITS, WORDS, neighbours or Unknown(), NOON).place(alert, standings)
    assert placement.reason
    return placement


def outcome(alert: Alert, *standings: Standing, neighbours: Neighbours | None = None) -> tuple[str, str | None]:
    placement = placed(alert, *standings, neighbours=neighbours)
    return placement.outcome, placement.incident_id


def test_an_alert_that_nothing_has_to_do_with_opens_an_incident() -> None:
    assert outcome(fired()) == ("opened", None)


def test_the_same_alert_again_is_a_repetition() -> None:
    assert outcome(fired(fingerprint="old"), standing()) == ("repeated", ID)


def test_the_same_alert_with_a_higher_severity_makes_it_worse() -> None:
    assert outcome(fired(fingerprint="old", severity="P1"), standing()) == ("worsened", ID)


def test_the_same_service_joins() -> None:
    assert outcome(fired(), standing()) == ("joined", ID)


def test_a_more_severe_alert_of_the_same_service_makes_it_worse() -> None:
    assert outcome(fired(severity="P1"), standing()) == ("worsened", ID)


def test_the_same_service_joins_no_incident_that_had_no_news_for_long() -> None:
    assert outcome(fired(), standing(last_signal_at=at(-31))) == ("opened", None)


def test_another_environment_is_another_incident() -> None:
    assert outcome(fired(labels={"env": "staging"}), standing()) == ("opened", None)


@pytest.mark.parametrize("service", ["checkout", "gateway", "postgresql/payments"])
def test_a_service_within_two_calls_joins(service: str) -> None:
    assert outcome(fired(service), standing(), neighbours=Known()) == ("joined", ID)


def test_services_that_only_share_a_caller_are_two_incidents() -> None:
    payment_only = standing(services=frozenset(("payment",)))
    assert outcome(fired("orders"), payment_only, neighbours=Known()) == ("opened", None)


def test_two_faults_at_once_stay_two_where_it_is_known_who_calls_whom() -> None:
    assert outcome(fired("search"), standing(last_signal_at=NOON), neighbours=Known()) == ("opened", None)


def test_the_closest_incident_is_joined() -> None:
    near = standing(id=OTHER, services=frozenset(("checkout",)), last_signal_at=NOON, spells={})
    assert outcome(fired(), near, standing(), neighbours=Known()) == ("joined", ID)


def test_where_nobody_knows_who_calls_whom_what_begins_together_is_one() -> None:
    begun = standing(spells={"old": at(-1)})
    assert outcome(fired("search"), begun) == ("joined", ID)
    assert outcome(fired("search", starts=5), begun) == ("opened", None)


@pytest.mark.parametrize("labels", [{"env": "prod", "cluster": "us"}, {"env": "staging"}])
def test_what_begins_together_elsewhere_is_another(labels: dict[str, str]) -> None:
    assert outcome(fired("search", labels=labels), standing(spells={"old": NOON})) == ("opened", None)


def test_an_alert_without_a_service_joins_what_begins_with_it() -> None:
    assert outcome(fired(None), standing(spells={"old": NOON}), neighbours=Known()) == ("joined", ID)


def test_news_about_a_mitigated_incident_opens_it_again() -> None:
    assert outcome(fired(), standing(state="mitigated")) == ("reopened", ID)
    assert outcome(fired(fingerprint="old"), standing(state="mitigated")) == ("repeated", ID)


def test_news_about_an_incident_in_which_nothing_was_wrong_has_it_looked_at() -> None:
    assert outcome(fired(), standing(status="nothing-wrong")) == ("reopened", ID)


def test_an_end_is_an_end() -> None:
    assert outcome(ended(), standing()) == ("resolved", ID)


def test_an_end_that_is_known_is_a_repetition() -> None:
    assert outcome(ended(), over(5)) == ("repeated", ID)


def test_an_end_of_what_was_never_seen_to_begin_is_ignored() -> None:
    assert outcome(ended("unheard-of"), standing()) == ("ignored", None)


def test_the_end_of_an_earlier_spell_does_not_end_the_one_that_fires() -> None:
    assert outcome(ended(ends=-8, starts=-20), standing(spells={"old": at(-5)})) == ("repeated", ID)


def test_the_same_alert_soon_after_the_end_is_not_looked_into_anew() -> None:
    assert outcome(fired(fingerprint="old"), over(5)) == ("cooled", ID)


@pytest.mark.parametrize("changed", [{"status": "inconclusive"}, {"status": None}, {"is_objected": True}])
def test_the_cool_down_is_broken_where_the_diagnosis_does_not_hold(changed: dict[str, Any]) -> None:
    assert outcome(fired(fingerprint="old"), over(5, **changed)) == ("reopened", ID)


def test_the_cool_down_is_broken_where_it_got_worse() -> None:
    assert outcome(fired(fingerprint="old", severity="P2"), over(5)) == ("reopened", ID)


def test_after_the_cool_down_it_is_another_incident() -> None:
    assert outcome(fired(fingerprint="old"), over(31)) == ("opened", None)


def test_what_still_fires_after_somebody_closed_it_does_not_come_back_at_once() -> None:
    closed = over(5, active=frozenset(("old",)), status="inconclusive")
    assert outcome(fired(fingerprint="old"), closed) == ("cooled", ID)


def test_the_same_alert_joins_an_open_incident_of_its_service_rather_than_the_one_that_is_over() -> None:
    assert outcome(fired(fingerprint="old"), over(5), standing(id=OTHER, spells={"x": NOON})) == ("joined", OTHER)


def test_another_alert_of_the_service_says_that_it_is_not_over() -> None:
    assert outcome(fired(), over(5, state="resolved")) == ("reopened", ID)
    assert outcome(fired(), over(5, state="closed")) == ("opened", None)
    assert outcome(fired(), over(11, state="resolved")) == ("opened", None)


def test_what_fires_again_in_an_open_incident_joins_it_again() -> None:
    assert outcome(fired(fingerprint="old"), standing(active=frozenset(("x",)))) == ("joined", ID)


def test_the_last_end_ends_the_incident() -> None:
    two = standing(spells={"old": at(-10), "x": at(-9)}, active=frozenset(("old", "x")))
    one = after(two, ended("x"), "resolved", NOON, WORDS)
    assert (one.state, one.ended_at) == ("diagnosed", None)
    none = after(one, ended("old"), "resolved", NOON, WORDS)
    assert (none.state, none.ended_at, none.active) == ("resolved", NOON, frozenset())


def test_labels_say_service_severity_and_place() -> None:
    labels = {name: str(value) for name, value in of("cart", severity="Critical", namespace="shop").items()}
    assert (WORDS.service(labels), WORDS.severity(labels)) == ("cart", "P1")
    assert WORDS.places(labels) == {("environment", "prod"), ("cluster", "eu"), ("namespace", "shop")}
    assert (WORDS.service({"job": "api"}), WORDS.severity({"severity": "odd"})) == ("api", None)
