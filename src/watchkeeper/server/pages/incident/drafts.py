"""The drafts: read, edited, approved, rejected with a reason; and what became of what was sent."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from nicegui import ui
from nicegui.element import Element

from watchkeeper.domain import Draft
from watchkeeper.drafts.escaping import plain_block
from watchkeeper.server.pages.incident.pieces import block, button, disclosure, outward
from watchkeeper.server.pages.incident.view.drafts import Paper, Sent
from watchkeeper.server.pages.incident.visit import NEEDS_OPERATE, Visit, complain
from watchkeeper.server.pages.pieces import badge, box, heading, named, section, tell
from watchkeeper.server.pages.shell import Key

Field = TypeVar("Field", ui.input, ui.textarea)
LONGEST = 200_000
"""Characters of a text that can be edited on the page."""
_STATES = {"proposed": "wk-p4", "approved": "wk-good", "published": "wk-good", "rejected": "wk-neutral"}
_SENT = {
    "waiting": "wk-neutral",
    "sending": "wk-neutral",
    "delivered": "wk-good",
    "uncertain": "wk-p2",
    "failed": "wk-p1",
}
NONE_CHOSEN = "Choose a draft first: click it, or go to it with the Tab key."


class Dialogs:
    """The two dialogs, kept apart from the list so that drawing it anew does not touch what is being typed."""

    def __init__(self, visit: Visit) -> None:
        self._visit, self._number, self._digest = visit, 0, ""
        self._edited, self._rejected = ui.dialog(), ui.dialog()
        with self._edited, _paper("Edit the draft"):
            self._title = _field(ui.input("Title"))
            self._text = _field(ui.textarea("Text, in Markdown")).props("input-class=wk-editor")
            self._newer = named(box("wk-stack"), id="newer", aria_live="polite")
            self._close(self._edited, "Save", self._save)
        with self._rejected, _paper("Reject the draft"):
            tell("It will not be sent. The reason stays with it.", "wk-muted")
            self._because = _field(ui.textarea("Why")).props("autofocus rows=3")
            self._close(self._rejected, "Reject", self._reject)

    def edit(self, number: int, _: str = "") -> None:
        """Let somebody change the words of a draft that is only proposed."""
        numbered = self._visit.reading.drafts.get(number)
        if numbered is None or not self._may(numbered.draft.state):
            return
        draft = numbered.draft
        if len(draft.text) > LONGEST:
            complain(f"This text is too long to be edited here: {len(draft.text):,} characters.")
            return
        self._number, self._digest = number, numbered.digest
        self._newer.clear()
        self._title.value = plain_block(draft.title, 1000)
        self._text.value = plain_block(draft.text, LONGEST)
        self._edited.open()

    def reject(self, number: int, digest: str = "") -> None:
        """Ask why, then reject what reads so; without a digest, what there is now."""
        numbered = self._visit.reading.drafts.get(number)
        if numbered is None or not self._may(numbered.draft.state):
            return
        self._number, self._digest = number, digest or numbered.digest
        self._because.value = ""
        self._rejected.open()

    async def approve(self, number: int, digest: str = "") -> None:
        """Let a draft leave that reads so; without a digest, as it is now."""
        visit, numbered = self._visit, self._visit.reading.drafts.get(number)
        if numbered is not None and self._may(numbered.draft.state):
            seen = digest or numbered.digest
            deed = partial(visit.duty.approve, visit.incident_id, number, visit.caller.name, seen)
            if not await visit.act(deed, "Approved: it will be delivered."):
                await self._reveal(number, seen)

    def _may(self, state: str) -> bool:
        if not self._visit.may_operate:
            complain(NEEDS_OPERATE)
            return False
        if state != "proposed":
            complain(f"It is {state} already.")
            return False
        return True

    async def _save(self) -> None:
        title, text = str(self._title.value or "").strip(), str(self._text.value or "")
        if not title or not text.strip():
            complain("A draft needs a title and a text.")
            return
        visit, number = self._visit, self._number
        deed = partial(visit.duty.edit, visit.incident_id, number, visit.caller.name, title, text, self._digest)
        if await visit.act(deed, "Saved."):
            self._edited.close()
            return
        await visit.catch_up()
        numbered = visit.reading.drafts.get(number)
        if numbered is not None and numbered.digest != self._digest:
            self._digest = numbered.digest
            self._show_newer(numbered.draft)

    def _show_newer(self, draft: Draft) -> None:
        """What somebody else wrote meanwhile, beside what was typed here."""
        self._newer.clear()
        with self._newer:
            by = f" by {draft.edited_by}" if draft.edited_by else ""
            tell(f"Meanwhile it was changed{by}. This is how it reads now; saving again puts yours in its place.")
            tell(draft.title, "wk-strong")
            block(draft.text, "wk-draft-text", "div")

    async def _reveal(self, number: int, seen: str) -> None:
        """Unfold a draft that somebody changed meanwhile, so that the newer words are read."""
        name, visit = f"draft {number}", self._visit
        was_open = name in visit.opened
        visit.opened.add(name)
        await visit.catch_up()
        numbered = visit.reading.drafts.get(number)
        if not was_open and (numbered is None or numbered.digest == seen):
            visit.opened.discard(name)

    async def _reject(self) -> None:
        because = str(self._because.value or "").strip()
        if not because:
            complain("A rejection needs a reason.")
            return
        visit, number, seen = self._visit, self._number, self._digest
        deed = partial(visit.duty.reject, visit.incident_id, number, visit.caller.name, because, seen)
        if not await visit.act(deed, "Rejected."):
            await self._reveal(number, seen)
            numbered = visit.reading.drafts.get(number)
            if numbered is not None and numbered.digest == seen:
                return
        self._rejected.close()

    @staticmethod
    def _close(dialog: ui.dialog, text: str, do: Callable[[], Awaitable[None]]) -> None:
        with box("wk-row wk-dialog-buttons"):
            button("Cancel", dialog.close)
            button(text, do, css="wk-button-main")


def keys(visit: Visit, dialogs: Dialogs) -> dict[str, Key]:
    """What keys do with the draft that has the focus; none for who may only read."""
    if not visit.may_operate:
        return {}

    async def decide(do: Callable[[int], Awaitable[None] | None]) -> None:
        if visit.draft is None:
            complain(NONE_CHOSEN)
            return
        result = do(visit.draft)
        if isinstance(result, Awaitable):
            await result

    return {
        "a": Key("approve the draft that is chosen", partial(decide, dialogs.approve)),
        "e": Key("edit the draft that is chosen", partial(decide, dialogs.edit)),
        "r": Key("reject the draft that is chosen", partial(decide, dialogs.reject)),
    }


def draw(visit: Visit, dialogs: Dialogs) -> None:
    """All drafts; nothing where there are none."""
    papers = visit.page.papers
    if not (papers.drafts or papers.others):
        return
    with section("Drafts", "drafts"), box("wk-stack"):
        for paper in papers.drafts:
            _draft(visit, dialogs, paper)
        if papers.others:
            tell("Other deliveries", "wk-h3", "h3")
            for sent in papers.others:
                _sent(visit, sent)


def _draft(visit: Visit, dialogs: Dialogs, paper: Paper) -> None:
    label = f"draft {paper.number}: {paper.kind}"
    number = str(paper.number)
    with named(
        box("wk-card wk-draft", "article"), tabindex="0", aria_label=label, data_wk_item=f"draft-{number}"
    ) as made:
        with box("wk-row"):
            badge(paper.kind, "wk-neutral")
            badge(paper.state, _STATES[paper.state])
            tell(f"{paper.audience}; {paper.decided}", "wk-small wk-muted", "span")
        tell(paper.title, "wk-strong wk-draft-title")
        disclosure(visit, f"draft {number}", "read it", lambda: block(paper.text, "wk-draft-text", "div"), "wk-small")
        for sent in paper.sent:
            _sent(visit, sent)
        if paper.is_proposed and visit.may_operate:
            _choices(visit, dialogs, paper)
    made.on("focusin", partial(_chosen, visit, paper.number), [])


def _chosen(visit: Visit, number: int) -> None:
    visit.draft = number


def _choices(visit: Visit, dialogs: Dialogs, paper: Paper) -> None:
    with box("wk-row wk-choices"):
        for text, do, css in (
            ("Approve", dialogs.approve, "wk-approve"),
            ("Edit", dialogs.edit, ""),
            ("Reject", dialogs.reject, ""),
        ):
            describes = f"{text} draft {paper.number}, {paper.kind}"
            button(text, partial(do, paper.number, paper.digest), css=css, describes=describes)


def _sent(visit: Visit, sent: Sent) -> None:
    with box("wk-row wk-sent"):
        badge(sent.says, _SENT[sent.state])
        tell(sent.where, "wk-small", "span")
        if sent.link:
            outward("open it there", sent.link)
        if sent.error:
            tell(sent.error, "wk-small wk-muted", "span")
        if sent.can_be_sent_again and visit.may_operate:
            button("Send again", partial(_send_again, visit, sent.key))


async def _send_again(visit: Visit, key: str) -> None:
    await visit.act(partial(visit.duty.send_again, key, visit.caller.name), "It will be sent again.")


def _paper(title: str) -> Element:
    made = named(box("wk-card wk-dialog"), role="dialog", aria_label=title)
    with made:
        heading(title)
    return made


def _field(made: Field) -> Field:
    made.props("outlined dense stack-label").classes("wk-field")
    return made
