import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from drafts.drafted_cases import (
    ASSIGNED,
    CATALOGUE,
    DEPLOY,
    NOON,
    NOW,
    RECORDED,
    WINDOW,
    case_of,
    diagnosed,
    evidence,
    hypothesis,
    inconclusive,
    nothing_wrong,
    recorded,
    scope,
)
from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import Affected, CaseFile, Claim, Incident, ReleaseVerdict, Rows, Scope, Signal
from watchkeeper.drafts.filling import bare_digits
from watchkeeper.drafts.writing import as_files, compose, name_of, write_drafts

EVERYTHING = case_of()
UNKNOWN = case_of(inconclusive(hypotheses=(), scope=Scope()), assignment=None, evidence=(), verdicts=())
CASES = {
    "everything known": (EVERYTHING, CATALOGUE),
    "nothing configured": (case_of(assignment=None), Catalogue()),
    "inconclusive": (case_of(inconclusive()), CATALOGUE),
    "nothing known": (UNKNOWN, Catalogue()),
    "nothing wrong": (case_of(nothing_wrong()), CATALOGUE),
    "diagnosed again": (case_of(inconclusive(), diagnosed(changed=("a cause is now stated (83%)",))), CATALOGUE),
}
each_case = pytest.mark.parametrize(("case", "catalogue"), CASES.values(), ids=CASES)
each_recorded = pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)


def drafted(case: CaseFile = EVERYTHING, catalogue: Catalogue = CATALOGUE) -> dict[str, str]:
    """The texts by name."""
    return {name_of(draft): draft.text for draft in write_drafts(case, catalogue, NOW)}


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no section {title!r}"
    return found[1]


def assert_every_number_can_be_read_again(case: CaseFile, catalogue: Catalogue, now: datetime) -> None:
    for composed in compose(case, catalogue, now):
        assert bare_digits(composed.body) == []
        assert bare_digits(composed.title) == []
        for use in (*composed.body.uses, *composed.title.uses):
            assert composed.facts.again(use.fact) == use.fact.value


@each_case
def test_every_number_is_a_fact_that_can_be_read_again(case: CaseFile, catalogue: Catalogue) -> None:
    assert_every_number_can_be_read_again(case, catalogue, NOW)


@each_recorded
def test_every_number_about_a_recorded_incident_is_a_fact(folder: Path) -> None:
    case = recorded(folder)
    assert case.latest is not None
    assert_every_number_can_be_read_again(case, CATALOGUE, case.latest.at)


@each_recorded
def test_a_reader_of_a_recorded_ticket_learns_what_where_since_when_why_and_what_to_do(folder: Path) -> None:
    case = recorded(folder)
    latest = case.latest
    assert latest is not None
    if latest.status != "diagnosed":
        assert set(drafted(case)) == {"internal-update"}
        return
    ticket, top = drafted(case)["ticket"], latest.hypotheses[0]
    title, lead, head, *_ = ticket.split("\n\n")
    assert top.component in f"{title} {lead}"
    assert latest.scope.since is not None
    assert f"{latest.scope.since:%H:%M:%S} UTC" in lead
    assert f"{latest.scope.since:%Y-%m-%d %H:%M:%S} UTC" in head
    assert f"({top.probability:.0%} sure)" in lead
    assert re.search(r"Who: .+ of .+\. To do: ", lead)
    assert (latest.release.change.id if latest.release.change else "Not release-related") in section(ticket, "Release")
    assert all(f"| `{claim.evidence}` |" in section(ticket, "Evidence") for claim in top.claims)


@each_recorded
def test_a_recorded_ticket_is_short_enough_for_a_tracker(folder: Path) -> None:
    ticket = drafted(recorded(folder)).get("ticket", "")
    assert len(ticket.splitlines()) < 110
    assert "SELECT " not in section(ticket, "Evidence") if ticket else True


@each_recorded
def test_no_sentence_about_a_recorded_incident_begins_small_or_ends_without_a_stop(folder: Path) -> None:
    for name, text in drafted(recorded(folder)).items():
        prose = [line for line in text.splitlines() if re.match(r"(?:  )?(?:- )?[a-z]", line)]
        names = {"cart", "catalog", "checkout", "gateway", "payment", "recommendations"}
        assert [line for line in prose if line.lstrip(" -").split(" ")[0] not in names | {"curl"}] == [], name
        assert not re.search(r"\.\.(?:\s|$)", text), name


@each_case
def test_a_draft_is_proposed_and_holds_no_unfilled_mark(case: CaseFile, catalogue: Catalogue) -> None:
    for draft in write_drafts(case, catalogue, NOW):
        assert draft.state == "proposed"
        assert not re.search(r"\{\{|\}\}|\bNone\b(?! (is|was|found))|nan|[\ue000-\ue002]", draft.text)


@each_case
def test_lists_and_tables_are_not_broken_by_what_was_filled_in(case: CaseFile, catalogue: Catalogue) -> None:
    reader = MarkdownIt("commonmark").enable("table")
    for draft in write_drafts(case, catalogue, NOW):
        lines = draft.text.splitlines()
        assert not [line for line in lines if re.match(r"\s*([,.;)]|: )", line)]
        tables = [token for token in reader.parse(draft.text) if token.type == "table_open"]
        assert len(tables) == len([line for line in lines if line.startswith("|---")])


def test_a_case_has_the_five_drafts_that_people_expect() -> None:
    assert set(drafted()) == {"ticket", "incident-report", "post-mortem", "internal-update", "status-page"}


def test_a_case_that_was_never_diagnosed_has_none() -> None:
    assert write_drafts(case_of().model_copy(update={"diagnoses": ()}), CATALOGUE, NOW) == ()


def test_where_nothing_is_wrong_there_is_only_an_internal_update() -> None:
    texts = drafted(case_of(nothing_wrong()))
    assert set(texts) == {"internal-update"}
    assert "Nothing wrong" in texts["internal-update"]


def test_a_title_says_what_and_where_without_markup() -> None:
    title = write_drafts(EVERYTHING, CATALOGUE, NOW)[0].title
    assert title == "Failing requests in gateway, since deploy 2.5.0 of checkout"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("crash", "it crashes and is started again"),
        ("pool-exhaustion", "it runs out of connections"),
        ("slow-dependency", "it waits for"),
        ("cpu", "it is short of CPU"),
        ("memory", "memory of gateway grows"),
        ("surge", "it gets more requests than usual"),
        ("errors", "Failing requests in gateway"),
        ("unknown", "Failing requests in gateway"),
    ],
)
def test_each_kind_of_fault_has_its_title(kind: str, words: str) -> None:
    cause = hypothesis("gateway", change=None).model_copy(update={"kind": kind})
    release = ReleaseVerdict(status="not-release-related", reason="nothing was changed")
    assert words in write_drafts(case_of(diagnosed(hypotheses=(cause,), release=release)), CATALOGUE, NOW)[0].title


def test_a_ticket_says_who_takes_care_by_which_rule_and_how_urgently() -> None:
    ticket = drafted()["ticket"]
    assert "P1 (critical), tracker priority Highest" in ticket
    assert "`payments`, owner `bo.berg` (rule `payments`)" in ticket
    assert "page, ticket; notices to `#payments-alerts`" in ticket


def test_what_was_not_routed_says_so() -> None:
    ticket = drafted(case_of(assignment=None))["ticket"]
    assert "**Team:** not routed" in ticket
    assert "**Severity:** not judged" in ticket


def test_a_ticket_names_the_author_of_the_change_and_nothing_else_does() -> None:
    texts = drafted()
    assert "ann.lee" in texts.pop("ticket")
    assert not [name for name, text in texts.items() if re.search(r"ann\.lee|bo\.berg|cy\.dorn", text)]
    assert "it began 4 s after (name withheld) deployed" in texts["incident-report"]


def test_an_author_named_as_a_service_does_not_blank_the_service() -> None:
    change = DEPLOY.model_copy(update={"author": "checkout"})
    case = case_of(diagnosed(hypotheses=(hypothesis(change=change),)))
    assert "withheld" not in drafted(case)["internal-update"]


def test_authors_in_what_was_looked_up_are_left_out_of_the_post_mortem() -> None:
    rows = Rows(
        columns=("id", "kind", "service_name", "version", "author", "time", "title"),
        values=(("d-9", "deploy", "cart", "1.0.1", "eve.fox", NOON - timedelta(minutes=9), "eve.fox: rework"),),
        total=1,
    )
    texts = drafted(case_of(evidence=(evidence(1), evidence(2), evidence(3, "changes", rows=rows))))
    assert "Deploy `1.0.1` of `cart` began (`d-9`)" in section(texts["post-mortem"], "Timeline")
    assert "eve.fox" not in texts["post-mortem"]


def test_alternatives_and_what_is_left_for_something_else_are_told() -> None:
    cause = section(drafted()["ticket"], "Cause")
    assert re.findall(r"\*\*(\d+%):\*\*", cause) == ["83%", "10%", "7%"]
    assert "120 of 1,000 requests failed [`e1`]\n" in cause
    assert "Against it: CPU rose as well [`e2`]" in cause


def test_a_generic_fix_is_called_generic() -> None:
    ticket = drafted(case_of(diagnosed(suggested_fix="Look at the logs.")))["ticket"]
    assert "Look at the logs. (This is generic" in section(ticket, "Suggested fix")
    assert "generic" not in section(drafted()["ticket"], "Suggested fix")


def test_the_request_of_a_failing_trace_is_a_command_to_try() -> None:
    assert "```sh\ncurl -X POST http://gateway/checkout\n```" in section(drafted()["ticket"], "Reproduction")
    without = drafted(case_of(diagnosed(reproduction=None)))["ticket"]
    assert section(without, "Reproduction").startswith("\nNone found")


def test_the_timeline_is_in_order_and_marks_first_symptom_and_first_alarm() -> None:
    rows = re.findall(r"^\| (\d{4}-\S+ \S+ UTC) \| (.*) \|$", drafted()["incident-report"], re.MULTILINE)
    assert [at for at, _ in rows] == sorted(at for at, _ in rows)
    words = ["began", "complete", "First symptom", "First alarm", "Diagnosis", "Judged by an engineer: confirmed"]
    assert all(word in text for word, (_, text) in zip(words, rows, strict=True))


def test_what_changed_between_diagnoses_is_told() -> None:
    case = case_of(inconclusive(), diagnosed(changed=("a cause is now stated",), occasion="after 5 minutes"))
    report = drafted(case)["incident-report"]
    assert "Changed since the diagnosis before: a cause is now stated" in report
    assert "Diagnosis (after 5 minutes)" in section(report, "Timeline")


def test_impact_is_counted_once_where_requests_come_in_and_shows_its_sums() -> None:
    impact = section(drafted()["post-mortem"], "Impact")
    assert "120 of 1,000 failed: 100 × 120 ÷ 1,000 = 12%. Counted at `gateway`, where requests enter" in impact
    assert "12 of 50: 100 × 12 ÷ 50 = 24%, told apart by `enduser.id`" in impact
    assert "120 × 14.00 = 1,680.00 EUR" in impact
    assert (
        "12:10:00 UTC − 12:00:00 UTC = 10 min, from the first symptom to when it was last looked at on 2026-03-01"
        in impact
    )


def test_where_requests_come_in_is_read_from_who_is_never_called() -> None:
    calls = Rows(columns=("caller", "callee"), values=(("gateway", "checkout"),), total=1)
    quiet = scope().model_copy(update={"measured": ()})
    busy = quiet.affected[1].model_copy(update={"requests": 9000})
    case = case_of(
        diagnosed(scope=quiet.model_copy(update={"affected": (busy, quiet.affected[0])})),
        evidence=(evidence(1), evidence(2), evidence(3, rows=calls)),
    )
    assert "Counted at `gateway`, where requests enter" in drafted(case)["post-mortem"]


def test_objectives_are_held_against_the_incident_as_arithmetic() -> None:
    text = section(drafted()["post-mortem"], "Objectives")
    assert "28 days × 24 × 60 × (100 − 99.5%) ÷ 100 = 201.6 min" in text
    assert "600 s ÷ 60 × 120 ÷ 1,000 = 1.2 min" in text
    assert "1,000 × (100 − 99.5%) ÷ 100 = 5; 120 failed, so the objective was missed" in text
    assert "The route was not counted apart" in text
    assert "Requests slower than 1,000 ms are not good either" in text


def test_an_objective_of_a_route_is_held_against_the_route_where_it_was_counted() -> None:
    route = Affected(service="checkout", operation="POST /orders", requests=200, errors=1)
    case = case_of(diagnosed(scope=scope().model_copy(update={"affected": (*scope().affected, route)})))
    text = section(drafted(case)["post-mortem"], "Objectives")
    assert "200 × (100 − 99%) ÷ 100 = 2; 1 failed, so the objective was met" in text


def test_what_is_not_known_says_so() -> None:
    text = drafted(UNKNOWN, Catalogue())["post-mortem"]
    assert "**Requests:** not known" in text
    assert "**Users:** not known" in text
    assert "**Time:** not known" in text
    assert "**Money:** not known" in text
    assert section(text, "Objectives").startswith("\nNot known")
    assert section(text, "Root cause").startswith("\nNot known: no cause stands out")
    assert "staging is not known" in section(text, "What went wrong, and why it was missed")


def late(kind: str, minutes: float) -> CaseFile:
    signal = Signal.model_validate({"kind": kind, "at": NOON + timedelta(minutes=minutes), "service": "gateway"})
    incident = Incident(id="INC-2026-0007", signals=(signal,), window=WINDOW, service="gateway")
    return case_of(diagnosed(at=NOON + timedelta(minutes=minutes + 20)), incident=incident, verdicts=())


def test_a_late_alarm_and_a_late_diagnosis_went_wrong() -> None:
    text = drafted(late("complaints", 9))["post-mortem"]
    wrong = section(text, "What went wrong, and why it was missed")
    assert "noticed only 9 min after the first symptom (target: 5 min)" in wrong
    assert "stated only 20 min after the alarm (target: 15 min)" in wrong
    assert "No alert rule is known to have fired: a person had to notice it" in wrong
    assert "logs of bank could not be read" in wrong
    assert "Find why it was noticed late" in section(text, "Action items")


def test_an_alert_in_time_went_well() -> None:
    text = drafted()["post-mortem"]
    well = section(text, "What went well")
    assert "noticed 2 min after the first symptom" in well
    assert "An alert rule fired" in well
    assert "Add an alert rule" not in text


def test_action_items_have_an_owner_role_and_a_date_by_severity() -> None:
    items = [line for line in section(drafted()["post-mortem"], "Action items").splitlines() if line]
    assert all(re.fullmatch(r"- \[ \] \[[^\]]+\] .+ \(due \d{4}-\d\d-\d\d\)", item) for item in items)
    assert items[0].startswith("- [ ] [service team `payments`] Find what in change `d-17` did it")
    assert items[0].endswith("(due 2026-03-08)")
    assert any("staging" in item and item.endswith("(due 2026-03-15)") for item in items)


def test_gaps_in_the_telemetry_become_action_items() -> None:
    assert "Close a gap in the telemetry: logs of bank" in section(drafted()["post-mortem"], "Action items")


def test_a_status_page_tells_of_features_and_nothing_internal() -> None:
    (public,) = (draft for draft in write_drafts(EVERYTHING, CATALOGUE, NOW) if draft.audience == "public")
    told = f"{public.title}\n{public.text}\n{json.dumps(public.model_dump(mode='json')['facts'])}"
    assert "place an order" in told
    assert not re.search(r"gateway|checkout|d-17|2\.5\.0|payments|ann\.lee|deploy|%|120|1,?000|INC-", told)


def test_a_status_page_promises_the_next_word_by_severity() -> None:
    assert "will write again by 2026-03-01 12:26 UTC" in drafted()["status-page"]


def test_the_public_is_not_told_of_what_does_not_reach_it() -> None:
    assert "status-page" not in drafted(case_of(diagnosed(scope=scope(errors=0, p95_ms=310.0))))
    assert "answer more slowly than usual" in drafted(case_of(diagnosed(scope=scope(errors=0))))["status-page"]


def test_a_resolved_incident_is_told_as_resolved() -> None:
    incident = EVERYTHING.incident.model_copy(update={"state": "resolved"})
    texts = drafted(EVERYTHING.model_copy(update={"incident": incident}))
    assert "**Resolved**" in texts["status-page"]
    assert "will write again" not in texts["status-page"]
    assert "next update" not in texts["internal-update"]


HOSTILE = "x`![a](http://evil)`<img src=x>|\n# @channel {{7*7}} **b**"


def test_hostile_names_stay_text() -> None:
    cause = hypothesis(HOSTILE).model_copy(update={"claims": (Claim(text=HOSTILE, evidence="e1"),)})
    signal = Signal(kind="anomaly", at=NOON, service=HOSTILE, measure=HOSTILE, text=HOSTILE)
    incident = Incident(id="INC-2026-0007", signals=(signal,), window=WINDOW, service=HOSTILE)
    hurt = Scope(affected=(Affected(service=HOSTILE, operation=HOSTILE, requests=10, errors=9),))
    hostile = diagnosed(headline=HOSTILE, hypotheses=(cause,), suggested_fix=HOSTILE, gaps=(HOSTILE,), scope=hurt)
    case = case_of(hostile, incident=incident, evidence=(evidence(1, query=f"```\n{HOSTILE}"), evidence(2)))
    reader = MarkdownIt("commonmark").enable("table")
    for draft in write_drafts(case, CATALOGUE, NOW):
        tokens = [inner for block in reader.parse(draft.text) for inner in (block, *(block.children or []))]
        assert not {"image", "html_inline", "html_block"} & {token.type for token in tokens}
        assert all("git.example.com" in str(t.attrs["href"]) for t in tokens if t.type == "link_open")
        assert "\n" not in draft.title
        assert not [token.content for token in tokens if token.type == "text" and "@channel" in token.content]


def test_fields_say_where_each_figure_comes_from() -> None:
    ticket = write_drafts(EVERYTHING, CATALOGUE, NOW)[0].facts
    assert (ticket["severity"], ticket["cause"], ticket["change"]) == ("P1", "checkout", "d-17")
    assert ticket["failed"] == 120
    assert ticket["failed.from"] == "case.diagnoses[0].scope.affected[0].errors"
    assert str(ticket["failed_percent.from"]).startswith("100 * errors / requests, with errors = case.")


def test_each_draft_is_two_files_of_the_case_folder() -> None:
    files = as_files(write_drafts(EVERYTHING, CATALOGUE, NOW))
    names = ["ticket", "incident-report", "post-mortem", "internal-update", "status-page"]
    assert list(files) == [f"{name}.{ending}" for name in names for ending in ("md", "json")]
    assert files["ticket.json"].isascii()
    assert json.loads(files["ticket.json"])["facts"]["team"] == "payments"


def test_two_drafts_of_one_kind_do_not_overwrite_each_other() -> None:
    twice = write_drafts(EVERYTHING, CATALOGUE, NOW)[:1] * 2
    assert {"ticket.md", "ticket-2.md"} <= set(as_files(twice))


def test_a_stored_case_is_drafted_as_the_fresh_one() -> None:
    stored = CaseFile.model_validate_json(EVERYTHING.model_dump_json())
    assert write_drafts(stored, CATALOGUE, NOW) == write_drafts(EVERYTHING, CATALOGUE, NOW)


def test_a_ticket_lists_what_it_cites_and_leaves_the_queries_to_the_evidence_page() -> None:
    cause = hypothesis().model_copy(update={"claims": (Claim(text="it is checkout", evidence="e2"),), "against": ()})
    case = case_of(
        diagnosed(hypotheses=(cause,), scope=Scope(), reproduction=None),
        evidence=(evidence(1), evidence(2, query="SELECT shares"), evidence(3)),
        assignment=ASSIGNED.model_copy(update={"reason": "P1: 12% of requests failed [e3]"}),
    )
    ticket = drafted(case)["ticket"]
    assert re.findall(r"^\| `(e\d+)` \|", section(ticket, "Evidence"), re.MULTILINE) == ["e2", "e3"]
    assert "SELECT shares" not in ticket
    assert "are in `evidence.md` of the case folder" in ticket


def test_evidence_and_names_that_a_reason_marks_are_shown_as_marks() -> None:
    assigned = ASSIGNED.model_copy(update={"reason": "P1: 12% failed [e1]. Team payments: the route `all` says so."})
    assert (
        "P1: 12% failed [`e1`]. Team payments: the route `all` says so.\n"
        in drafted(case_of(assignment=assigned))["ticket"]
    )


def test_a_sentence_that_begins_with_the_name_of_a_service_keeps_it() -> None:
    case = case_of(diagnosed(headline="checkout fails since noon", suggested_fix="cpu is short: add some"))
    lead = drafted(case)["ticket"].split("\n\n")[1]
    assert lead.startswith("checkout fails since noon. Who: ")
    assert section(drafted(case)["ticket"], "Suggested fix").startswith("\nCPU is short: add some. (This is generic")


@pytest.mark.parametrize(
    ("standing", "words"),
    [("supports", ""), ("holds", " (true, but it does not set this apart)"), ("unchecked", " (not asked again)")],
)
def test_a_claim_says_how_far_it_was_checked(standing: str, words: str) -> None:
    claim = Claim(text="it is slow", evidence="e1").model_copy(update={"standing": standing})
    cause = hypothesis().model_copy(update={"claims": (claim,)})
    assert f"It is slow [`e1`]{words}\n" in drafted(case_of(diagnosed(hypotheses=(cause,))))["ticket"]
