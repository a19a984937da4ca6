"""Alerts from their body to incidents: opened, repeated, over, opened again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kept_cases import asked, inconclusive, verdict
from made_alerts import NOON, Known, alert, at, body, of
from watchkeeper import settings
from watchkeeper.assembly.receiving import Received, Receiver
from watchkeeper.domain import Alert, CaseFile, Diagnosis, IncidentId
from watchkeeper.errors import PayloadRejected
from watchkeeper.records.alerts import Alerts
from watchkeeper.records.decisions import Decisions
from watchkeeper.records.store import Records

CART = alert(of("cart"), fingerprint="c1")
CART_AGAIN = alert(of("cart"), at(6), fingerprint="c1")
PAYMENT = alert(of("payment"), fingerprint="p1")


@pytest.fixture
def records(home: Path) -> Iterator[Records]:
    with Records.open(home / "records.sqlite") as opened:
        yield opened


@pytest.fixture
def receiver(records: Records) -> Receiver:
    return Receiver(settings.load(), lambda: records, Known())


def send(receiver: Receiver, *alerts: Any, minutes: float = 0.5) -> Received:
    return receiver.receive("alertmanager", body(*alerts), at(minutes))


def over(entry: dict[str, Any], minutes: float) -> dict[str, Any]:
    ended = alert({}, ends_at=at(minutes))
    return {**entry, "status": "resolved", "endsAt": ended["endsAt"]}


def outcomes(received: Received) -> list[str]:
    return [each.outcome for each in received.alerts]


def diagnosed(records: Records, incident_id: IncidentId, diagnosis: Diagnosis) -> CaseFile:
    incident = records.case(incident_id).incident
    case = CaseFile(incident=incident.model_copy(update={"state": "diagnosed"}), diagnoses=(diagnosis,))
    return records.save(case)


def conclusive() -> Diagnosis:
    calm = {"status": "diagnosed", "inconclusive_because": None}
    claim = {"text": "cart is slow", "evidence": "e1"}
    hypothesis = {"component": "cart", "kind": "latency", "probability": 0.9, "claims": [claim]}
    return Diagnosis.model_validate({**inconclusive().model_dump(), **calm, "hypotheses": [hypothesis]})


def test_an_alert_opens_an_incident_that_waits_to_be_diagnosed(receiver: Receiver, records: Records) -> None:
    received = send(receiver, CART)
    (only,) = received.alerts
    assert (only.outcome, received.investigate, received.over) == ("opened", (only.incident_id,), ())
    incident = records.case(received.investigate[0]).incident
    assert (incident.id, incident.state, incident.service, incident.severity) == ("INC-2026-0001", "open", "cart", "P3")
    assert (incident.window.start, incident.window.end) == (at(-1), at(0.5))
    (signal,) = incident.signals
    assert (signal.kind, signal.at, signal.fingerprint, signal.service) == ("alert", NOON, "c1", "cart")
    assert signal.text == "HighErrorRate: it is bad"


def test_it_fires_again_and_again_is_over_and_fires_anew(receiver: Receiver, records: Records) -> None:
    (incident_id,) = send(receiver, CART).investigate
    repeated = send(receiver, CART, minutes=1)
    assert (outcomes(repeated), repeated.investigate) == (["repeated"], ())
    ended = send(receiver, over(CART, 5), minutes=5)
    assert (outcomes(ended), ended.over, ended.investigate) == (["resolved"], (incident_id,), ())
    assert records.case(incident_id).incident.state == "resolved"
    # Nobody has diagnosed it: it is looked at.
    again = send(receiver, CART_AGAIN, minutes=6)
    assert (outcomes(again), again.investigate) == (["reopened"], (incident_id,))
    assert records.case(incident_id).incident.state == "reopened"
    assert Alerts(records).active(incident_id) == {"c1"}


def test_a_known_fault_is_left_alone_for_a_while(receiver: Receiver, records: Records) -> None:
    (incident_id,) = send(receiver, CART).investigate
    records.save(cited(records, incident_id))
    send(receiver, over(CART, 5), minutes=5)
    cooled = send(receiver, CART_AGAIN, minutes=6)
    assert (outcomes(cooled), cooled.investigate) == (["cooled"], ())
    assert records.case(incident_id).incident.state == "resolved"
    # It fires on, and its sender says so only hours later.
    assert outcomes(receiver.recall(at(30))) == []
    recalled = receiver.recall(at(36))
    assert outcomes(recalled) == ["opened"]
    assert recalled.investigate != (incident_id,)
    assert outcomes(receiver.recall(at(37))) == []


def cited(records: Records, incident_id: IncidentId) -> CaseFile:
    """The case with a diagnosis that names a cause, and the evidence for it."""
    incident = records.case(incident_id).incident.model_copy(update={"state": "diagnosed"})
    return CaseFile(incident=incident, evidence=(asked(1),), diagnoses=(conclusive(),))


def test_an_objection_has_it_looked_at_when_it_comes_again(receiver: Receiver, records: Records) -> None:
    (incident_id,) = send(receiver, CART).investigate
    records.save(cited(records, incident_id))
    records.add_verdict(incident_id, verdict("wrong", cause="the cache"))
    send(receiver, over(CART, 5), minutes=5)
    assert send(receiver, CART_AGAIN, minutes=6).investigate == (incident_id,)


def test_an_inconclusive_diagnosis_has_it_looked_at_when_it_comes_again(receiver: Receiver, records: Records) -> None:
    (incident_id,) = send(receiver, CART).investigate
    diagnosed(records, incident_id, inconclusive())
    send(receiver, over(CART, 5), minutes=5)
    assert send(receiver, CART_AGAIN, minutes=6).investigate == (incident_id,)


def test_an_incident_is_over_with_the_last_of_its_alerts(receiver: Receiver, records: Records) -> None:
    other = alert(of("cart", "HighLatency"), fingerprint="c2")
    received = send(receiver, CART, other)
    (incident_id,) = received.investigate
    assert outcomes(received) == ["opened", "joined"]
    assert [signal.fingerprint for signal in records.case(incident_id).incident.signals] == ["c1", "c2"]
    assert send(receiver, over(CART, 2), minutes=2).over == ()
    assert send(receiver, over(other, 3), minutes=3).over == (incident_id,)


def test_what_comes_and_goes_in_one_body_is_one_signal(receiver: Receiver, records: Records) -> None:
    received = send(receiver, CART, CART, over(CART, 0.2))
    assert outcomes(received) == ["opened", "repeated", "resolved"]
    case = records.case(received.investigate[0])
    assert (len(case.incident.signals), case.incident.state) == (1, "resolved")


def test_a_closed_incident_stays_closed_when_its_alert_ends(receiver: Receiver, records: Records) -> None:
    (incident_id,) = send(receiver, CART).investigate
    Decisions(records, lambda: at(1)).move(incident_id, "closed", "ann")
    ended = send(receiver, over(CART, 2), minutes=2)
    assert (outcomes(ended), ended.over) == (["resolved"], ())
    assert records.case(incident_id).incident.state == "closed"


def test_a_worse_alert_raises_the_severity(receiver: Receiver, records: Records) -> None:
    (incident_id,) = send(receiver, CART).investigate
    worse = send(receiver, alert(of("cart", "Down", "page"), fingerprint="c2"), minutes=1)
    assert (outcomes(worse), worse.investigate) == (["worsened"], (incident_id,))
    assert records.case(incident_id).incident.severity == "P1"


def test_two_unrelated_faults_are_two_incidents(receiver: Receiver) -> None:
    assert len(send(receiver, CART, alert(of("search"), fingerprint="s1")).investigate) == 2


def test_a_number_that_has_a_folder_is_not_given_again(receiver: Receiver, home: Path) -> None:
    (home / "cases" / "INC-2026-0007").mkdir(parents=True)
    assert send(receiver, CART).investigate == ("INC-2026-0008",)


def test_an_alert_that_began_long_ago_is_noticed_now(receiver: Receiver, records: Records) -> None:
    (incident_id,) = send(receiver, alert(of("cart"), at(-60 * 24 * 7), fingerprint="c1")).investigate
    assert records.case(incident_id).incident.signals[0].at == at(0.5)


def test_who_moved_an_incident_is_in_the_trail(receiver: Receiver, records: Records) -> None:
    (incident_id,) = send(receiver, CART).investigate
    send(receiver, over(CART, 5), minutes=5)
    (deed,) = Decisions(records).deeds(incident_id)
    assert (deed.by, deed.deed, deed.at) == ("alerts", "resolved", at(5))


def test_our_own_watch_raises_signals_with_figures(receiver: Receiver, records: Records) -> None:
    labels = {"measure": "error ratio", "direction": "up", "observed": "0.2", "expected": "0.01"}
    seen = Alert(
        source="watch", fingerprint="w1", name="cart: error ratio", status="firing", starts_at=NOON, service="cart",
        labels=labels, text="20 % of requests fail",
    )  # fmt: skip
    received = receiver.notice([seen], at(0.1))
    assert received.post is None
    (signal,) = records.case(received.investigate[0]).incident.signals
    assert (signal.kind, signal.measure, signal.direction, signal.observed, signal.expected) == (
        "anomaly", "error ratio", "up", 0.2, 0.01,
    )  # fmt: skip


def test_a_body_that_cannot_be_read_leaves_nothing(receiver: Receiver, records: Records) -> None:
    with pytest.raises(PayloadRejected):
        receiver.receive("alertmanager", b'{"alerts": [{}]}', NOON)
    assert Alerts(records).latest() == []


def test_every_incident_that_was_recorded_elsewhere_is_left_alone(receiver: Receiver, records: Records) -> None:
    (incident_id,) = send(receiver, CART).investigate
    incident = records.case(incident_id).incident
    signal = incident.signals[0].model_copy(update={"service": "payment", "fingerprint": None})
    recorded = incident.model_copy(
        update={"id": "INC-2026-0100", "is_recorded": True, "service": "payment", "signals": (signal,)}
    )
    records.save(CaseFile(incident=recorded))
    assert send(receiver, PAYMENT, minutes=1).alerts[0].incident_id != "INC-2026-0100"
