"""Notices to a webhook behind a real socket."""

import json
from collections.abc import Iterator

import pytest

from delivery.made_parcels import HOSTILE, INCIDENT, PAGE, parcel, policy
from drafts.drafted_cases import ASSIGNED, CATALOGUE, NOW, case_of, diagnosed
from watchkeeper.delivery.fake_slack import FakeSlack, running_fake_slack
from watchkeeper.delivery.loopback import Mishap
from watchkeeper.delivery.retrying import Quickly
from watchkeeper.delivery.slack import SlackTarget
from watchkeeper.drafts import escaping
from watchkeeper.drafts.writing import write_drafts
from watchkeeper.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain

SOON_SECONDS, ENOUGH_SECONDS = 0.4, 20.0
NOTICE = parcel("notice", target="slack", text="**P2 INC-2026-0001: Slow**\n\nIt is `slow`.\n")


@pytest.fixture
def fake() -> Iterator[FakeSlack]:
    with running_fake_slack() as running:
        yield running


def target(url: str, seconds: float = ENOUGH_SECONDS) -> SlackTarget:
    channels = {"P1": "#incidents", "P2": ""}
    return SlackTarget(url, channels, seconds, policy(page=PAGE).page_of, Quickly(sleep=lambda _: None))  # type: ignore[arg-type]


def test_a_notice_has_a_headline_the_text_and_a_link_to_our_page(fake: FakeSlack) -> None:
    target(fake.url).deliver(NOTICE, None)
    (message,) = fake.messages
    texts = [block["text"]["text"] for block in message["blocks"]]
    assert texts == ["Slow responses in cart", "It is `slow`.", f"<{PAGE.format(incident=INCIDENT)}>"]
    assert message["text"] == "P2 INC-2026-0001: Slow responses in cart"


def test_for_whom_a_notice_is_stands_there_in_words(fake: FakeSlack) -> None:
    target(fake.url).deliver(NOTICE.model_copy(update={"severity": "P1"}), None)
    target(fake.url).deliver(NOTICE.model_copy(update={"fields": {"channels": "#shop"}}), None)
    assert [each["blocks"][-1]["elements"][0]["text"] for each in fake.messages] == ["For #incidents", "For #shop"]


def test_a_webhook_cannot_be_asked(fake: FakeSlack) -> None:
    slack = target(fake.url)
    assert not slack.can_find
    with pytest.raises(LookupError):
        slack.find(NOTICE, None)


@pytest.mark.parametrize("mishap", ["lost", "silent"])
def test_a_notice_that_was_sent_and_not_answered_is_uncertain(fake: FakeSlack, mishap: Mishap) -> None:
    fake.mishaps.plan(mishap)
    with pytest.raises(DeliveryUncertain):
        target(fake.url, SOON_SECONDS).deliver(NOTICE, None)
    assert (len(fake.messages), fake.posts) == (1, 1)


@pytest.mark.parametrize(("mishap", "seconds"), [("error", 0), ("busy", 7)])
def test_a_slack_that_cannot_now_is_asked_later(fake: FakeSlack, mishap: Mishap, seconds: float) -> None:
    fake.mishaps.plan(mishap)
    with pytest.raises(DeliveryFailed, match="cannot take it now") as failed:
        target(fake.url).deliver(NOTICE, None)
    assert not isinstance(failed.value, DeliveryRefused | DeliveryUncertain)
    assert failed.value.after_seconds == seconds


@pytest.mark.parametrize("mishap", ["rejected", "forbidden"])
def test_a_slack_that_says_no_is_refused(fake: FakeSlack, mishap: Mishap) -> None:
    fake.mishaps.plan(mishap)
    with pytest.raises(DeliveryRefused):
        target(fake.url).deliver(NOTICE, None)


def test_a_webhook_that_does_not_exist_is_refused(fake: FakeSlack) -> None:
    with pytest.raises(DeliveryRefused, match="no_service"):
        target(f"{fake.url}x").deliver(NOTICE, None)


@pytest.mark.parametrize("url", ["no-url-but-secret", "http://[secret", "http://127.0.0.1:1/secret"])
def test_no_message_repeats_the_webhook(url: str) -> None:
    with pytest.raises(DeliveryFailed) as failed:
        target(url).deliver(NOTICE, None)
    assert "secret" not in f"{failed.value!r} {failed.value.__cause__!r}"


def test_hostile_text_is_taken_and_mentions_nobody(fake: FakeSlack) -> None:
    quoting = diagnosed(headline=HOSTILE, suggested_fix=HOSTILE, gaps=(HOSTILE,) * 50)
    text = write_drafts(case_of(quoting, assignment=ASSIGNED), CATALOGUE, NOW)[0].text
    target(fake.url).deliver(NOTICE.model_copy(update={"title": HOSTILE, "text": text}), None)
    message = fake.messages[0]
    shown = json.dumps(message, ensure_ascii=False)
    assert "<!" not in shown.replace(message["blocks"][0]["text"]["text"], "")
    assert f"@{escaping.BREAK}here" in shown
    assert message["blocks"][0]["text"]["type"] == "plain_text"
