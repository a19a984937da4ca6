"""Ways of an investigation through the graph, each with a model that follows a script over a recorded incident."""

import json
from itertools import repeat

import pytest
from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall, ToolMessage

from made_investigations import DONE, OVERVIEW, OWN_TIME, RESOURCES, Tried, claim, findings
from watchkeeper.agents.acting import AGAIN, ASTRAY, AT_ONCE, ENDS_AT, LOOPED, MOST_FAULTS, TOO_MANY
from watchkeeper.agents.assembling import prompt_tokens_of
from watchkeeper.agents.client import Terms
from watchkeeper.agents.meter import Limits
from watchkeeper.agents.nodes import CURTAILED
from watchkeeper.errors import ModelUnavailable

GOOD = [OWN_TIME, RESOURCES, DONE, findings()]
WRONG = claim(value=30.0)
TRUE = "6.7"
MISLED = {"component": "cart", "kind": "cpu", "probability": 0.9, "claims": [{**claim(), "about": "cart"}]}


def choosing(name: str, question: str = "What is it?") -> str:
    return json.dumps({"next": name, "question": question})


def malformed(name: str = "resources") -> AIMessage:
    call = InvalidToolCall(type="invalid_tool_call", name=name, args='{"service": ', id="x1", error=None)
    return AIMessage("", invalid_tool_calls=[call])


def answers(tried: Tried) -> list[str]:
    """What tools said, as the last request held it."""
    return [str(m.content) for m in tried.model.received[-1] if isinstance(m, ToolMessage)]


def test_a_good_investigation_joins_the_rules_and_says_more():
    tried = Tried(GOOD)
    found = tried.run()
    assert (found.status, found.hypotheses[0].component) == ("diagnosed", "catalog")
    assert found.hypotheses[0].proposed_by == "both"
    assert found.explanation == ("On average 6.7 requests wait for a connection in catalog.",)
    assert (found.cost.engine, found.cost.graph, found.cost.calls, found.cost.model) == (
        "model",
        "single",
        4,
        "scripted",
    )
    assert (found.cost.claims_made, found.cost.claims_struck) == (1, 0)
    assert found.cost.tokens > 0
    kinds = [event.kind for event in tried.events]
    assert kinds == ["started", "asked", "found", "asked", "found", "claimed", "checked", "finished"]


def test_specialists_look_one_after_the_other_and_their_notes_are_reported_from():
    notes = "pending_requests of catalog 0.55 → 6.7 (e4, mean)"
    turns = [
        choosing("monitoring-specialist", "Where first?"),
        OVERVIEW,
        "catalog first (e1)",
        choosing("incident-responder"),
        RESOURCES,
        notes,
        choosing("report"),
        findings(),
    ]
    tried = Tried(turns, graph="specialists")
    found = tried.run()
    assert (found.status, found.cost.graph, found.cost.calls) == ("diagnosed", "specialists", len(turns))
    assert [event.specialist for event in tried.told("delegated")] == ["monitoring-specialist", "incident-responder"]
    assert "The question to you: Where first?" in str(tried.model.received[1][1].content)
    report = str(tried.model.received[-1][1].content)
    assert "Notes of monitoring-specialist:\ncatalog first (e1)" in report
    assert notes in report


def test_a_specialist_has_only_the_tools_of_its_card():
    tried = Tried(
        [choosing("analytics-specialist"), RESOURCES, "nothing", choosing("report"), findings()], graph="specialists"
    )
    found = tried.run()
    assert "there is no tool 'resources'" in str(tried.model.received[2][-1].content)
    assert any("1 of the model's tool calls was refused" in note for note in found.notes)


def test_a_specialist_without_a_word_is_asked_for_its_notes():
    trace = ("portions", {"service": "catalog"})
    others = [("portions", {"service": name}) for name in ("cart", "gateway", "checkout", "payment")]
    turns = [choosing("analytics-specialist"), trace, *others, "notes at last", choosing("report"), findings()]
    tried = Tried(turns, graph="specialists")
    tried.run()
    assert "notes at last" in str(tried.model.received[-1][1].content)


def test_a_supervisor_sends_no_more_specialists_than_its_card_says():
    names = ("monitoring-specialist", "incident-responder", "performance-monitor", "analytics-specialist")
    turns = [turn for name in names for turn in (choosing(name), f"notes of {name}")]
    found = Tried([*turns, findings()], graph="specialists").run()
    assert found.cost.calls == len(turns) + 1


def test_a_supervisor_that_names_nobody_known_ends_in_a_report():

    def insisting(messages: list[BaseMessage]) -> str:
        return findings() if "Hand in your findings" in str(messages[-1].content) else choosing("poet")

    found = Tried(repeat(insisting), graph="specialists").run()
    assert found.hypotheses[0].proposed_by == "both"


def test_a_claim_that_fails_goes_back_once_with_the_true_value():
    tried = Tried([DONE, findings(WRONG), findings()])
    found = tried.run()
    told = str(tried.model.received[-1][-1].content)
    assert "first(mean)" in told
    assert TRUE in told
    assert (found.cost.claims_struck, found.cost.calls) == (1, 3)
    assert found.explanation
    struck = [event for event in tried.told("checked") if event.standing == "struck"]
    assert TRUE in struck[0].because


def test_a_claim_that_fails_again_is_struck():
    found = Tried([DONE, findings(claim(), WRONG), findings(claim(), WRONG)]).run()
    assert [struck.claim.value for struck in found.struck if struck.claim.evidence == "e4"] == [WRONG["value"]]
    assert (found.cost.claims_made, found.cost.claims_struck) == (4, 2)


def test_what_was_left_of_the_first_report_stays_where_nothing_is_left_of_the_second():
    bad = findings(hypotheses=[MISLED])
    found = Tried([DONE, findings(claim(), WRONG), bad]).run()
    assert found.hypotheses[0].proposed_by == "both"
    assert found.hypotheses[0].component == "catalog"


def test_findings_that_blame_an_innocent_leave_the_rules_diagnosis():
    bad = findings(hypotheses=[MISLED])
    found = Tried([DONE, bad, bad]).run()
    assert found.hypotheses[0].component == "catalog"
    assert "cart" not in {h.component for h in found.hypotheses if h.proposed_by != "rules"}
    assert any("nothing to add that holds" in note for note in found.notes)


def test_an_unknown_tool_and_bad_arguments_are_answered_and_told():
    turns = [
        ("drop_table", {"name": "spans"}),
        ("resources", {"service": "no-such"}),
        ("metric_series", {}),
        malformed(),
        *GOOD,
    ]
    tried = Tried(turns)
    found = tried.run()
    said = answers(tried)[:4]
    assert "there is no tool 'drop_table'" in said[0]
    assert "no component is called" in said[1]
    assert "metric_series: service" in said[2]
    assert "not valid JSON" in said[3]
    assert found.hypotheses[0].proposed_by == "both"
    assert any("4 of the model's tool calls were refused" in note for note in found.notes)


def test_calls_that_make_no_sense_over_and_over_end_in_a_report():
    tried = Tried([*((f"nonsense-{n}", {}) for n in range(MOST_FAULTS)), findings()])
    found = tried.run()
    assert len(tried.model.received) == MOST_FAULTS + 1
    assert ASTRAY in found.notes
    assert found.hypotheses[0].proposed_by == "both"


def test_the_same_call_again_is_told_and_then_ends_the_turns():
    tried = Tried([*repeat(OWN_TIME, ENDS_AT), findings()])
    found = tried.run()
    assert answers(tried)[2] == AGAIN
    assert len(tried.model.received) == ENDS_AT + 1
    assert LOOPED in found.notes


def test_too_many_calls_at_once_are_not_all_carried_out():
    tried = Tried([[("changes", {"hours": n}) for n in range(1, AT_ONCE + 3)], DONE, findings()])
    tried.run()
    assert answers(tried).count(TOO_MANY) == 2


def test_the_turns_of_a_card_are_the_most():
    turns = [("changes", {"hours": float(n)}) for n in range(1, 15)]
    tried = Tried([*turns, findings()])
    found = tried.run()
    assert found.cost.calls == len(turns) + 1


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        (["", "", findings()], "the model's reply could not be used after 2 calls (the model answered nothing)"),
        ([OWN_TIME, "", "", "", ""], "the model's reply could not be used"),
        (["I cannot help with that."] * 3, "the model's reply could not be used"),
        ([DONE, "{", "no JSON either"], "the model's reply could not be used"),
    ],
)
def test_an_empty_answer_and_a_refusal_are_said(turns: list[str], said: str):
    found = Tried(turns).run()
    assert any(said in note for note in found.notes), found.notes
    assert found.hypotheses[0].component == "catalog"


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_model_that_stops_answering_leaves_the_rules_diagnosis_and_says_so(at: int):
    gone = ModelUnavailable("it limits requests (429)")
    tried = Tried([*GOOD[: at - 1], *repeat(gone, 9)])
    found = tried.run()
    happened = f"stopped answering after {at - 1} call" if at > 1 else "gave no answer"
    note = next(note for note in found.notes if happened in note)
    assert "429" in note
    assert note.endswith("this is the rules' diagnosis")
    assert (found.status, found.hypotheses[0].proposed_by, found.cost.calls) == ("diagnosed", "rules", at - 1)
    assert "429" in tried.told("trouble")[0].text


def test_a_model_that_stops_at_its_second_report_leaves_what_was_verified():
    gone = ModelUnavailable("it hung up")
    found = Tried([DONE, findings(claim(), WRONG), gone]).run()
    assert found.hypotheses[0].proposed_by == "both"
    assert any("it hung up" in note and "checked before" in note for note in found.notes)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_specialists_whose_model_stops_answering_leave_the_rules_diagnosis(at: int):
    turns = [choosing("monitoring-specialist"), OVERVIEW, "notes", choosing("report"), findings()]
    found = Tried([*turns[:at], ModelUnavailable("it is gone")], graph="specialists").run()
    assert any("it is gone" in note for note in found.notes)
    assert found.hypotheses[0].proposed_by == "rules"


def test_one_call_is_kept_for_the_report():
    tried = Tried([OWN_TIME, RESOURCES, findings()], limits=Limits(calls=3, tokens=10**6, usd=1, seconds=60))
    found = tried.run()
    assert found.cost.calls == 3
    assert found.hypotheses[0].proposed_by == "both"


def test_a_budget_of_tokens_that_is_used_up_is_said():
    tried = Tried([OWN_TIME, *GOOD], limits=Limits(calls=9, tokens=6000, usd=1, seconds=60))
    found = tried.run()
    assert CURTAILED in found.notes
    assert found.cost.tokens <= 6000 + 2000
    assert found.hypotheses[0].component == "catalog"


def test_a_budget_that_allows_nothing_is_said():
    found = Tried(GOOD, limits=Limits(calls=9, tokens=1500, usd=1, seconds=60)).run()
    assert any("could not be asked" in note and "1500 tokens" in note for note in found.notes)
    assert found.hypotheses[0].proposed_by == "rules"


def test_a_bug_of_ours_is_not_swallowed():
    def buggy(_: object) -> object:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Tried([buggy]).run()


SMALL = 8192


def test_a_model_of_8k_context_is_never_sent_more():
    services = ("catalog", "cart", "gateway", "checkout", "payment")
    turns = [
        [("find_traces", {"service": name, "which": "slowest"}), ("portions", {"service": name})] for name in services
    ]
    turns += [[("search_logs", {"service": name}), ("callers_and_callees", {"service": name})] for name in services]
    terms = Terms(structured="schema", context_tokens=SMALL)
    tried = Tried([*turns, DONE, findings()], terms=terms, settings={"context_tokens": SMALL})
    found = tried.run()
    assert found.hypotheses[0].proposed_by == "both"
    sent = zip(tried.model.received, tried.model.options, strict=True)
    sizes = [prompt_tokens_of(m, [o.get("tools"), o.get("extra_body")]) + terms.output_tokens for m, o in sent]
    assert max(sizes) <= SMALL
    assert sizes[0] - terms.output_tokens <= 4500
    assert any("seen; read_evidence" in text for text in answers(tried))
