"""The judgement of an engineer: right, partly, wrong; then what it was, and since when."""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from nicegui import ui
from nicegui.element import Element

from watchkeeper.domain import Verdict
from watchkeeper.errors import QueryRejected
from watchkeeper.server.pages.incident.pieces import button
from watchkeeper.server.pages.incident.visit import Visit, complain
from watchkeeper.server.pages.pieces import box, named, section, tell

Judged = Literal["confirmed", "partly", "wrong"]
TicketWord = Literal["valid", "false-alarm"]
_CHOICES: tuple[tuple[Judged, str, str], ...] = (
    ("confirmed", "Confirmed", "1"),
    ("partly", "Partly", "2"),
    ("wrong", "Wrong", "3"),
)
_TICKETS: dict[str, str] = {"": "not said", "valid": "valid", "false-alarm": "false alarm"}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
UNKNOWN = "unknown"


class Judge:
    """The form; it is made once, so that nothing that is typed is lost when the page is drawn anew."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._judged: Judged | None = None
        self._asked_of: int | None = None
        """The diagnosis that was on the page when the choice was made."""
        with section("Was it right?", "verdict") as self._section, box("wk-stack"):
            self._given = box("wk-stack")
            with named(box("wk-row"), role="group", aria_label="verdict"):
                self._buttons: dict[Judged, Element] = {
                    word: self._choice(word, text, key) for word, text, key in _CHOICES if visit.may_operate
                }
            self._nobody = tell("Nobody has judged it yet.", "wk-muted")
            with box("wk-stack wk-verdict-form") as self._form:
                self._fields()
        self._form.set_visibility(False)
        self.redraw()

    def _choice(self, word: Judged, text: str, key: str) -> Element:
        return named(button(text, partial(self.choose, word), key=key), aria_pressed="false")

    def _fields(self) -> None:
        with box("wk-stack") as self._truth, box("wk-fields"):
            self._component = ui.select([], label="What it was", with_input=True).props("outlined dense clearable")
            self._words = ui.input("Or in your own words").props("outlined dense")
            self._onset = ui.input("Since when, UTC (12:44:35)").props("outlined dense")
        with box("wk-fields"):
            self._ticket = ui.select(_TICKETS, label="The ticket was", value="").props("outlined dense")
            self._note = ui.input("Note").props("outlined dense")
        with box("wk-row"):
            button("Record the verdict", self.record, css="wk-button-main")
            button("Cancel", self.cancel)

    def redraw(self) -> None:
        """Show the verdicts that were given, and offer what is known now."""
        judging = self._visit.page.judging
        self._given.clear()
        with self._given:
            for text in judging.given:
                tell(text, "wk-small")
        options = [*judging.components, UNKNOWN]
        if self._component.options != options:
            self._component.set_options(
                options, value=self._component.value if self._component.value in options else None
            )
        is_there = judging.diagnosis is not None
        self._section.set_visibility(is_there)
        self._nobody.set_visibility(not (judging.given or self._visit.may_operate))

    def choose(self, word: Judged) -> None:
        """Choose a verdict; it counts when it is recorded."""
        self._judged, self._asked_of = word, self._visit.page.judging.diagnosis
        for each, made in self._buttons.items():
            made.props["aria-pressed"] = "true" if each == word else "false"
            made.update()
        self._truth.set_visibility(word != "confirmed")
        self._form.set_visibility(True)

    def cancel(self) -> None:
        """Forget the choice."""
        self._judged = None
        self._form.set_visibility(False)
        for made in self._buttons.values():
            made.props["aria-pressed"] = "false"
            made.update()

    async def record(self) -> None:
        """Record it, of the diagnosis that was judged: a later one may be on the page by now."""
        visit = self._visit
        if self._judged is None or self._asked_of is None:
            return
        try:
            verdict = self._verdict(self._judged, self._asked_of)
        except QueryRejected as error:
            complain(str(error))
            return
        note = str(self._note.value or "").strip() or None
        deed = partial(visit.duty.judge, visit.incident_id, verdict, note)
        if await visit.act(deed, "The verdict is recorded. Thank you."):
            for field in (self._words, self._onset, self._note):
                field.value = ""
            self.cancel()

    def _verdict(self, judged: Judged, diagnosis: int) -> Verdict:
        is_open = judged != "confirmed"
        cause = str(self._words.value or "").strip() or (self._component.value or None)
        if judged == "wrong" and not cause:
            raise QueryRejected("if it is wrong, say what it was, or choose `unknown`")
        ticket: TicketWord | None = {"valid": "valid", "false-alarm": "false-alarm"}.get(str(self._ticket.value))  # type: ignore[assignment]
        return Verdict(
            diagnosis=diagnosis,
            judged=judged,
            by=self._visit.caller.name,
            at=datetime.now(UTC),
            true_cause=cause if is_open else None,
            true_onset=onset_of(str(self._onset.value or ""), self._visit.page.judging.since) if is_open else None,
            ticket=ticket,
        )


def onset_of(text: str, near: datetime | None) -> datetime | None:
    """A time as it was typed, in UTC where it says no zone; a time of the day is of the day of `near`.

    None for nothing; raises QueryRejected for what is no time.
    """
    text = text.strip().removesuffix("UTC").strip()
    if not text:
        return None
    day = (near or datetime.now(UTC)).astimezone(UTC)
    try:
        if clock := _CLOCK.fullmatch(text):
            return day.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0)
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise QueryRejected(f"`{text[:40]}` is no time: such as 12:44:35, or 2026-11-21 12:44:35") from error
    return given if given.tzinfo else given.replace(tzinfo=UTC)
