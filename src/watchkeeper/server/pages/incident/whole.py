"""The page of an incident put together: its blocks in order, and each drawn anew only when what it says has changed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from nicegui import ui
from nicegui.element import Element

from watchkeeper.domain import IncidentId
from watchkeeper.server.callers import Caller
from watchkeeper.server.duty import Duty
from watchkeeper.server.pages.incident import (
    affected,
    audit,
    drafts,
    evidence,
    fix,
    head,
    hypotheses,
    timeline,
    topology,
)
from watchkeeper.server.pages.incident.graphs import Pictures
from watchkeeper.server.pages.incident.talk import Asking, Talk
from watchkeeper.server.pages.incident.verdict import Judge
from watchkeeper.server.pages.incident.view import Page
from watchkeeper.server.pages.incident.visit import May, Visit, read
from watchkeeper.server.pages.pieces import box
from watchkeeper.server.pages.shell import key_told, keys, live

_KEYS = {"c": "ask in chat", "l": "look again", "1 / 2 / 3": "verdict: confirmed, partly, wrong"}
_HERE = Path(__file__).parent


@dataclass
class _Block:
    """A part of the page, and what it said when it was drawn last."""

    into: Element | None
    """What it is drawn into; None for a part that draws itself anew where it is."""
    draw: Callable[[], object]
    says: Callable[[Page], object]
    said: object = None

    def fill(self, page: Page) -> None:
        """Draw it, unless it says the same."""
        says = self.says(page)
        if says == self.said:
            return
        self.said = says
        if self.into is None:
            self.draw()
            return
        self.into.clear()
        with self.into:
            self.draw()


async def show(duty: Duty, chat: Asking | None, caller: Caller, incident_id: IncidentId, may: May) -> None:
    """Fill the page of one incident, and keep it true; call it inside the page's frame.

    Raises QueryRejected where there is no such incident, RecordsUnavailable where nothing can be read.
    """
    reading = await asyncio.to_thread(read, duty, incident_id)
    blocks: list[_Block] = []

    async def refresh() -> None:
        visit.reading = await asyncio.to_thread(read, duty, incident_id)
        for block in blocks:
            block.fill(visit.page)

    visit = Visit(duty, caller, incident_id, may, reading, refresh)
    ui.add_head_html(f"<style>{_sheet()}</style>")
    with box("wk-incident"):
        with box("wk-main"):
            blocks += _head(visit)
            pictures = Pictures(visit)
            blocks += _reasons(visit)
            dialogs = drafts.Dialogs(visit)
            blocks.append(_block(partial(drafts.draw, visit, dialogs), lambda page: page.papers))
            judge = Judge(visit)
            blocks.append(_block(partial(audit.draw, visit), lambda page: page.trail))
        talk = Talk(visit, chat)
    blocks.append(_Block(None, pictures.renew, lambda page: page.marks, visit.page.marks))
    blocks.append(_Block(None, judge.redraw, lambda page: page.judging, visit.page.judging))
    blocks.append(_Block(None, talk.redraw, lambda page: page.questions, visit.page.questions))
    for block in blocks:
        block.fill(visit.page)
    keys(drafts.keys(visit, dialogs))
    if visit.may_operate:
        for key, does in _KEYS.items():
            key_told(key, does)
    ui.context.client.on_disconnect(talk.leave)
    ui.run_javascript(_script())
    live(duty, refresh, reading.mark)


def _head(visit: Visit) -> list[_Block]:
    """The opening of the page."""
    return [
        _block(partial(head.draw, visit), lambda page: page.head),
        _block(partial(head.draw_moves, visit), lambda page: page.head.moves),
    ]


def _reasons(visit: Visit) -> list[_Block]:
    """The blocks above the drafts, in their order."""
    return [
        _block(partial(fix.draw, visit), lambda page: page.fix),
        _block(partial(hypotheses.draw, visit), lambda page: page.causes),
        _block(partial(evidence.draw, visit), lambda page: page.proof),
        _block(partial(timeline.draw, visit), lambda page: page.course),
        _block(partial(topology.draw, visit), lambda page: page.topology),
        _block(partial(affected.draw, visit), lambda page: page.impact),
    ]


def _block(draw: Callable[[], object], says: Callable[[Page], object]) -> _Block:
    return _Block(box("wk-block-of"), draw, says)


@cache
def _sheet() -> str:
    return (_HERE / "incident.css").read_text(encoding="utf-8")


@cache
def _script() -> str:
    return (_HERE / "incident.js").read_text(encoding="utf-8")
