"""Tickets in a Jira behind a real socket, Cloud and Server."""

from collections.abc import Iterator
from typing import Any

import pytest

from delivery.made_parcels import HOSTILE, INCIDENT, PAGE, parcel, policy
from drafts.drafted_cases import ASSIGNED, CATALOGUE, NOW, case_of, diagnosed
from watchkeeper.delivery.fake_jira import EMAIL, TOKEN, FakeJira, running_fake_jira
from watchkeeper.delivery.jira import JiraTarget
from watchkeeper.delivery.loopback import Mishap
from watchkeeper.delivery.retrying import Quickly
from watchkeeper.delivery.target import NOTICED_AT, mark
from watchkeeper.drafts.writing import write_drafts
from watchkeeper.errors import DeliveryFailed, DeliveryRefused

SOON_SECONDS = 0.4
ENOUGH_SECONDS = 20
TICKET, COMMENT, RESOLVED = parcel("ticket"), parcel("comment"), parcel("transition", text="**Resolved**\n")


@pytest.fixture(params=[True, False], ids=["cloud", "server"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeJira]:
    with running_fake_jira(is_cloud=request.param) as running:
        yield running


@pytest.fixture
def server() -> Iterator[FakeJira]:
    with running_fake_jira() as running:
        yield running


def target(fake: FakeJira, token: str = TOKEN, page: str = "", **changes: Any) -> JiraTarget:
    flavour = "cloud" if fake.is_cloud else "server"
    known = {"base_url": fake.url, "flavour": flavour, "email": EMAIL, "timeout_seconds": ENOUGH_SECONDS}
    mine = policy(jira=known | changes, page=page)
    return JiraTarget(mine.jira, token, mine.page_of, Quickly(sleep=lambda _: None))


def created(fake: FakeJira) -> int:
    return fake.requests["POST issue"]


def test_a_ticket_is_made_with_its_fields(fake: FakeJira) -> None:
    receipt = target(fake).deliver(TICKET, None)
    (ticket,) = fake.tickets
    assert (receipt.reference, receipt.link, receipt.was_there) == ("OPS-1", f"{fake.url}/browse/OPS-1", False)
    assert ticket.fields["priority"] == {"name": "High"}
    assert ticket.fields["summary"] == "Slow responses in cart"
    assert ticket.fields["description"] == "h1. Slow\n\nIt is *slow*.\n"
    assert ticket.fields["labels"] == ["watchkeeper", mark(TICKET)]


def test_a_ticket_that_was_made_before_is_found(fake: FakeJira) -> None:
    target(fake).deliver(TICKET, None)
    again = target(fake).deliver(TICKET, None)
    assert (again.reference, again.was_there, len(fake.tickets)) == ("OPS-1", True, 1)


def test_another_incident_that_happens_to_have_the_same_number_gets_its_own_ticket(fake: FakeJira) -> None:
    jira = target(fake)
    jira.deliver(TICKET, None)
    assert jira.deliver(parcel("ticket", fields={NOTICED_AT: "another day"}), None).reference == "OPS-2"


def test_facts_fill_custom_fields(server: FakeJira) -> None:
    custom = {
        "customfield_1": {"fact": "cause"},
        "customfield_2": {"fact": "cause", "kind": "option"},
        "customfield_3": {"fact": "failed", "kind": "number"},
        "customfield_4": {"fact": "unknown"},
    }
    jira = target(server, custom_fields=custom)
    jira.deliver(parcel("ticket", fields={"cause": "cart\n\x00", "failed": 7}), None)
    shown = {name: value for name, value in server.tickets[0].fields.items() if name.startswith("customfield")}
    assert shown == {"customfield_1": "cart", "customfield_2": {"value": "cart"}, "customfield_3": 7}


def test_our_page_is_linked_once(fake: FakeJira) -> None:
    jira = target(fake, page=PAGE)
    jira.deliver(TICKET, None)
    jira.deliver(TICKET, None)
    page = PAGE.format(incident=INCIDENT)
    assert [link["url"] for link in fake.tickets[0].links] == [page]
    assert f"[{page}]" in fake.tickets[0].fields["description"]


def test_a_link_that_is_refused_leaves_the_ticket(server: FakeJira) -> None:
    server.mishaps.plan("forbidden", path="remotelink")
    assert target(server, page=PAGE).deliver(TICKET, None).reference == "OPS-1"


def test_a_comment_is_made_once(fake: FakeJira) -> None:
    jira = target(fake)
    jira.deliver(TICKET, None)
    first, second = jira.deliver(COMMENT, "OPS-1"), jira.deliver(COMMENT, "OPS-1")
    assert (first.was_there, second.was_there, len(fake.tickets[0].comments)) == (False, True, 1)
    assert first.link == f"{fake.url}/browse/OPS-1?focusedCommentId=1"


def test_the_end_of_an_incident_says_so_and_resolves_the_ticket_once(fake: FakeJira) -> None:
    jira = target(fake)
    jira.deliver(TICKET, None)
    assert jira.find(RESOLVED, "OPS-1") is None
    jira.deliver(RESOLVED, "OPS-1")
    jira.deliver(RESOLVED, "OPS-1")
    assert (fake.tickets[0].status, len(fake.tickets[0].comments)) == ("Done", 1)
    assert jira.find(RESOLVED, "OPS-1") is not None


def test_a_resolution_that_stopped_half_way_goes_on(server: FakeJira) -> None:
    jira = target(server)
    jira.deliver(TICKET, None)
    server.mishaps.plan("error", path="transitions")
    with pytest.raises(DeliveryFailed):
        jira.deliver(RESOLVED, "OPS-1")
    assert jira.find(RESOLVED, "OPS-1") is None
    jira.deliver(RESOLVED, "OPS-1")
    assert (server.tickets[0].status, len(server.tickets[0].comments)) == ("Done", 1)


def test_where_the_workflow_has_no_such_transition_a_comment_says_it() -> None:
    with running_fake_jira(ways=("In Progress",)) as fake:
        jira = target(fake)
        jira.deliver(TICKET, None)
        receipt = jira.deliver(RESOLVED, "OPS-1")
        assert (fake.tickets[0].status, len(fake.tickets[0].comments)) == ("To Do", 1)
        assert jira.find(RESOLVED, "OPS-1") is not None
        assert receipt.reference == "OPS-1"


def test_a_comment_without_a_ticket_waits(server: FakeJira) -> None:
    with pytest.raises(DeliveryFailed, match="has none yet"):
        target(server).deliver(COMMENT, None)


@pytest.mark.parametrize("mishap", ["lost", "silent"])
def test_a_ticket_whose_answer_was_lost_is_found_and_not_made_again(server: FakeJira, mishap: Mishap) -> None:
    jira = target(server, timeout_seconds=SOON_SECONDS)
    server.mishaps.plan(mishap, path="/issue")
    with pytest.raises(DeliveryFailed) as failed:
        jira.deliver(TICKET, None)
    assert not isinstance(failed.value, DeliveryRefused)
    assert target(server).deliver(TICKET, None).was_there
    assert (len(server.tickets), created(server)) == (1, 1)


def test_a_comment_whose_answer_was_lost_is_found_and_not_made_again(server: FakeJira) -> None:
    jira = target(server)
    jira.deliver(TICKET, None)
    server.mishaps.plan("lost", path="comment")
    with pytest.raises(DeliveryFailed):
        jira.deliver(COMMENT, "OPS-1")
    assert jira.deliver(COMMENT, "OPS-1").was_there
    assert len(server.tickets[0].comments) == 1


@pytest.mark.parametrize("mishap", ["error", "busy"])
def test_a_jira_that_cannot_now_is_asked_later_and_not_at_once(server: FakeJira, mishap: Mishap) -> None:
    server.mishaps.plan(mishap, path="/issue")
    with pytest.raises(DeliveryFailed, match="cannot take it now") as failed:
        target(server).deliver(TICKET, None)
    assert not isinstance(failed.value, DeliveryRefused)
    assert failed.value.after_seconds == (server.mishaps.retry_after_seconds if mishap == "busy" else 0)
    assert created(server) == 1


@pytest.mark.parametrize("mishap", ["unauthorized", "forbidden", "rejected"])
def test_a_jira_that_says_no_is_told_in_a_sentence(server: FakeJira, mishap: Mishap) -> None:
    server.mishaps.plan(mishap, path="/issue")
    with pytest.raises(DeliveryRefused, match=f"Jira at .*: planned: {mishap}"):
        target(server).deliver(TICKET, None)


def test_a_wrong_token_is_refused_and_not_repeated(fake: FakeJira) -> None:
    with pytest.raises(DeliveryRefused, match="does not accept the token") as refused:
        target(fake, token="wrong-and-secret").deliver(TICKET, None)
    assert "wrong-and-secret" not in f"{refused.value!r} {refused.value.__cause__!r}"


def test_a_field_that_jira_does_not_know_is_named(server: FakeJira) -> None:
    with pytest.raises(DeliveryRefused, match=r"did not take it \(400\): Specify a valid issue type"):
        target(server, issue_type="Story").deliver(TICKET, None)


def test_a_search_that_breaks_off_is_asked_again_at_once(server: FakeJira) -> None:
    server.mishaps.plan("lost", path="search", method="GET")
    assert target(server).deliver(TICKET, None).reference == "OPS-1"


def test_a_jira_that_is_not_there_is_tried_a_few_times_and_then_later() -> None:
    with running_fake_jira() as fake:
        pass
    waits: list[float] = []
    mine = policy(jira={"base_url": fake.url, "flavour": "server"})
    with pytest.raises(DeliveryFailed, match="could not be reached"):
        JiraTarget(mine.jira, TOKEN, quickly=Quickly(sleep=waits.append)).deliver(TICKET, None)
    assert len(waits) == 2


def test_a_whole_draft_that_quotes_hostile_text_is_taken(fake: FakeJira) -> None:
    quoting = diagnosed(headline=HOSTILE, suggested_fix=HOSTILE, gaps=(HOSTILE,) * 50)
    ticket = write_drafts(case_of(quoting, assignment=ASSIGNED), CATALOGUE, NOW)[0]
    target(fake).deliver(parcel("ticket", title=f"{HOSTILE}\n{HOSTILE}", text=ticket.text), None)
    assert "\n" not in fake.tickets[0].fields["summary"]
    assert "[pay|" not in fake.tickets[0].fields["description"].replace("\\[", "")
