"""The pages in a browser: they keep themselves true, show hostile text as text, and stay readable everywhere."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from kept_cases import case, diagnosis, inconclusive, verdict
from server.conftest import PHONE
from server.made_duty import PARTS, MadeDuty, alert, in_state, parcel
from watchkeeper.domain import CaseFile, Draft
from watchkeeper.server.callers import Caller
from watchkeeper.server.duty import Part
from watchkeeper.server.pages.present import CARDS, LINES

if TYPE_CHECKING:
    from playwright.sync_api import Page

Serve = Callable[..., str]
Visit = Callable[..., "Page"]
ADDRESSES = ("/", "/accuracy")
HOSTILE = (
    "<script>window.planted = 1</script><img src=x onerror='window.planted = 2'>"
    "\x1b[31mred\x1b[0m \u202egnirts\u202c nul\x00nul ${window.planted = 3} {{ 7 * 7 }} `'\" javascript:alert(1) "
)
LONG = HOSTILE + "x" * 1_000_000
"""What may stand in any text that comes from outside."""
NOTHING_SEEN = Part(name="telemetry", is_well=False, is_needed=True, says="Nothing has reported for 9 minutes.")


def expect(what: object) -> object:
    from playwright.sync_api import expect as expected

    return expected(what)  # type: ignore[call-overload]


def severe(made: CaseFile, severity: str) -> CaseFile:
    return made.model_copy(update={"incident": made.incident.model_copy(update={"severity": severity})})


def drafted(made: CaseFile) -> CaseFile:
    return made.model_copy(update={"drafts": (Draft(kind="ticket", title="cart is slow", text="It is slow."),)})


def scrolls_sideways(page: "Page") -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


# The page now


def test_an_incident_appears_without_reload(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    page = visit(serve(duty))
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is wrong")
    page.evaluate("window.was_here = true")
    duty.add(drafted(case(1)))
    expect(page.get_by_role("heading", level=1)).to_have_text("1 incident is open")
    expect(page.locator("#INC-2026-0001")).to_contain_text("cart is slow")
    assert page.evaluate("window.was_here") is True


def test_a_card_says_what_is_wrong_how_sure_and_what_is_to_be_decided(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    duty.add(drafted(case(1)))
    duty.put_out(parcel("INC-2026-0001"), "uncertain")
    card = visit(serve(duty)).locator("#INC-2026-0001")
    for text in ("P2", "cart", "quite sure, 80%", "no release did it", "1 draft to approve", "1 delivery uncertain"):
        expect(card).to_contain_text(text)


def test_the_most_severe_stands_first_and_the_later_before_the_earlier(serve: Serve, visit: Visit) -> None:
    duty, noon = MadeDuty(), datetime(2026, 5, 4, 12, tzinfo=UTC)
    duty.add(severe(case(1, noticed=noon), "P4"))
    duty.add(severe(case(2, noticed=noon), "P1"))
    duty.add(severe(case(3, noticed=noon + timedelta(hours=1)), "P1"))
    found = visit(serve(duty)).locator("#incidents a")
    assert [each.get_attribute("id") for each in found.all()] == ["INC-2026-0003", "INC-2026-0002", "INC-2026-0001"]


def test_an_alert_is_shown_with_what_became_of_it(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    page = visit(serve(duty))
    duty.take_in(alert(name="TargetDown", service="cart"), "cooled", None, "diagnosed 3 min ago")
    expect(page.locator("#alert-1")).to_contain_text("not looked into anew: diagnosed 3 min ago")


def test_an_incident_that_ends_is_listed_as_over(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    duty.add(case(1))
    page = visit(serve(duty))
    duty.move("INC-2026-0001", "resolved", "ada")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is wrong")
    expect(page.locator("#over")).to_contain_text("INC-2026-0001")


def test_where_nothing_can_be_seen_no_incident_is_not_called_health(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    duty.set_parts((NOTHING_SEEN, *PARTS[1:]))
    page = visit(serve(duty))
    expect(page.get_by_role("heading", level=1)).to_have_text("No incident is open")
    expect(page.locator("#content")).to_contain_text("Nothing has reported for 9 minutes.")


def test_where_nothing_has_come_in_yet_it_says_what_to_do_next(serve: Serve, visit: Visit) -> None:
    base = serve(MadeDuty())
    main = visit(base).locator("#content")
    expect(main).to_contain_text("watchkeeper drill run bad-deploy")
    expect(main).to_contain_text(f"{base}/v1/alerts/alertmanager")


def test_of_ten_thousand_incidents_a_bounded_number_is_read_and_shown(serve: Serve, visit: Visit) -> None:
    duty, one = MadeDuty(), case(1)
    for number in range(1, 10_001):
        incident = one.incident.model_copy(update={"id": f"INC-2026-{number:04d}"})
        duty.add(one.model_copy(update={"incident": incident}))
    page = visit(serve(duty))
    expect(page.get_by_role("heading", level=1)).to_have_text("10,000 incidents are open")
    assert page.locator("#incidents .wk-card").count() == CARDS
    assert page.locator("#incidents .wk-line").count() == LINES
    expect(page.locator("#incidents")).to_contain_text("and 9,880 others, less severe or older")
    assert duty.read_whole == [], "a case file is large"


# The page accuracy


def test_without_a_verdict_it_says_how_to_give_one(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    duty.add(case(1))
    main = visit(f"{serve(duty)}/accuracy").locator("#content")
    expect(main).to_contain_text("No verdicts yet")
    expect(main).to_contain_text("watchkeeper verdict INC-2026-0001 confirmed")


def test_a_verdict_counts_without_reload(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    for number in range(1, 4):
        duty.add(case(number))
    duty.add(case(4, inconclusive()))
    page = visit(f"{serve(duty)}/accuracy")
    duty.judge("INC-2026-0001", verdict("confirmed", ticket="valid"))
    duty.judge("INC-2026-0002", verdict("wrong"))
    expect(page.locator("#content")).to_contain_text("1 of 2, 9% to 91%")
    expect(page.locator("#counts")).to_contain_text(re.compile("1wrong.*1not judged.*1abstained"))
    expect(page.locator("#weeks")).to_contain_text("2026-W19")
    expect(page.locator("#calibration")).to_contain_text("1 of 2, 50% [9% to 91%]")
    expect(page.locator(".wk-chart svg")).to_have_count(2)


# What holds on every page


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(serve: Serve, visit: Visit, address: str, scheme: str) -> None:
    duty = hostile_duty()
    duty.judge("INC-2026-0001", verdict())
    page = visit(f"{serve(duty)}{address}", PHONE, scheme)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert not scrolls_sideways(page)


def test_dark_and_light_follow_the_system_until_one_is_chosen(serve: Serve, visit: Visit) -> None:
    page = visit(serve(MadeDuty()), scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ground)
    assert dark != light
    page.locator("[data-wk-theme]").click()
    assert page.evaluate(ground) == dark
    page.reload()
    page.wait_for_function("window.did_handshake === true")
    assert page.evaluate(ground) == dark
    assert page.evaluate("document.body.classList.contains('body--dark')")


def hostile_duty() -> MadeDuty:
    """A duty in which every text that can come from outside is hostile and long."""
    duty = MadeDuty()
    said = diagnosis(component=LONG).model_copy(update={"headline": LONG})
    duty.add(drafted(case(1, said, service=LONG)))
    duty.add(in_state(case(2, said, service=LONG), "resolved"))
    duty.add(case(3, said, service="y" * 300))
    labels = {"<b>a</b>": LONG}
    hostile = alert(name=HOSTILE, service=LONG, text=HOSTILE, **labels)
    duty.take_in(hostile, "opened", "INC-2026-0001", LONG)
    duty.take_in(alert(name="w" * 256, service="s" * 500), "ignored", None, "r" * 5000)
    duty.set_parts([*PARTS, Part(name=LONG, is_well=False, is_needed=True, says=LONG)])
    return duty


@pytest.mark.parametrize("address", ADDRESSES)
def test_hostile_text_is_only_ever_text(serve: Serve, visit: Visit, address: str) -> None:
    page = visit(f"{serve(hostile_duty())}{address}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("window.planted") is None
    assert page.locator("#content img, #content script, #content b, #content iframe").count() == 0
    if address == "/":
        expect(page.locator("#INC-2026-0001")).to_contain_text("<script>window.planted = 1</script>")
        expect(page.locator("#INC-2026-0001")).to_contain_text("{{ 7 * 7 }}")
    shown = page.locator("body").inner_text()
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e]", shown)
    assert len(shown) < 20_000


def test_while_the_records_cannot_be_read_a_banner_says_so_and_what_was_seen_stays(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    duty.add(case(1))
    page = visit(serve(duty))
    banner = page.locator(".wk-banner")
    expect(banner).to_be_hidden()
    duty.breaks("records: the database is locked")
    expect(banner).to_have_text(
        re.compile(r"The records cannot be read since \d\d:\d\d UTC: records: the database is locked\. What you see")
    )
    expect(page.locator("#INC-2026-0001")).to_be_visible()
    duty.works()
    duty.add(case(2))
    expect(page.locator("#INC-2026-0002")).to_be_visible()
    expect(banner).to_be_hidden()


def test_a_page_opened_while_the_records_cannot_be_read_comes_back_by_itself(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    duty.add(case(1))
    duty.breaks()
    page = visit(serve(duty))
    expect(page.get_by_role("heading", level=1)).to_have_text("The records cannot be read")
    duty.works()
    expect(page.locator("#INC-2026-0001")).to_be_visible()


def test_keys_move_in_the_list_open_and_go_elsewhere(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    duty.add(severe(case(1), "P1"))
    duty.add(severe(case(2), "P3"))
    base = serve(duty)
    page = visit(base)
    page.keyboard.press("j")
    expect(page.locator("#INC-2026-0001")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("#INC-2026-0002")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{base}/incidents/INC-2026-0001")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url(f"{base}/accuracy")
    page.keyboard.press("g")
    page.keyboard.press("n")
    page.wait_for_url(f"{base}/")


def test_the_second_key_of_a_sequence_does_not_do_what_it_does_alone(serve: Serve, visit: Visit) -> None:
    duty = MadeDuty()
    duty.add(drafted(case(1)))
    base = serve(duty)
    page = visit(f"{base}/incidents/INC-2026-0001")
    assert page.locator("[data-wk-key=a]").count() >= 1
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url(f"{base}/accuracy")
    assert [each.draft.state for each in duty.drafts("INC-2026-0001")] == ["proposed"]


def test_the_keys_are_told_by_a_question_mark(serve: Serve, visit: Visit) -> None:
    page = visit(serve(MadeDuty()))
    page.keyboard.press("?")
    expect(page.locator("#wk-keys")).to_contain_text("go to accuracy")
    page.keyboard.press("?")
    expect(page.locator("#wk-keys")).to_be_hidden()


def test_who_is_signed_in_is_shown_and_can_sign_out(serve: Serve, visit: Visit) -> None:
    page = visit(serve(MadeDuty(), caller=Caller(name=HOSTILE, scopes=frozenset(("read",)))))
    expect(page.locator(".wk-caller")).to_contain_text("<script>")
    expect(page.locator("form[method=post][action='/signout'] button")).to_have_text("sign out")


# What is answered without a browser


@pytest.mark.parametrize(
    ("address", "status", "sentence"),
    [
        ("/", 200, "Nothing is wrong"),
        ("/nowhere", 404, "There is no such page"),
        ("/incidents/<b>", 404, "There is no such thing here"),
    ],
)
def test_an_address_is_answered_with_a_page(serve: Serve, address: str, status: int, sentence: str) -> None:
    answer = httpx.get(f"{serve(MadeDuty())}{address}")
    assert (answer.status_code, sentence in answer.text) == (status, True)


def test_an_unknown_address_of_the_api_is_answered_as_the_api_answers(serve: Serve) -> None:
    answer = httpx.get(f"{serve(MadeDuty())}/v1/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_who_may_not_read_sees_nothing(serve: Serve) -> None:
    duty = MadeDuty()
    duty.add(case(1))
    base = serve(duty, caller=Caller(name="sender", scopes=frozenset(("ingest",))))
    for address in (*ADDRESSES, "/incidents/INC-2026-0001"):
        answer = httpx.get(f"{base}{address}")
        assert (answer.status_code, "cart" in answer.text) == (403, False)


class Buggy(MadeDuty):
    """Breaks in a way that nobody thought of."""

    def mark(self) -> str:
        raise ZeroDivisionError("secret detail")


def test_a_bug_shows_one_sentence_and_no_trace(serve: Serve) -> None:
    answer = httpx.get(serve(Buggy()))
    assert answer.status_code == 500
    assert "its log has the reason" in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert "secret detail" not in answer.text
