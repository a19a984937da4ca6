"""`watchkeeper ask` and `chat` as they are typed."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from watchkeeper import library
from watchkeeper.chat.intents import Intent
from watchkeeper.chat.replies import Reply, Said
from watchkeeper.cli import chat

RECORDING = str(library.HOME / "evals" / "incidents" / "bad-deploy-checkout")
Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Type:
    """Runs `ask` or `chat` with some words; answers exit code, stdout and stderr."""
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(_config)
    app.command("ask")(chat.ask)
    app.command("chat")(chat.chat)

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            app(list(words))
        shown = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, shown.out, shown.err

    return run


def _config(context: typer.Context) -> None:
    context.obj = None


def widest(text: str) -> int:
    return max(len(line) for line in text.splitlines())


def test_an_answer_fits_the_terminal_and_names_case_and_evidence(typed: Type, home: Path) -> None:
    code, out, err = typed("ask", "why is chekout slow since noon?", "--from", RECORDING)
    assert (code, widest(out) <= 80) == (0, True)
    assert out.startswith("Taken as: why is checkout in trouble, since 12:00:00 UTC")
    assert "deploy 1.3.6 of checkout did it" in " ".join(out.split())
    assert "watchkeeper case show INC-2026-0001" in out
    assert "Diagnosing" in err
    assert (home / "cases" / "INC-2026-0001" / "case.json").exists()


def test_a_question_that_cannot_be_answered_exits_otherwise(typed: Type) -> None:
    code, out, _ = typed("ask", "compare with yesterday", "--from", RECORDING)
    assert code == 3
    assert "there is no telemetry of" in out
    assert widest(out) <= 80


def test_json_is_the_reply_and_the_conversation(typed: Type) -> None:
    code, out, _ = typed("ask", "who deployed?", "--from", RECORDING, "--json")
    turn = json.loads(out)
    assert (code, out.isascii()) == (0, True)
    assert turn["reply"]["evidence"][0]["id"] == "e1"
    assert set(turn) == {"reply", "conversation"}


def test_a_case_that_was_made_is_asked_about_later(typed: Type) -> None:
    typed("ask", "what is wrong?", "--from", RECORDING)
    code, out, _ = typed("ask", "show the evidence for e12", "--from", RECORDING, "--case", "INC-2026-0001")
    assert (code, widest(out) <= 80) == (0, True)
    assert "What is done more often per request?" in out
    assert "Row 1" in out


def test_a_moment_may_be_named(typed: Type) -> None:
    _, out, _ = typed("ask", "how is cart?", "--from", RECORDING, "--at", "2026-11-21T12:43:30Z")
    assert "12:43:30 UTC" in out


def test_what_is_no_case_and_two_sources_are_bad_arguments(typed: Type) -> None:
    code, _, err = typed("ask", "is it over?", "--from", RECORDING, "--case", "one")
    assert (code, "such as INC-2026-0042" in " ".join(err.split())) == (2, True)
    assert typed("ask", "x", "--from", RECORDING, "--store", "http://127.0.0.1:9")[0] == 2


def test_a_chat_is_piped_in_and_goes_on_after_what_cannot_be_answered(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ("what is wrong?", "", "hm", "show the evidence for e999", "draft the ticket", "is it over?")
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    code, out, err = typed("chat", "--from", RECORDING)
    assert (code, out.count("Taken as: ")) == (0, 5)
    assert "There is no e999" in out
    assert "It is not over" in out
    assert "INC-2026-0002" not in out
    assert "Traceback" not in out + err


def test_a_chat_ends_when_it_is_told_to(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("exit\nwhat is wrong?\n"))
    assert typed("chat", "--from", RECORDING)[:2] == (0, "")


def test_text_from_outside_is_made_harmless() -> None:
    hostile = Said(text="\x1b]0;owned\x07 checkout \u202e is slow")
    reply = Reply(taken_as=hostile, sentences=(hostile,), draft="\x1b[2J#", intent=Intent(kind="cause"))
    shown = chat.reply_text(reply)
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)
