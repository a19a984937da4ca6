"""What leaves of a case, and by whose leave."""

import pytest

from delivery.made_parcels import INCIDENT, auto, case, changed, draft, kept, parcel, policy
from kept_cases import diagnosis
from watchkeeper.delivery.planning import Plan, plan
from watchkeeper.domain import CaseFile, Draft, KeptParcel

PERSON_ONLY = policy()


def keys(plan: Plan) -> list[str]:
    return [each.key.removeprefix(f"{INCIDENT}/") for each in plan.parcels]


def outside(plan: Plan) -> list[str]:
    return [key for key in keys(plan) if not key.startswith("files/")]


def carried_on(case: CaseFile, drafts: list[tuple[int, Draft]], *plans: Plan) -> Plan:
    known = [kept(each) for earlier in plans for each in earlier.parcels]
    return plan(case, drafts, known, PERSON_ONLY)


def known_ticket(state: str = "delivered", told: int = 0) -> KeptParcel:
    return kept(parcel("ticket", draft=0, fields={"diagnosis": told}), state)


def test_an_internal_draft_goes_into_files_by_policy_and_stays_open_for_decisions() -> None:
    planned = plan(case(), [(0, draft())], [], PERSON_ONLY)
    assert [key.rsplit("/", 1)[0] for key in keys(planned)] == ["files/ticket"]
    assert planned.parcels[0].approved_by == "policy: internal drafts into files"
    assert planned.approvals == ()


def test_a_public_draft_waits_for_a_person_even_into_files() -> None:
    public = draft("status-update", audience="public")
    assert keys(plan(case(), [(0, public)], [], PERSON_ONLY)) == []
    approved = draft("status-update", by="ada", audience="public")
    assert plan(case(), [(0, approved)], [], PERSON_ONLY).parcels[0].approved_by == "ada"


def test_a_ticket_that_a_person_approved_leaves_under_their_name() -> None:
    planned = plan(case(), [(3, draft(by="ada"))], [], PERSON_ONLY)
    assert outside(planned) == ["jira/ticket"]
    ticket = planned.parcels[-1]
    assert (ticket.kind, ticket.approved_by, ticket.draft, ticket.severity) == ("ticket", "ada", 3, "P2")


def test_a_rule_approves_a_ticket_beforehand() -> None:
    mine = policy(approval=[auto(to="jira", of="ticket", severity="P2", name="tickets of P2")])
    planned = plan(case(), [(3, draft())], [], mine)
    assert planned.approvals == ((3, "policy: tickets of P2"),)
    assert planned.parcels[0].approved_by == "policy: tickets of P2"


def test_a_rules_approval_counts_for_no_target_that_needs_a_person() -> None:
    planned = plan(case(), [(0, draft(by="policy: internal drafts into files"))], [], PERSON_ONLY)
    assert outside(planned) == []


def test_what_must_never_leave_does_not_even_with_an_approval() -> None:
    mine = policy(approval=[{"name": "no", "by": "never"}])
    assert keys(plan(case(), [(0, draft(by="ada"))], [], mine)) == []


def test_a_rejected_draft_goes_nowhere() -> None:
    rejected = draft(state="rejected", rejected_because="wrong")
    assert keys(plan(case(), [(0, rejected)], [], PERSON_ONLY)) == []


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (("ticket",), ["jira/ticket"]),
        (("channel",), ["slack/notice/1"]),
        (("page",), ["slack/notice/1"]),
        (("email",), ["mail/notice/2"]),
        (("weekly-report", "propose-rollback"), []),
    ],
)
def test_the_actions_of_the_assignment_decide_what_leaves(actions: tuple[str, ...], expected: list[str]) -> None:
    mine = policy(approval=[{"name": "all", "to": ["jira", "slack", "mail"], "by": "auto"}])
    drafts = [(0, draft()), (1, draft("status-update")), (2, draft("incident-report"))]
    assert outside(plan(case(actions=actions), drafts, [], mine)) == expected


def test_a_ticket_that_a_person_wants_is_made_whatever_the_routes_say() -> None:
    assert outside(plan(case(actions=("weekly-report",)), [(0, draft(by="ada"))], [], PERSON_ONLY)) == ["jira/ticket"]


@pytest.mark.parametrize("state", ["waiting", "sending", "delivered", "uncertain", "failed"])
def test_a_later_approved_ticket_draft_becomes_a_comment(state: str) -> None:
    planned = plan(
        case(), [(0, draft(by="ada")), (5, draft(by="bob", text="Now this.\n"))], [known_ticket(state)], PERSON_ONLY
    )
    assert outside(planned) == ["jira/comment/draft-5"]


def test_a_later_draft_that_only_a_rule_would_approve_makes_no_second_ticket() -> None:
    mine = policy(approval=[auto(to="jira", of="ticket")])
    planned = plan(case(), [(0, draft(by="policy: go")), (5, draft())], [known_ticket()], mine)
    assert (outside(planned), planned.approvals) == ([], ())


def test_a_diagnosis_that_changed_something_is_a_comment_on_the_ticket() -> None:
    later = changed(diagnosis(2.0), "the database is slow too")
    planned = plan(case(diagnosis(), later), [], [known_ticket()], PERSON_ONLY)
    assert outside(planned) == ["jira/comment/1"]
    assert "Changed: the database is slow too" in planned.parcels[0].text
    assert planned.parcels[0].approved_by == "policy: a ticket is kept up to date"


def test_a_diagnosis_with_another_cause_is_a_comment_too() -> None:
    planned = plan(case(diagnosis(), diagnosis(2.0, "db")), [], [known_ticket()], PERSON_ONLY)
    assert outside(planned) == ["jira/comment/1"]


def test_a_diagnosis_that_says_the_same_again_is_no_comment() -> None:
    assert outside(plan(case(diagnosis(), diagnosis(2.0)), [], [known_ticket()], PERSON_ONLY)) == []


def test_what_the_ticket_itself_tells_is_no_comment() -> None:
    later = case(diagnosis(), diagnosis(2.0, "db"))
    assert outside(plan(later, [], [known_ticket(told=1)], PERSON_ONLY)) == []


def test_without_a_ticket_there_is_no_comment_and_no_transition() -> None:
    over = case(diagnosis(), diagnosis(2.0, "db"), state="resolved")
    assert outside(plan(over, [], [], PERSON_ONLY)) == []


def test_an_incident_that_is_over_resolves_its_ticket_each_time_once() -> None:
    over = case(state="resolved")
    first = plan(over, [], [known_ticket()], PERSON_ONLY)
    assert outside(first) == ["jira/transition/resolved/1"]
    known = [known_ticket(), kept(first.parcels[0])]
    assert outside(plan(over, [], known, PERSON_ONLY)) == []
    assert outside(plan(over, [], known, PERSON_ONLY, resolutions=2)) == ["jira/transition/resolved/2"]


def test_planned_again_it_is_nothing_more() -> None:
    drafts = [(0, draft(by="ada")), (1, draft("status-update", by="ada")), (2, draft("post-mortem"))]
    the_case = case(diagnosis(), diagnosis(2.0, "db"), state="resolved")
    first = plan(the_case, drafts, [], PERSON_ONLY)
    second = carried_on(the_case, drafts, first)
    third = carried_on(the_case, drafts, first, second)
    assert outside(first)
    assert (second.parcels, third.parcels) == ((), ())


def test_a_notice_by_a_rule_comes_again_only_with_news() -> None:
    mine = policy(approval=[auto(to="slack")])
    first = plan(case(), [(0, draft("status-update"))], [], mine)
    known = [kept(each) for each in first.parcels]
    same = plan(case(diagnosis(), diagnosis(2.0)), [(7, draft("status-update"))], known, mine)
    news = plan(case(diagnosis(), diagnosis(2.0, "db")), [(7, draft("status-update"))], known, mine)
    assert (outside(first), outside(same), outside(news)) == (["slack/notice/0"], [], ["slack/notice/7"])


def test_a_notice_by_a_rule_comes_again_when_it_got_worse() -> None:
    mine = policy(approval=[auto(to="slack")])
    known = [kept(each) for each in plan(case(), [(0, draft("status-update"))], [], mine).parcels]
    worse = case(diagnosis(), diagnosis(2.0), severity="P1")
    assert outside(plan(worse, [(7, draft("status-update"))], known, mine)) == ["slack/notice/7"]


def test_a_file_is_named_by_its_content() -> None:
    one = plan(case(), [(0, draft(text="one"))], [], PERSON_ONLY)
    other = plan(case(), [(0, draft(text="other", edited_by="ada"))], [kept(one.parcels[0])], PERSON_ONLY)
    assert len({*keys(one), *keys(other)}) == 2


def test_a_rules_approval_whose_parcel_was_lost_is_planned_again() -> None:
    mine = policy(approval=[auto(to="jira", of="ticket"), auto(to="slack", name="notices")])
    drafts = [(0, draft()), (1, draft("status-update"))]
    first = plan(case(), drafts, [], mine)
    approved = [(0, draft(by=first.approvals[0][1])), (1, draft("status-update", by=first.approvals[1][1]))]
    assert plan(case(), approved, [], mine).parcels == first.parcels
