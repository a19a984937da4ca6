"""The chat beside the incident: a question, its progress, the answer with where its figures are from."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from nicegui import ui
from nicegui.element import Element

from watchkeeper.chat.answering import Turn
from watchkeeper.chat.conversation import Conversation
from watchkeeper.chat.replies import Reply, Said
from watchkeeper.errors import WatchkeeperError
from watchkeeper.server.chat import Answering
from watchkeeper.server.pages.incident.pieces import block, button, cite, copyable, gone, tell_as_is
from watchkeeper.server.pages.incident.view.told import Stretch, stretches_of
from watchkeeper.server.pages.incident.visit import NEEDS_OPERATE, Visit
from watchkeeper.server.pages.pieces import box, heading, named, tell
from watchkeeper.server.pages.shell import BUG
from watchkeeper.server.places import Places
from watchkeeper.telemetry.sources import Cancel

NO_CHAT = "Chat is not set up on this server."
LONGEST = 2000
"""Characters of a question."""
STEPS = 6
"""Lines of progress that stay in view."""
_log = structlog.get_logger()


@dataclass(frozen=True)
class Asking:
    """Who answers, and in which places: there are only so many, whoever asks."""

    chat: Answering
    places: Places

    def answer(self, question: str, conversation: Conversation, say: Callable[[str], None], cancel: Cancel) -> Turn:
        """One answer; raises QueueFull while no place is free."""
        with self.places.one():
            return self.chat.answer(question, conversation, say=say, cancel=cancel)


class Talk:
    """One conversation, kept as long as the page is open."""

    def __init__(self, visit: Visit, chat: Asking | None) -> None:
        self._visit, self._chat = visit, chat
        self._conversation = Conversation(case_id=visit.incident_id)
        self._cancel: Cancel | None = None
        off = NO_CHAT if chat is None else "" if visit.may_operate else NEEDS_OPERATE
        with named(box("wk-talk", "aside"), id="chat", aria_label="chat about this incident"):
            heading("Ask about it")
            self._said = named(box("wk-talk-said"), aria_live="polite")
            self._suggested = box("wk-row wk-suggested")
            self._field(off)
        self._off = off
        self.redraw()

    def _field(self, off: str) -> None:
        if off:
            tell(off, "wk-small wk-muted")
            return
        with box("wk-talk-field"):
            self._question = ui.textarea(placeholder="Ask in your own words").props("outlined dense autogrow rows=1")
            self._question.props(f"maxlength={LONGEST}").classes("wk-field")
            named(self._question, aria_label="question")
            self._question.on("keydown.enter.exact.prevent", self._asked, [])
            with box("wk-row"):
                self._send = button("Ask", self._asked, css="wk-button-main")
                self._stop = button("Cancel", self._stopped)
            focus = named(box("wk-unseen", "button"), type="button", tabindex="-1", data_wk_key="c", aria_hidden="true")
        # In the browser, so that what is typed right after the key is not lost on the way.
        focus.on("click", js_handler="() => document.querySelector('#chat textarea').focus()")
        self._stop.set_visibility(False)

    def redraw(self) -> None:
        """Offer questions that suit what is known now."""
        self._suggested.clear()
        if self._off or self._said.default_slot.children:
            return
        with self._suggested:
            for text in self._visit.page.questions:
                button(text, self._asker(text), css="wk-suggestion")

    def _asker(self, text: str) -> "Callable[[], object]":
        async def ask() -> None:
            await self.ask(text)

        return ask

    async def _asked(self, _: object = None) -> None:
        text = str(self._question.value or "").strip()
        if text and self._cancel is None:
            self._question.value = ""
            await self.ask(text)

    def _stopped(self) -> None:
        if self._cancel is not None:
            self._cancel.cancel()

    async def ask(self, question: str) -> None:
        """Answer one question; nothing else is asked meanwhile."""
        if self._cancel is not None or self._chat is None:
            return
        cancel = self._cancel = Cancel()
        self._suggested.clear()
        with self._said, box("wk-turn") as turn:
            tell(question, "wk-question-said", limit=LONGEST)
            progress = named(box("wk-steps-said"), role="status")
        self._busy(True)
        try:
            if not await asyncio.to_thread(self._visit.may, self._visit.caller, "operate"):
                _fail(turn, NEEDS_OPERATE)
                return
            answered = await self._answered(question, progress, cancel)
            if not gone(turn):
                self._conversation = answered.conversation
                self._show(turn, answered.reply)
        except WatchkeeperError as error:
            _fail(turn, "Cancelled." if cancel.is_cancelled else str(error))
        except Exception:  # noqa: BLE001  a person sees one sentence, the log has the trace
            _log.exception("a question could not be answered", incident=self._visit.incident_id)
            _fail(turn, BUG)
        finally:
            self._cancel = None
            if not gone(turn):
                progress.set_visibility(False)
                self._busy(False)

    async def _answered(self, question: str, progress: Element, cancel: Cancel) -> Turn:
        assert self._chat is not None, "nothing is asked without a chat"
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(_step, progress, text, cancel)

        return await asyncio.to_thread(self._chat.answer, question[:LONGEST], self._conversation, say, cancel)

    def _busy(self, is_busy: bool) -> None:
        self._stop.set_visibility(is_busy)
        self._send.set_visibility(not is_busy)

    def leave(self) -> None:
        """Nobody waits for the answer any more."""
        if self._cancel is not None:
            self._cancel.cancel()

    def _show(self, turn: Element, reply: Reply) -> None:
        known = self._visit.page.proof.known
        with turn, box("wk-answer"):
            _sentence(reply.taken_as, known, "wk-small wk-muted")
            for said in reply.sentences:
                _sentence(said, known)
            if reply.steps:
                with box("wk-steps", "ol"):
                    for said in reply.steps:
                        _sentence(said, known, tag="li")
            for said in reply.cannot:
                _sentence(said, known, "wk-cannot", lead="Cannot be known: ")
            if reply.draft:
                block(reply.draft, "wk-draft-text", "div")
            _shown(reply)
            for said in reply.notes:
                _sentence(said, known, "wk-small wk-muted")
            if reply.asks_back:
                _sentence(reply.asks_back, known, "wk-strong")
        ui.run_javascript(f"getHtmlElement({turn.id})?.scrollIntoView({{block: 'nearest'}})")


def _step(progress: Element, text: str, cancel: Cancel) -> None:
    """One line of progress; the oldest make room."""
    if cancel.is_cancelled or gone(progress):
        return
    with progress:
        tell(text, "wk-small wk-muted", limit=200)
    children = list(progress.default_slot.children)
    for child in children[:-STEPS]:
        child.delete()


def _fail(turn: Element, text: str) -> None:
    if not gone(turn):
        with turn:
            tell(text[:1].upper() + text[1:], "wk-failed")


def _sentence(said: Said, known: frozenset[str], css: str = "", tag: str = "p", lead: str = "") -> None:
    with box(css, tag):
        if lead:
            tell_as_is(lead)
        for stretch in stretches_of(said):
            _stretch(stretch, known)


def _stretch(stretch: Stretch, known: frozenset[str]) -> None:
    if stretch.cites:
        cite(stretch.cites, known)
        return
    made = tell_as_is(stretch.text, "wk-figure-said" if stretch.source else "")
    if stretch.source:
        named(made, title=stretch.source)


def _shown(reply: Reply) -> None:
    """The piece of evidence that was asked to be shown: its question and query; its rows are on the page."""
    item = next((entry for entry in reply.evidence if entry.id == reply.shown), None)
    if item is not None:
        tell(item.question, "wk-strong")
        copyable(item.query, f"the query of {item.id}")
