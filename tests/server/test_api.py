"""The API over incidents: what is asked, what is done in whose name, what is not there, what cannot be done now."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from kept_cases import case
from made_access import MadeKeys, NoTelemetry, bearer, gate_over
from server.made_duty import MadeDuty
from watchkeeper.domain import Alert, CaseFile, Draft, Parcel
from watchkeeper.server.app import Wiring
from watchkeeper.server.running import running

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ID = "INC-2026-0001"
WAIT_SECONDS = 30


def drafted() -> CaseFile:
    drafts = (Draft(kind="ticket", title="cart is slow", text="Look at it."),)
    return case(1).model_copy(update={"drafts": drafts})


@pytest.fixture
def duty() -> MadeDuty:
    duty = MadeDuty()
    duty.add(drafted())
    return duty


@pytest.fixture
def client(duty: MadeDuty) -> Iterator[httpx.Client]:
    keys = MadeKeys()
    headers = bearer(keys.create("ada", "operate"))
    wiring = Wiring(store=NoTelemetry(), gate=gate_over(keys), duty=duty)
    with running(wiring) as url, httpx.Client(base_url=url, timeout=WAIT_SECONDS, headers=headers) as client:
        yield client


def test_incidents_are_listed_and_shown_whole(client: httpx.Client, duty: MadeDuty) -> None:
    listed = client.get("/v1/incidents", params={"state": "diagnosed", "service": "cart", "limit": 1}).json()
    assert [each["incident_id"] for each in listed] == [ID]
    shown = CaseFile.model_validate(client.get(f"/v1/incidents/{ID}").json())
    assert (shown.incident, shown.diagnoses) == (duty.case(ID).incident, duty.case(ID).diagnoses)


def test_alerts_parcels_and_deeds_of_an_incident_are_listed(client: httpx.Client, duty: MadeDuty) -> None:
    alert = Alert(source="alertmanager", fingerprint="f", name="slow", status="firing", starts_at=NOON)
    duty.take_in(alert, incident_id=ID)
    duty.put_out(Parcel(key="k", incident_id=ID, target="files", kind="file", approved_by="ada"))
    client.post(f"/v1/incidents/{ID}/state", json={"state": "mitigated"})
    assert [each["alert"]["name"] for each in client.get(f"/v1/incidents/{ID}/alerts").json()] == ["slow"]
    assert [each["alert"]["name"] for each in client.get("/v1/alerts").json()] == ["slow"]
    assert [each["parcel"]["key"] for each in client.get(f"/v1/incidents/{ID}/parcels").json()] == ["k"]
    assert [each["by"] for each in client.get(f"/v1/incidents/{ID}/deeds").json()] == ["ada"]


def test_a_draft_is_edited_and_approved_in_the_name_of_the_token(client: httpx.Client, duty: MadeDuty) -> None:
    (number,) = (each["number"] for each in client.get(f"/v1/incidents/{ID}/drafts").json())
    path = f"/v1/incidents/{ID}/drafts/{number}"
    assert client.post(f"{path}/edit", json={"title": "cart fails", "text": "Now."}).status_code == 204
    assert client.post(f"{path}/approve").status_code == 204
    (kept,) = duty.drafts(ID)
    assert (kept.draft.title, kept.draft.edited_by, kept.draft.approved_by) == ("cart fails", "ada", "ada")


def test_a_draft_is_rejected_with_its_reason(client: httpx.Client, duty: MadeDuty) -> None:
    sent = client.post(f"/v1/incidents/{ID}/drafts/0/reject", json={"because": " a false alarm "})
    assert sent.status_code == 204
    assert duty.drafts(ID)[0].draft.rejected_because == "a false alarm"


def test_nothing_is_decided_about_words_that_were_changed_meanwhile(client: httpx.Client, duty: MadeDuty) -> None:
    digest = client.get(f"/v1/incidents/{ID}/drafts").json()[0]["digest"]
    duty.edit(ID, 0, "bob", "checkout fails", "Since noon.")
    refused = [
        client.post(f"/v1/incidents/{ID}/drafts/0/approve", json={"digest": digest}),
        client.post(f"/v1/incidents/{ID}/drafts/0/reject", json={"because": "no", "digest": digest}),
        client.post(f"/v1/incidents/{ID}/drafts/0/edit", json={"title": "a", "text": "b", "digest": digest}),
    ]
    assert [(each.status_code, "changed by bob" in each.json()["detail"]) for each in refused] == [(409, True)] * 3
    newer = client.get(f"/v1/incidents/{ID}/drafts").json()[0]["digest"]
    assert client.post(f"/v1/incidents/{ID}/drafts/0/approve", json={"digest": newer}).status_code == 204


def test_open_incidents_are_listed_by_severity(client: httpx.Client) -> None:
    found = client.get("/v1/incidents", params={"is_open": True, "order": "severity"}).json()
    assert [(each["incident_id"], each["release"]) for each in found] == [(ID, "not-release-related")]
    assert client.get("/v1/incidents", params={"is_open": False}).json() == []


def test_a_verdict_is_recorded_with_who_gave_it(client: httpx.Client, duty: MadeDuty) -> None:
    body = {"diagnosis": 0, "judged": "wrong", "true_cause": "the bank", "note": "it was down"}
    assert client.post(f"/v1/incidents/{ID}/verdicts", json=body).status_code == 204
    (verdict,) = duty.case(ID).verdicts
    assert (verdict.by, verdict.true_cause, verdict.at.tzinfo) == ("ada", "the bank", UTC)


def test_another_look_is_asked_for(client: httpx.Client, duty: MadeDuty) -> None:
    assert client.post(f"/v1/incidents/{ID}/look-again").status_code == 202
    assert duty.looked_again == [ID]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/incidents/INC-2026-0099", None),
        ("GET", "/v1/incidents/INC-2026-0099/drafts", None),
        ("GET", "/v1/incidents/INC-2026-0099/alerts", None),
        ("POST", "/v1/incidents/INC-2026-0099/state", {"state": "closed"}),
        ("POST", f"/v1/incidents/{ID}/drafts/9/approve", None),
        ("POST", "/v1/parcels/again", {"key": "gone"}),
    ],
)
def test_what_is_not_there_is_404(client: httpx.Client, method: str, path: str, body: object) -> None:
    answer = client.request(method, path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_what_cannot_be_done_now_is_409(client: httpx.Client) -> None:
    client.post(f"/v1/incidents/{ID}/drafts/0/approve")
    answer = client.post(f"/v1/incidents/{ID}/drafts/0/reject", json={"because": "too late"})
    assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("drafts/0/reject", {}),
        ("drafts/0/reject", {"because": " "}),
        ("drafts/0/reject", {"because": "x", "by": "eve"}),
        ("drafts/0/edit", {"title": "a\x00b", "text": ""}),
        ("drafts/0/edit", {"title": "x" * 201, "text": ""}),
        ("drafts/-1/approve", None),
        ("verdicts", {"diagnosis": 0, "judged": "wrong"}),
        ("verdicts", {"diagnosis": 0, "judged": "confirmed", "true_onset": "2026-05-04T12:00:00"}),
        ("state", {"state": "open"}),
    ],
)
def test_a_body_that_makes_no_sense_is_422_and_names_the_field(client: httpx.Client, path: str, body: object) -> None:
    answer = client.post(f"/v1/incidents/{ID}/{path}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"].startswith(("body", "path"))


def test_half_a_character_in_a_body_is_refused_and_not_repeated(client: httpx.Client) -> None:
    sent = b'{"because": "\\ud800"}'
    headers = {"content-type": "application/json"}
    answer = client.post(f"/v1/incidents/{ID}/drafts/0/reject", content=sent, headers=headers)
    assert answer.status_code == 422


def test_records_that_cannot_be_used_are_503_and_not_ready(client: httpx.Client, duty: MadeDuty) -> None:
    duty.breaks("the disk is full")
    assert client.get("/v1/incidents").status_code == 503
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["not_well"]) == (503, 1)


def test_parts_are_told_to_those_who_may_read_only(client: httpx.Client) -> None:
    told = client.get("/readyz")
    assert (told.status_code, {part["name"] for part in told.json()["parts"]} >= {"records"}) == (200, True)
    assert client.get("/readyz", headers={"authorization": ""}).json() == {"ready": True, "not_well": 0}


def test_requests_are_measured_by_the_template_of_their_route(client: httpx.Client) -> None:
    client.get(f"/v1/incidents/{ID}")
    client.get("/v1/incidents/INC-2026-0099")
    client.get("/made-up-by-a-scanner")
    text = client.get("/metrics").text
    assert 'watchkeeper_requests_total{method="GET",route="/v1/incidents/{incident_id}",status="200"} 1.0' in text
    assert 'watchkeeper_requests_total{method="GET",route="/v1/incidents/{incident_id}",status="404"} 1.0' in text
    assert 'route="other",status="403"' in text
    assert "scanner" not in text
