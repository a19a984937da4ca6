"""The page of an incident in a browser: read, decided about, judged, asked; kept true; and hostile text stays text."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from server.conftest import PHONE
from server.hostile_cases import HOSTILE, MARKUP, MEGABYTE, hostile, hostile_alert
from server.made_duty import MadeDuty, alert, parcel, recorded_case, recorded_duty
from watchkeeper.chat.answering import Turn
from watchkeeper.chat.conversation import Conversation
from watchkeeper.chat.intents import Intent
from watchkeeper.chat.replies import Reply, Said
from watchkeeper.domain import CaseFile, Figure, Incident, Signal, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.server.callers import Caller
from watchkeeper.telemetry.sources import Cancel

if TYPE_CHECKING:
    from playwright.sync_api import Page

    Visit = Callable[..., Page]
    Serve = Callable[..., str]

BAD, ID = "bad-deploy-checkout", "INC-2026-0001"
EVE = Caller(name="eve", scopes=frozenset(("read",)))
WAIT_SECONDS = 20.0


class HeldChat:
    """Answers when it is let, and stops when it is cancelled; says first what it looks at."""

    def __init__(self, text: str = "Not yet: p95 of checkout is 693 ms.") -> None:
        self.text, self.asked = text, list[str]()
        self.may_answer = threading.Event()
        self.cancelled = threading.Event()

    def answer(
        self,
        question: str,
        conversation: Conversation,
        *,
        service: str | None = None,
        at: datetime | None = None,
        say: Callable[[str], None] = lambda _: None,
        cancel: Cancel | None = None,
    ) -> Turn:
        self.asked.append(question)
        say("Looking at traces of checkout")
        while not self.may_answer.wait(0.01):
            if cancel is not None and cancel.is_cancelled:
                self.cancelled.set()
                raise SourceUnavailable("the question was cancelled")
        figure = Figure(text="693 ms", evidence="e15", selector="max(p95_ms)", unit="ms")
        reply = Reply(
            taken_as=Said(text="Taken as: is the trouble over."),
            sentences=(Said(text=self.text, figures=(figure,), evidence=("e15",)),),
            intent=Intent(kind="over"),
        )
        return Turn(reply=reply, conversation=conversation.after(reply))

    def by(self, engine: str) -> "HeldChat":
        return self


@pytest.fixture
def duty() -> MadeDuty:
    made = MadeDuty()
    made.add(recorded_case(BAD, 1, datetime(2026, 5, 5, tzinfo=UTC)))
    return made


@pytest.fixture
def chat() -> Iterator[HeldChat]:
    made = HeldChat()
    yield made
    made.may_answer.set()


def incident(base: str, anchor: str = "") -> str:
    return f"{base}/incidents/{ID}{anchor}"


def latest(duty: MadeDuty) -> CaseFile:
    return duty.case(ID)


def again(case: CaseFile, headline: str) -> CaseFile:
    """The case with one more diagnosis."""
    assert case.latest is not None
    more = case.latest.model_copy(update={"headline": headline, "changed": ("more users are affected",)})
    return case.model_copy(update={"diagnoses": (*case.diagnoses, more)})


def told(page: "Page", text: str) -> None:
    page.get_by_text(text).first.wait_for()


def test_the_first_thing_on_the_page_is_the_sentence(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty)))
    case = latest(duty)
    assert case.latest is not None
    page.wait_for_selector("#sentence")
    assert page.inner_text("#sentence").lower() == case.latest.headline.lower()
    lead = page.inner_text(".wk-lead")
    assert all(text in lead for text in ("release 1.3.6 of checkout did it", "Roll checkout back", "users met trouble"))


def test_a_claim_leads_to_its_evidence_even_where_it_is_folded_away(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty), "#e24"))
    page.wait_for_selector("#e24[open] .wk-copyable")
    assert page.locator("#e24").is_visible()


def test_a_draft_is_edited_and_approved(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty)))
    page.get_by_role("button", name="Edit draft 0, ticket").click()
    page.get_by_label("Title").fill("checkout is slow: roll it back")
    page.get_by_role("button", name="Save").click()
    told(page, "edited by ada")
    page.get_by_role("button", name="Approve draft 0, ticket").click()
    told(page, "approved by ada")
    draft = latest(duty).drafts[0]
    assert (draft.title, draft.state, draft.approved_by) == ("checkout is slow: roll it back", "approved", "ada")


def test_a_rejection_needs_a_reason(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty)))
    page.get_by_role("button", name="Reject draft 1, incident report").click()
    dialog = page.get_by_role("dialog", name="Reject the draft")
    dialog.get_by_role("button", name="Reject").click()
    told(page, "A rejection needs a reason.")
    assert latest(duty).drafts[1].state == "proposed"
    dialog.get_by_label("Why").fill("it names no customer")
    dialog.get_by_role("button", name="Reject").click()
    told(page, "rejected: it names no customer")
    assert latest(duty).drafts[1].rejected_because == "it names no customer"


def test_keys_decide_only_about_the_draft_that_has_the_focus(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty)))
    page.keyboard.press("a")
    told(page, "Choose a draft first")
    assert {draft.state for draft in latest(duty).drafts} == {"proposed"}
    page.locator(".wk-draft").nth(2).focus()
    page.keyboard.press("a")
    told(page, "approved by ada")
    assert [draft.state for draft in latest(duty).drafts][:3] == ["proposed", "proposed", "approved"]


def test_a_verdict_is_recorded_with_what_it_was(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty)))
    page.keyboard.press("3")
    page.get_by_role("button", name="Record the verdict").click()
    told(page, "say what it was")
    assert latest(duty).verdicts == ()
    page.get_by_label("Or in your own words").fill("the bank was slow")
    page.get_by_label("Since when").fill("12:40:00")
    page.get_by_role("button", name="Record the verdict").click()
    told(page, "wrong, by ada")
    verdict = latest(duty).verdicts[0]
    assert (verdict.judged, verdict.true_cause, verdict.by, verdict.diagnosis) == (
        "wrong",
        "the bank was slow",
        "ada",
        0,
    )
    assert verdict.true_onset is not None
    assert f"{verdict.true_onset:%H:%M:%S}" == "12:40:00"


def test_what_is_chosen_stays_when_the_page_changes_meanwhile(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty)))
    page.keyboard.press("2")
    page.get_by_label("Or in your own words").fill("half of it")
    duty.add(again(latest(duty), "checkout is down."))
    told(page, "Checkout is down.")
    page.get_by_role("button", name="Record the verdict").click()
    told(page, "partly, by ada")
    assert latest(duty).verdicts[0].diagnosis == 0, "it was said of the diagnosis that was on the page then"


def test_a_new_diagnosis_appears_and_what_is_typed_or_opened_stays(
    duty: MadeDuty, chat: HeldChat, serve: "Serve", visit: "Visit"
):
    page = visit(incident(serve(duty, chat)))
    page.locator("#e22 summary", has_text="query").click()
    page.wait_for_selector("#e22 .wk-copyable")
    page.get_by_label("question").fill("is it over, or")
    duty.add(again(latest(duty), "checkout is down."))
    told(page, "Checkout is down.")
    told(page, "more users are affected")
    assert page.get_by_label("question").input_value() == "is it over, or"
    assert page.locator("#e22 .wk-copyable").is_visible()


def test_an_incident_that_is_not_diagnosed_yet_says_so_and_fills_by_itself(serve: "Serve", visit: "Visit"):
    done = recorded_case(BAD, 1, datetime(2026, 5, 5, tzinfo=UTC))
    signal = Signal(kind="alert", at=done.incident.signals[0].at, service="gateway", text="p95 is high")
    window = Window.before(signal.at, 60)
    made = MadeDuty()
    made.add(CaseFile(incident=Incident(id=ID, signals=(signal,), window=window, state="investigating")))
    page = visit(incident(serve(made)))
    told(page, "Why is not known yet")
    made.look_at(ID, "Being looked at since 12:44:35 UTC")
    page.get_by_role("progressbar").wait_for()
    made.look_at(ID, None)
    made.add(done)
    told(page, "deploy 1.3.6 of checkout did it")
    assert page.get_by_role("progressbar").count() == 0


def test_chat_says_what_it_looks_at_and_then_answers(duty: MadeDuty, chat: HeldChat, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty, chat)))
    page.keyboard.press("c")
    page.keyboard.type("is it over?")
    page.keyboard.press("Enter")
    told(page, "Looking at traces of checkout")
    assert page.get_by_text("Not yet").count() == 0
    chat.may_answer.set()
    told(page, "Not yet: p95 of checkout is")
    assert chat.asked == ["is it over?"]
    assert page.locator(".wk-figure-said", has_text="693 ms").get_attribute("title") == "e15: max(p95_ms) (ms)"
    assert page.locator(".wk-answer a[href='#e15']").count() == 1


def test_a_question_is_cancelled(duty: MadeDuty, chat: HeldChat, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty, chat)))
    page.get_by_role("button", name="Is it over?").click()
    told(page, "Looking at traces of checkout")
    page.locator("#chat").get_by_role("button", name="Cancel").click()
    told(page, "Cancelled.")
    assert chat.cancelled.wait(WAIT_SECONDS)


def test_who_may_only_read_cannot_act(duty: MadeDuty, chat: HeldChat, serve: "Serve", visit: "Visit"):
    duty.put_out(parcel(ID), "failed", error="refused")
    page = visit(incident(serve(duty, chat, EVE)))
    told(page, "You may read only")
    told(page, "Nobody has judged it yet")
    told(page, "This needs a token with the scope operate")
    assert page.get_by_label("question").count() == 0
    assert [each.inner_text() for each in page.locator("main button.wk-button").all() if each.is_visible()] == []
    page.locator(".wk-draft").nth(0).focus()
    for key in "laer3c":
        page.keyboard.press(key)
    page.keyboard.press("?")
    keys = page.inner_text("#wk-keys")
    assert "go to now" in keys
    assert "approve" not in keys
    assert (duty.looked_again, duty.deeds(ID)) == ([], [])


def test_who_may_act_no_longer_is_told_so(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    may = {"operate", "read"}
    page = visit(incident(serve(duty, may=lambda _, scope: scope in may)))
    page.wait_for_selector("#sentence")
    may.remove("operate")
    page.get_by_role("button", name="Approve draft 0, ticket").click()
    told(page, "This needs a token with the scope operate")
    page.keyboard.press("l")
    assert (latest(duty).drafts[0].state, duty.looked_again, duty.deeds(ID)) == ("proposed", [], [])


def test_what_cannot_be_done_is_said_in_words(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty)))
    page.wait_for_selector("#sentence")
    page.get_by_role("button", name="Edit draft 0, ticket").click()
    duty.approve(ID, 0, "bob")
    page.get_by_role("button", name="Save").click()
    told(page, "Draft 0 of INC-2026-0001 is approved already")


def test_an_incident_is_looked_at_again_and_moved(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty)))
    page.wait_for_selector("#sentence")
    page.keyboard.press("l")
    told(page, "ada looked again")
    page.get_by_role("button", name="Resolved").click()
    close = page.get_by_role("button", name="Close", exact=True)
    close.click()
    # One that is resolved can be reopened too: what tells that it is closed is that it cannot be closed any more.
    close.wait_for(state="detached")
    assert (duty.looked_again, latest(duty).incident.state) == ([ID], "closed")


def test_a_delivery_that_may_have_arrived_is_sent_again(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    duty.put_out(parcel(ID), "uncertain", error="the connection broke")
    page = visit(incident(serve(duty)))
    told(page, "may or may not have arrived")
    page.get_by_role("button", name="Send again").click()
    told(page, "waiting to be sent")
    assert duty.parcels(ID)[0].state == "waiting"


def test_there_is_no_such_incident(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(f"{serve(duty)}/incidents/INC-2026-0999")
    told(page, "there is no case INC-2026-0999")


def test_records_that_cannot_be_read_are_said_and_the_page_stays(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(duty)))
    page.wait_for_selector("#sentence")
    duty.breaks("records: the database is locked")
    told(page, "the database is locked")
    assert page.locator("#sentence").is_visible()
    page.get_by_role("button", name="Resolved").click()
    told(page, "Records: the database is locked")


@pytest.mark.parametrize("name", [BAD, "crash-cart", "nothing-19"])
def test_nothing_scrolls_sideways_on_a_phone(name: str, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(recorded_duty(name))).replace("2026", f"{datetime.now(UTC).year}"), PHONE)
    page.wait_for_selector("#sentence")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_hostile_text_stays_text_everywhere_and_the_page_stays_usable(serve: "Serve", visit: "Visit"):
    made, chat = MadeDuty(), HeldChat(HOSTILE + MEGABYTE)
    chat.may_answer.set()
    made.add(hostile(recorded_case(BAD, 1, datetime(2026, 5, 5, tzinfo=UTC))))
    made.take_in(hostile_alert(alert()), "opened", ID, HOSTILE)
    made.put_out(parcel(ID, title=HOSTILE), "failed", error=HOSTILE)
    made.steps = (HOSTILE, f"run `{MARKUP} now`")
    page = visit(incident(serve(made, chat)))
    page.wait_for_selector("#sentence")
    page.get_by_label("question").fill(HOSTILE)
    page.keyboard.press("Enter")
    page.wait_for_selector(".wk-answer")
    for summary in page.locator("summary").all():
        if summary.is_visible():
            summary.click()
    page.wait_for_selector(".wk-draft-text")
    page.get_by_role("button", name="Edit draft 1, incident report").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    foreign = "main script, main img, main iframe, main [onerror], main [onload], main svg svg"
    assert page.locator(foreign).count() == 0
    assert page.evaluate("window.pwned") is None
    shown = page.inner_text("main")
    assert "<script>window.pwned=1</script>" in shown
    assert not set(shown) & set("\x00\x1b\u202e\u2066")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("window.innerWidth")
    page.get_by_role("button", name="Resolved").click()
    page.get_by_role("button", name="Reopen").wait_for()
    assert made.case(ID).incident.state == "resolved"
