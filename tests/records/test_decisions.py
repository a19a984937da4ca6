import pytest

from kept_cases import case, diagnosis
from watchkeeper.domain import CaseFile, Draft
from watchkeeper.errors import QueryRejected
from watchkeeper.records.decisions import MOVES, Decisions
from watchkeeper.records.store import Records
from watchkeeper.records.summaries import digest_of

TICKET = Draft(kind="ticket", title="cart is slow", text="# cart is slow")
REPORT = Draft(kind="incident-report", title="cart", text="What happened")
ID = "INC-2026-0001"


def kept(records: Records, **incident: object) -> CaseFile:
    made = case(1, diagnosis()).model_copy(update={"drafts": (TICKET, REPORT)})
    return records.save(made.model_copy(update={"incident": made.incident.model_copy(update=incident)}))


def states(records: Records) -> list[str]:
    return [each.state for each in records.case(ID).drafts]


def test_a_draft_is_approved_by_somebody_and_twice_is_once(records: Records) -> None:
    kept(records)
    decisions = Decisions(records)
    decisions.approve(ID, 0, "ann")
    decisions.approve(ID, 0, "bob")
    assert states(records) == ["approved", "proposed"]
    assert records.case(ID).drafts[0].approved_by == "ann"
    assert [(deed.by, deed.deed, deed.subject) for deed in decisions.deeds(ID)] == [
        ("ann", "approved", "draft 0 (ticket)")
    ]


def test_a_rejection_says_why(records: Records) -> None:
    kept(records)
    decisions = Decisions(records)
    with pytest.raises(QueryRejected, match="with a reason"):
        decisions.reject(ID, 0, "ann", "  ")
    decisions.reject(ID, 0, "ann", "known already")
    assert records.case(ID).drafts[0].rejected_because == "known already"
    with pytest.raises(QueryRejected, match="rejected already"):
        decisions.approve(ID, 0, "bob")


def test_an_edited_draft_survives_the_next_diagnosis(records: Records) -> None:
    before = kept(records)
    decisions = Decisions(records)
    decisions.edit(ID, 0, "ann", "cart is slow for everybody", "Since noon.")
    newer = TICKET.model_copy(update={"title": "cart is very slow"})
    records.save(before.model_copy(update={"drafts": (newer,), "diagnoses": (*before.diagnoses, diagnosis(2))}))
    found = {each.number: each.draft for each in decisions.drafts(ID)}
    assert found[0].title == "cart is slow for everybody"
    assert found[0].edited_by == "ann"
    assert [each.title for each in found.values()] == ["cart is slow for everybody", "cart is very slow"]
    decisions.approve(ID, 0, "ann")
    with pytest.raises(QueryRejected, match="approved already"):
        decisions.edit(ID, 0, "ann", "x", "y")


def test_nothing_is_decided_about_words_that_were_changed_meanwhile(records: Records) -> None:
    kept(records)
    decisions = Decisions(records)
    seen = decisions.drafts(ID)[0].digest
    decisions.edit(ID, 0, "ann", "cart is slow for everybody", "Since noon.", seen)
    changed = r"draft 0 \(ticket\) was changed by ann since you opened it"
    with pytest.raises(QueryRejected, match=changed):
        decisions.edit(ID, 0, "bob", "cart", "Since one.", seen)
    with pytest.raises(QueryRejected, match=changed):
        decisions.approve(ID, 0, "bob", seen)
    with pytest.raises(QueryRejected, match=changed):
        decisions.reject(ID, 0, "bob", "known already", seen)
    assert records.case(ID).drafts[0].text == "Since noon."
    assert states(records) == ["proposed", "proposed"]
    decisions.approve(ID, 0, "bob", decisions.drafts(ID)[0].digest)
    with pytest.raises(QueryRejected, match=changed):
        decisions.approve(ID, 0, "carl", seen)
    assert states(records) == ["approved", "proposed"]


def test_titles_and_texts_have_digests_of_their_own() -> None:
    assert len({digest_of("a", "b"), digest_of("ab", ""), digest_of("a", "c"), digest_of("", "ab")}) == 4


def test_a_draft_that_is_gone_is_said_to_be(records: Records) -> None:
    kept(records)
    with pytest.raises(QueryRejected, match="has no draft 7 any more"):
        Decisions(records).approve(ID, 7, "ann")


def test_only_what_was_approved_is_published(records: Records) -> None:
    kept(records)
    decisions = Decisions(records)
    decisions.published(ID, 0, "OPS-1")
    decisions.approve(ID, 0, "ann")
    decisions.published(ID, 0, "OPS-1")
    assert states(records) == ["published", "proposed"]


def test_an_incident_moves_only_where_it_can(records: Records) -> None:
    kept(records, state="diagnosed")
    decisions = Decisions(records)
    decisions.move(ID, "resolved", "ann", "rolled back")
    decisions.move(ID, "resolved", "bob")
    with pytest.raises(QueryRejected, match="is resolved, and cannot be mitigated from there: expected closed"):
        decisions.move(ID, "mitigated", "ann")
    decisions.move(ID, "closed", "ann")
    assert records.case(ID).incident.state == "closed"
    assert records.cases()[0].state == "closed"
    assert [deed.deed for deed in decisions.deeds()] == ["closed", "resolved"]


def test_a_diagnosis_does_not_open_what_is_over(records: Records) -> None:
    before = kept(records, state="diagnosed")
    Decisions(records).move(ID, "resolved", "ann")
    late = before.incident.model_copy(update={"state": "investigating"})
    records.save(before.model_copy(update={"incident": late, "diagnoses": (*before.diagnoses, diagnosis(2))}))
    assert records.case(ID).incident.state == "resolved"


def test_the_mark_changes_with_every_decision(records: Records) -> None:
    decisions = Decisions(records)
    marks = [decisions.mark()]
    kept(records)
    marks.append(decisions.mark())
    decisions.approve(ID, 0, "ann")
    marks.append(decisions.mark())
    decisions.move(ID, "mitigated", "ann")
    marks.append(decisions.mark())
    decisions.note("policy", "approved", "draft 1", incident_id=ID)
    assert len({*marks, decisions.mark()}) == 5


def test_every_state_can_be_left() -> None:
    assert all(MOVES.values())
