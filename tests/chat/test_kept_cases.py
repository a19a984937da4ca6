"""Cases that answers are taken from: the latest of the live store, none of a recording's, none that was cut short."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from recorded_chats import Recorded
from watchkeeper import settings
from watchkeeper.assembly.chat import Chat
from watchkeeper.chat.conversation import Conversation
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.telemetry.sources import Cancel


@pytest.fixture
def live(bad_deploy: Recorded, home: Path) -> Chat:
    """The recorded bad deploy as if it were the live store, at its end."""
    return Chat(settings.load(None), bad_deploy.sources, at=bad_deploy.now)


def test_without_a_conversation_the_latest_case_is_the_one_that_may_be_over(live: Chat) -> None:
    first = live.answer("what is wrong?", Conversation()).reply
    second = live.answer("is it over?", Conversation()).reply
    assert first.case_id == second.case_id == "INC-2026-0001"
    assert second.sentences[0].text == "It is not over: symptoms still stand out."


def test_a_case_goes_on_as_time_does(live: Chat, bad_deploy: Recorded) -> None:
    before = replace(live, at=bad_deploy.now - timedelta(seconds=30))
    first = before.answer("what is wrong?", Conversation())
    later = live.answer("what is wrong?", first.conversation).reply
    assert later.case_id == first.reply.case_id


def test_a_case_of_a_recording_is_no_case_of_the_live_store(live: Chat) -> None:
    made = replace(live, is_recording=True).answer("what is wrong?", Conversation()).reply
    with pytest.raises(QueryRejected, match="was diagnosed from a recording: name it with --from"):
        live.answer("is it over?", Conversation(case_id=made.case_id))


def test_what_was_cut_short_is_not_kept(live: Chat, home: Path) -> None:
    cancel = Cancel()

    def say(text: str) -> None:
        if text.startswith("Diagnosing"):
            cancel.cancel()

    with pytest.raises(SourceUnavailable, match="was cancelled"):
        live.answer("what is wrong?", Conversation(), say=say, cancel=cancel)
    assert list((home / "cases").glob("*/case.json")) == []


def test_what_must_not_leave_is_taken_out_of_the_answer(bad_deploy: Recorded, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "watchkeeper.yaml").write_text("redaction: {extra_patterns: ['mira[.]holm']}\n")
    chat = Chat(settings.load(None), bad_deploy.sources, is_recording=True)
    turn = chat.answer("who deployed?", Conversation())
    assert "[redacted:custom]" in turn.reply.sentences[1].text
    assert "mira.holm" not in turn.reply.model_dump_json()
