"""A person on call with the real server and a real browser: from signing in to signing out, in the order of a night."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from made_alerts import alert, of
from made_shop import Shop
from own_process import started
from own_prometheus import wait_until
from own_server import ONSET, OwnServer, own_server, require_no_stack_trace, settings_of, telemetry, wait_for_people
from watchkeeper.delivery.fake_jira import FakeJira, running_fake_jira
from watchkeeper.domain import CaseFile

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = Path("/usr/bin/chromium")
BROKEN, VERSION = "checkout", "1.1.0"
PATIENCE_SECONDS = 30.0
OWN_TITLE = "checkout is slow since 1.1.0: roll it back"
OWN_WORDS = "The night shift asks the shop team to roll checkout back."

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium")


@dataclass
class Night:
    """The server on duty, the tracker beside it, and what went wrong in the browser."""

    server: OwnServer
    jira: FakeJira
    context: "playwright.BrowserContext"
    began: datetime
    troubles: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url

    def tab(self, context: "playwright.BrowserContext | None" = None) -> "playwright.Page":
        """A new tab; errors of its scripts and refused contents are kept."""
        page = (context or self.context).new_page()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda said: self.troubles.append(said.text) if "Security Policy" in said.text else None)
        return page

    def post_alert(self, *, is_over: bool = False) -> None:
        """What Alertmanager would say of checkout now."""
        ends = datetime.now(UTC) if is_over else None
        self.server.post_alerts(alert(of(BROKEN, "HighLatency", "critical"), self.began, ends)).raise_for_status()

    @property
    def case(self) -> CaseFile:
        (found,) = self.server.cases()
        return found


def bad_deploy() -> Shop:
    """A version of checkout that is slow from its first request on."""
    shop = Shop(seconds=660, onset=ONSET + 2, per_second=3.0, slow={BROKEN: 400.0})
    shop.deploy(BROKEN, ONSET, VERSION)
    return shop


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, browser: "playwright.Browser") -> Iterator[Night]:
    """A bad deploy of checkout that happens now; the tests after one another are one story about it."""
    home = tmp_path_factory.mktemp("night")
    with running_fake_jira() as jira:
        settings_of(home, jira)
        wait_for_people(home)
        began = telemetry(home, bad_deploy())
        with own_server(home) as server:
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.set_default_timeout(PATIENCE_SECONDS * 1e3)
            yield Night(server, jira, context, began)
            context.close()


@pytest.fixture(scope="module")
def now(night: Night) -> "playwright.Page":
    """The tab in which the person signed in, at *now*."""
    return night.tab()


@pytest.fixture(scope="module")
def incident(night: Night) -> "playwright.Page":
    """A second tab, for the incident."""
    return night.tab()


def made_token(server: OwnServer, name: str, scope: str) -> str:
    """What `watchkeeper token create` prints beside the running server."""
    output = server.home / "made-token"
    process = started(("token", "create", name, "--scope", scope), server.known, output)
    process.join(PATIENCE_SECONDS)
    return output.read_text().split()[-1]


def told(page: "playwright.Page", text: str | re.Pattern[str]) -> None:
    page.get_by_text(text).first.wait_for()


def connected(page: "playwright.Page") -> None:
    page.wait_for_function("window.did_handshake === true")


def test_a_page_asks_who_is_there_and_the_token_of_the_file_opens(night: Night, now: "playwright.Page"):
    now.goto(night.url)
    assert "/signin" in now.url
    now.get_by_label("Token").fill(night.server.token)
    now.get_by_role("button", name="Sign in").click()
    now.wait_for_url(f"{night.url}/")
    connected(now)


def test_it_says_that_nothing_is_wrong(now: "playwright.Page"):
    now.get_by_role("heading", name="Nothing is wrong").wait_for()
    told(now, "Nothing has come in yet")


def test_an_alert_makes_the_incident_appear_and_then_its_diagnosis(night: Night, now: "playwright.Page"):
    now.evaluate("window.was_here = true")
    night.post_alert()
    now.get_by_role("heading", name="1 incident is open").wait_for()
    card = now.locator("#incidents .wk-card")
    card.get_by_text(f"deploy {VERSION} of {BROKEN} did it").wait_for()
    card.get_by_text("draft").first.wait_for()
    assert now.evaluate("window.was_here")


def test_its_page_says_what_why_and_what_to_do(night: Night, now: "playwright.Page", incident: "playwright.Page"):
    incident.goto(night.url + str(now.locator("#incidents .wk-card").get_attribute("href")))
    connected(incident)
    lead = incident.locator(".wk-lead")
    lead.get_by_text(f"release {VERSION} of {BROKEN} did it").wait_for()
    assert "Roll checkout back" in lead.inner_text()
    assert incident.get_by_text("HighLatency").count()


def test_a_question_is_answered_while_one_sees_what_is_looked_at(incident: "playwright.Page"):
    # Progress comes and goes: whatever was ever in it is kept here.
    incident.evaluate(
        """() => { window.steps = []; new MutationObserver(() => {
          for (const line of document.querySelectorAll('.wk-steps-said > *')) window.steps.push(line.textContent);
        }).observe(document.querySelector('#chat'), {childList: true, subtree: true}); }"""
    )
    incident.get_by_label("question").fill("How many users are affected?")
    incident.keyboard.press("Enter")
    answer = incident.locator("#chat .wk-answer")
    answer.wait_for()
    assert re.search(r"checkout: \d+ requests", answer.inner_text()), answer.inner_text()
    assert answer.locator(".wk-cite").count()
    assert incident.evaluate("window.steps.filter(Boolean).length") > 0


def test_the_ticket_waits_for_a_person(night: Night, incident: "playwright.Page"):
    told(incident, "waits for a decision")
    assert night.jira.tickets == []


def test_the_edited_and_approved_ticket_arrives_in_these_words(night: Night, incident: "playwright.Page"):
    incident.evaluate("window.was_here = true")
    incident.get_by_role("button", name="Edit draft 0, ticket").click()
    dialog = incident.get_by_role("dialog", name="Edit the draft")
    dialog.get_by_label("Title").fill(OWN_TITLE)
    text = dialog.get_by_label("Text, in Markdown")
    text.fill(f"{OWN_WORDS}\n\n{text.input_value()}")
    dialog.get_by_role("button", name="Save").click()
    told(incident, re.compile("edited by "))
    incident.get_by_role("button", name="Approve draft 0, ticket").click()
    draft = incident.locator("[data-wk-item=draft-0]")
    draft.get_by_text("delivered as OPS-1").wait_for()
    (ticket,) = night.jira.tickets
    assert ticket.fields["summary"] == OWN_TITLE
    assert OWN_WORDS in ticket.fields["description"]
    link = draft.get_by_role("link", name="open it there")
    assert str(link.get_attribute("href")) == f"{night.jira.url}/browse/OPS-1"
    assert incident.evaluate("window.was_here")


def test_a_verdict_is_kept_and_counted(night: Night, now: "playwright.Page", incident: "playwright.Page"):
    incident.get_by_role("button", name="Confirmed").click()
    incident.get_by_role("button", name="Record the verdict").click()
    told(incident, re.compile("confirmed, by "))
    assert [verdict.judged for verdict in night.case.verdicts] == ["confirmed"]
    now.get_by_role("link", name="accuracy").click()
    connected(now)
    now.get_by_text("1 incident; 1 answer has been judged").wait_for()
    accuracy = now.locator(".wk-figure", has=now.get_by_role("heading", name="Diagnosis accuracy"))
    assert "1 of 1" in accuracy.inner_text()


def test_a_resolved_alert_ends_it_on_the_page_and_in_the_tracker(
    night: Night, now: "playwright.Page", incident: "playwright.Page"
):
    now.goto(night.url)
    connected(now)
    night.post_alert(is_over=True)
    incident.locator(".wk-badges").get_by_text("resolved").wait_for()
    now.get_by_role("heading", name="Nothing is wrong").wait_for()
    assert now.locator("#over .wk-ended").count() == 1
    wait_until(lambda: night.jira.tickets[0].is_done, "that the ticket is done")


def test_a_token_that_may_read_decides_nothing(night: Night, browser: "playwright.Browser"):
    token = made_token(night.server, "eve", "read")
    address = f"/incidents/{night.case.incident.id}"
    context = browser.new_context(extra_http_headers={"authorization": f"Bearer {token}"})
    page = night.tab(context)
    page.goto(f"{night.url}{address}")
    connected(page)
    told(page, "You may read only")
    offered = page.locator(".wk-incident").get_by_role("button", disabled=False)
    named = [text for text in offered.all_inner_texts() if text.strip()]
    context.close()
    assert named == []
    shown = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{night.url}/v1", headers=shown, trust_env=False) as client:
        assert client.get(address).status_code == httpx.codes.OK
        for deed in ("drafts/1/approve", "drafts/1/edit", "drafts/1/reject", "look-again", "verdicts", "state"):
            assert client.post(f"{address}/{deed}", json={}).status_code == httpx.codes.FORBIDDEN


def test_signing_out_closes_the_door_also_of_a_page_that_is_open(
    night: Night, now: "playwright.Page", incident: "playwright.Page"
):
    trail = f"/v1/incidents/{night.case.incident.id}/deeds"
    before = night.server.get(trail)
    now.get_by_role("button", name="sign out").click()
    now.get_by_label("Token").wait_for()
    # Pressed by a script, which does not wait: the page may be gone already.
    incident.evaluate("document.querySelector('[data-wk-key=l]')?.click()")
    incident.get_by_label("Token").wait_for()
    assert night.server.get(trail) == before


def test_no_script_failed_and_nothing_was_refused(night: Night):
    assert night.troubles == []
    require_no_stack_trace(night.server)
