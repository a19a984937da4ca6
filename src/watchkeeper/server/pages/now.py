"""The page *now*: what is wrong at this moment, whether somebody must decide, and whether we can see at all."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from nicegui import ui
from nicegui.element import Element

from watchkeeper.domain import KeptAlert
from watchkeeper.records.summaries import CaseSummary
from watchkeeper.server.duty import Duty, Part
from watchkeeper.server.pages import style, words
from watchkeeper.server.pages.pieces import (
    badge,
    box,
    empty,
    heading,
    link,
    named,
    section,
    severity_badge,
    since,
    tell,
)
from watchkeeper.server.pages.present import Board, Card, Present
from watchkeeper.server.pages.shell import live

DRILL = "watchkeeper drill run bad-deploy"
TOKEN = "watchkeeper token create alertmanager --scope ingest"


async def show(duty: Duty, board: Board, address: str) -> None:
    """Fill the page, and keep it true; `address` is this server's own, as its callers reach it.

    Raises RecordsUnavailable where nothing can be read to begin with.
    """
    mark, present = await asyncio.to_thread(board.read)
    page = _Page(address)
    page.fill(present)

    async def refresh() -> None:
        _, latest = await asyncio.to_thread(board.read)
        page.fill(latest)

    live(duty, refresh, mark)


class _Page:
    """The parts of the page; a part is made anew only when what it shows has changed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._seen: dict[str, object] = {}
        self._lead = named(box(), aria_live="polite")
        self._incidents = named(box("wk-incidents"), id="incidents")
        with section("What is watched and what works", "parts"):
            self._parts = box("wk-parts")
        with section("Lately over", "over"):
            self._over = box("wk-lines")
        with section("Alerts that came in", "alerts"):
            self._alerts = box("wk-lines")

    def fill(self, present: Present) -> None:
        """Show this."""
        stirred = (present.cards, present.count, present.unwatched, bool(present.ended or present.alerts))
        self._part("lead", self._lead, stirred, lambda: _lead(present, self._address))
        cards = (present.cards, present.others, present.count)
        self._part("incidents", self._incidents, cards, lambda: _incidents(present))
        self._part("parts", self._parts, present.parts, lambda: _parts(present.parts))
        self._part("over", self._over, present.ended, lambda: _over(present.ended))
        self._part("alerts", self._alerts, present.alerts, lambda: _alerts(present.alerts))
        title = f"{words.counted(present.count, 'incident')} open" if present.count else "now"
        if self._seen.get("title") != title:
            self._seen["title"] = title
            ui.page_title(f"{title} · watchkeeper")

    def _part(self, name: str, into: Element, value: object, make: Callable[[], None]) -> None:
        if name in self._seen and self._seen[name] == value:
            return
        self._seen[name] = value
        into.clear()
        with into:
            make()


def _lead(present: Present, address: str) -> None:
    if present.count:
        heading(f"{words.counted(present.count, 'incident is', 'incidents are')} open", 1)
        tell(_waiting(present), "wk-now-lead")
    else:
        with box("wk-calm"):
            heading("No incident is open" if present.unwatched else "Nothing is wrong", 1)
            if not present.unwatched:
                tell(f"No incident is open, and {_watched(present.parts)}.", "wk-now-lead")
    for part in present.unwatched:
        with box("wk-row wk-now-lead"):
            badge("not seen", "wk-p1")
            tell(f"{part.name}: {part.says}", tag="span")
    if not (present.count or present.ended or present.alerts):
        empty("Nothing has come in yet", ("To see how it looks, break the shop of the lab on purpose:",), (DRILL,))
        where = f"{address}/v1/alerts/alertmanager"
        empty("To be told by your Alertmanager", (f"Have it post to {where}, with this token:",), (TOKEN,))


def _waiting(present: Present) -> str:
    worst = present.cards[0].case.severity
    waiting = [
        words.counted(sum(card.to_approve for card in present.cards), "draft waits", "drafts wait") + " for approval",
        words.counted(sum(card.uncertain for card in present.cards), "delivery is", "deliveries are") + " uncertain",
        words.counted(sum(card.failed for card in present.cards), "delivery has", "deliveries have") + " failed",
    ]
    told = [text for text in waiting if not text.startswith("no ")]
    begin = f"The most severe is {worst}." if worst else "How severe is not judged yet."
    return f"{begin} {'; '.join(told).capitalize()}." if told else f"{begin} Nobody has to decide anything now."


def _watched(parts: tuple[Part, ...]) -> str:
    working = [part.name for part in parts if part.is_well]
    return f"{', '.join(working[:-1])} and {working[-1]} work" if len(working) > 1 else "everything needed works"


def _incidents(present: Present) -> None:
    with named(box("wk-stack", "div"), role="list", aria_label="open incidents"):
        for card in present.cards:
            _card(card)
    if present.others:
        with box("wk-lines wk-more"):
            for case in present.others:
                _line(case, case.opened_at)
    left = present.count - len(present.cards) - len(present.others)
    if left > 0:
        tell(f"… and {words.counted(left, 'other', 'others')}, less severe or older.", "wk-muted wk-more")


def _card(card: Card) -> None:
    case = card.case
    made = link("", f"/incidents/{case.incident_id}", f"wk-card wk-edge {style.tone(case.severity)}")
    named(made, id=case.incident_id, data_wk_item=case.incident_id)
    with made:
        with box("wk-row wk-facts"):
            severity_badge(case.severity)
            tell(words.standing(case.state, case.status), "wk-strong", "span")
            tell(case.service or "service unknown", tag="span", limit=words.NAME)
            since(case.opened_at)
            box("wk-space")
            tell(case.incident_id, "wk-mono", "span")
        tell(words.headline(case), "wk-headline")
        if case.status is not None or card.needs_somebody:
            with box("wk-row wk-facts"):
                _conclusion(case)
                _decisions(card)


def _conclusion(case: CaseSummary) -> None:
    """How sure it is, and whether a release did it: of what is wrong."""
    if told := words.confidence(case):
        with box("wk-fact", "span"):
            with named(box("wk-gauge", "span"), aria_hidden="true"):
                box().style(f"width: {case.probability:.0%}")
            tell(told, tag="span")
    if case.release is not None and case.status != "nothing-wrong":
        tell(words.RELEASES[case.release], tag="span")


def _decisions(card: Card) -> None:
    if card.to_approve:
        badge(f"{words.counted(card.to_approve, 'draft')} to approve", "wk-decide")
    if card.uncertain:
        badge(f"{words.counted(card.uncertain, 'delivery', 'deliveries')} uncertain: look", "wk-p3")
    if card.failed:
        badge(f"{words.counted(card.failed, 'delivery', 'deliveries')} failed", "wk-p1")


def _line(case: CaseSummary, at: datetime) -> None:
    made = named(link("", f"/incidents/{case.incident_id}", "wk-line wk-ended"), data_wk_item=case.incident_id)
    with made:
        with box("wk-fact", "span"):
            tell(case.incident_id, "wk-mono", "span")
        severity_badge(case.severity)
        tell(words.headline(case), "wk-said wk-cut", "span")
        since(at)


def _over(ended: tuple[CaseSummary, ...]) -> None:
    for case in ended:
        _line(case, case.updated_at)
    if not ended:
        tell("No incident has ended yet.", "wk-muted wk-line")


def _parts(parts: tuple[Part, ...]) -> None:
    for part in parts:
        with box("wk-part"):
            tone = "wk-good" if part.is_well else "wk-p1" if part.is_needed else "wk-neutral wk-off"
            named(box(f"wk-dot {tone}", "span"), aria_hidden="true")
            with box("wk-row"):
                tell(part.name, "wk-strong", "span", words.NAME)
                tell("works" if part.is_well else "does not work" if part.is_needed else "off", "wk-unseen", "span")
            tell(part.says, "wk-small", "span", words.LINE)


def _alerts(alerts: tuple[KeptAlert, ...]) -> None:
    for kept in alerts:
        if kept.incident_id is not None:
            line = named(
                link("", f"/incidents/{kept.incident_id}", "wk-line wk-alert"), data_wk_item=f"alert {kept.id}"
            )
        else:
            line = box("wk-line wk-alert")
        with named(line, id=f"alert-{kept.id}"):
            tell(kept.alert.name, "wk-strong wk-cut", "span", words.NAME)
            tell(kept.alert.service or "", "wk-of wk-cut wk-muted", "span", words.NAME)
            tell(f"{words.OUTCOMES[kept.outcome]}: {kept.reason}", "wk-said wk-cut wk-muted", "span", words.LINE)
            since(kept.received_at)
    if not alerts:
        tell("No alert has come in yet.", "wk-muted wk-line")
