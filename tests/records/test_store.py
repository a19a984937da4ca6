import pytest

from kept_cases import NOON, asked, at, case, computed, diagnosis, inconclusive, verdict
from watchkeeper.domain import Assignment, CaseFile, Draft
from watchkeeper.errors import QueryRejected, RecordsUnavailable
from watchkeeper.records.store import Records

TICKET = Draft(kind="ticket", title="cart is slow", text="# cart is slow", facts={"severity": "P2", "users": 3})
POST_MORTEM = Draft(kind="post-mortem", title="cart", text="What went well")


def same(one: CaseFile, other: CaseFile) -> bool:
    return one.model_dump_json() == other.model_dump_json()


def test_a_case_comes_back_as_it_was_kept(records: Records) -> None:
    whole = CaseFile(
        **case(1, diagnosis(), inconclusive(2), evidence=(asked(1), computed(2, 1))).model_dump(
            exclude={"assignment", "drafts", "verdicts"}
        ),
        assignment=Assignment(severity="P2", team="shop", actions=("ticket",), reason="p95"),
        drafts=(TICKET, POST_MORTEM),
        verdicts=(verdict("wrong", cause="catalog", onset=at(-3), ticket="valid"),),
    )
    assert same(records.save(whole), whole)
    assert same(records.case("INC-2026-0001"), whole)


def test_text_that_a_database_cannot_hold_is_no_reason_to_fail(records: Records) -> None:
    odd = case(1, diagnosis(component="a\0b", occasion="x\0"), service="a\0b 😀")
    odd = odd.model_copy(update={"drafts": (TICKET.model_copy(update={"text": "a\0b"}),)})
    records.save(odd)
    kept = records.save(odd)
    assert [each.text for each in kept.drafts] == ["a\0b"]
    assert records.case("INC-2026-0001").diagnoses[0].hypotheses[0].component == "a\0b"
    assert len(kept.diagnoses) == 1


def test_numbers_of_a_year_go_up_and_skip_those_that_are_taken(records: Records) -> None:
    assert records.next_incident_id(2026) == "INC-2026-0001"
    assert records.next_incident_id(2026, after=6) == "INC-2026-0007"
    assert records.next_incident_id(2025) == "INC-2025-0001"
    records.save(case(20))
    records.save(case(3))
    assert records.next_incident_id(2026) == "INC-2026-0021"


def test_a_diagnosis_that_another_process_appended_is_not_lost(records: Records) -> None:
    first = case(1, diagnosis(1))
    records.save(first)
    theirs = first.model_copy(
        update={
            "diagnoses": (*first.diagnoses, diagnosis(2, "catalog", evidence="e2")),
            "evidence": (asked(1), asked(2)),
        }
    )
    ours = first.model_copy(
        update={
            "diagnoses": (*first.diagnoses, diagnosis(3, "payment", evidence="e3")),
            "evidence": (asked(1), asked(2, value=9), computed(3, 2)),
        }
    )
    records.save(theirs)
    records.save(ours)
    kept = records.case("INC-2026-0001")
    assert [each.headline for each in kept.diagnoses] == ["cart is slow", "catalog is slow", "payment is slow"]


def test_evidence_under_a_number_that_is_taken_gets_another_and_is_cited_by_it(records: Records) -> None:
    records.save(case(1, diagnosis(1, evidence="e2"), evidence=(asked(1), computed(2, 1))))
    kept = records.save(case(1, diagnosis(5, evidence="e2"), evidence=(asked(1, value=9), computed(2, 1))))
    assert [item.id for item in kept.evidence] == ["e1", "e2", "e3"]
    anew = records.save(case(1, diagnosis(9, evidence="e1"), evidence=(asked(1, value=7),)))
    assert anew.evidence[-1].id == "e4"
    latest = anew.diagnoses[-1]
    claim = latest.hypotheses[0].claims[0]
    assert {claim.evidence, claim.figures[0].evidence, latest.scope.measured[0].evidence} == {"e4"}


def test_what_was_computed_from_renumbered_evidence_says_so(records: Records) -> None:
    records.save(case(1, diagnosis(1), evidence=(asked(1), computed(2, 1))))
    kept = records.save(case(1, diagnosis(5, evidence="e2"), evidence=(asked(1, value=9), computed(2, 1, 1))))
    computed_anew = kept.evidence[-1]
    assert computed_anew.reading is not None
    assert (computed_anew.id, computed_anew.reading.of) == ("e4", ("e3", "e3"))
    assert computed_anew.query == "onsets of e3, e3 {}"
    assert kept.diagnoses[-1].hypotheses[0].claims[0].evidence == "e4"


def test_saving_again_adds_nothing(records: Records) -> None:
    whole = case(1, diagnosis(1), inconclusive(2)).model_copy(update={"drafts": (TICKET,), "verdicts": (verdict(),)})
    records.save(whole)
    records.save(records.case("INC-2026-0001"))
    assert same(records.save(whole), whole)


def test_signals_of_both_versions_are_kept(records: Records) -> None:
    first = case(1)
    records.save(first)
    later = first.incident.signals[0].model_copy(update={"at": at(3), "kind": "complaints"})
    more = first.incident.model_copy(update={"signals": (*first.incident.signals, later), "state": "mitigated"})
    records.save(first.model_copy(update={"incident": more}))
    kept = records.save(first)
    assert [signal.kind for signal in kept.incident.signals] == ["alert", "complaints"]


def test_another_incident_under_the_same_number_is_refused(records: Records) -> None:
    records.save(case(1))
    with pytest.raises(RecordsUnavailable, match="INC-2026-0001 is the number of another incident"):
        records.save(case(1, noticed=at(90)))


def test_a_verdict_given_meanwhile_outlives_a_save_that_knows_nothing_of_it(records: Records) -> None:
    whole = case(1)
    records.save(whole)
    records.add_verdict("INC-2026-0001", verdict(), note="looked at the pool")
    assert records.save(whole).verdicts == (verdict(),)
    (kept,) = records.verdicts("INC-2026-0001")
    assert (kept.verdict, kept.note) == (verdict(), "looked at the pool")


def test_a_verdict_needs_a_diagnosis_to_judge(records: Records) -> None:
    records.save(case(1))
    with pytest.raises(QueryRejected, match="no diagnosis 1 to judge: INC-2026-0001 has 1 diagnosis, counted from 0"):
        records.add_verdict("INC-2026-0001", verdict(number=1))
    assert records.verdicts() == []


def test_what_was_decided_about_a_draft_is_kept_and_proposals_are_replaced(records: Records) -> None:
    first = case(1).model_copy(update={"drafts": (TICKET, POST_MORTEM)})
    records.save(first)
    approved = TICKET.model_copy(update={"state": "approved", "approved_by": "ada"})
    records.save(first.model_copy(update={"drafts": (approved, POST_MORTEM)}))
    newer = TICKET.model_copy(update={"title": "catalog is slow"})
    kept = records.save(first.model_copy(update={"drafts": (TICKET, newer)}))
    assert kept.drafts == (approved, newer)
    assert records.case("INC-2026-0001").drafts == (approved, newer)


def test_an_unknown_case_is_told_with_one_that_may_be_meant(records: Records) -> None:
    with pytest.raises(QueryRejected, match="there are no cases yet"):
        records.case("INC-2026-0001")
    records.save(case(1))
    with pytest.raises(QueryRejected, match=r"no case INC-2026-0010 \(did you mean `INC-2026-0001`\?\)"):
        records.case("INC-2026-0010")


def test_cases_are_listed_the_latest_first_with_their_latest_diagnosis_and_verdict(records: Records) -> None:
    records.save(case(1, diagnosis(1), diagnosis(3, "catalog", 0.9)))
    records.save(case(2, inconclusive(), noticed=at(60), service="payment", state="open"))
    records.add_verdict("INC-2026-0001", verdict("wrong"))
    records.add_verdict("INC-2026-0001", verdict("partly", number=1))
    newer, older = records.cases()
    assert (newer.incident_id, newer.status, newer.component, newer.judged) == (
        "INC-2026-0002",
        "inconclusive",
        None,
        None,
    )
    assert (older.diagnoses, older.component, older.probability, older.judged) == (2, "catalog", 0.9, "partly")
    assert older.opened_at == NOON
    assert older.revision == 3


def test_cases_can_be_asked_for_by_state_service_and_time(records: Records) -> None:
    records.save(case(1))
    records.save(case(2, noticed=at(60), service="payment", state="open"))

    def found(**wanted: object) -> list[str]:
        return [each.incident_id for each in records.cases(**wanted)]  # type: ignore[arg-type]

    assert found(state="open") == found(service="payment") == found(since=at(30)) == found(limit=1)
    assert found(limit=1) == ["INC-2026-0002"]
    assert found(service="nobody") == []


def test_open_cases_are_listed_by_severity_and_those_that_ended_by_when(records: Records) -> None:
    def keep(number: int, severity: str | None, state: str = "diagnosed") -> None:
        made = case(number, noticed=at(number), state=state)
        records.save(made.model_copy(update={"incident": made.incident.model_copy(update={"severity": severity})}))

    for number, severity in enumerate(("P3", "P1", None, "P4", "P2", "P1"), start=1):
        keep(number, severity)
    keep(8, "P1", "resolved")
    keep(7, "P1", "closed")
    found = records.cases(is_open=True, order="severity")
    assert [each.severity for each in found] == ["P1", "P1", "P2", None, "P3", "P4"]
    assert [each.incident_id[-1] for each in found][:2] == ["6", "2"]
    assert [each.incident_id[-1] for each in records.cases(is_open=False, order="changed")] == ["7", "8"]
    assert records.open_count() == 6
    assert {each.release for each in found} == {"not-release-related"}


def test_more_cases_than_one_question_takes_have_each_their_own(own_records: Records) -> None:
    for number in range(1, 521):
        own_records.save(case(number, diagnosis(1, f"service-{number}")))
    histories = own_records.histories()
    assert [each.conclusions[0].component for each in histories] == [f"service-{n}" for n in range(1, 521)]


def test_a_history_tells_when_it_was_noticed_concluded_and_judged(records: Records) -> None:
    records.save(case(1, inconclusive(1), diagnosis(5)))
    records.add_verdict("INC-2026-0001", verdict(number=1, onset=at(-4)))
    (history,) = records.histories()
    assert (history.noticed_at, [each.at for each in history.conclusions]) == (NOON, [at(1), at(5)])
    assert (history.conclusions[1].since, history.verdicts[0].true_onset) == (at(-2), at(-4))
