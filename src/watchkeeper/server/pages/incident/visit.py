"""One person at one incident's page: what they see, what they may do, what they have opened; and the doing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from nicegui import ui

from watchkeeper.domain import IncidentId
from watchkeeper.errors import WatchkeeperError
from watchkeeper.records.summaries import NumberedDraft
from watchkeeper.server.callers import Caller, Scope
from watchkeeper.server.duty import Duty
from watchkeeper.server.pages import words
from watchkeeper.server.pages.incident.view import Page, page_of
from watchkeeper.server.pages.shell import BUG

May = Callable[[Caller, Scope], bool]
NEEDS_OPERATE = "This needs a token with the scope operate; yours may only read."
_log = structlog.get_logger()


@dataclass(frozen=True)
class Reading:
    """What is known about the incident at one moment."""

    mark: str
    page: Page
    drafts: dict[int, NumberedDraft]
    """The drafts in full, for those who edit them."""


def read(duty: Duty, incident_id: IncidentId) -> Reading:
    """Ask for everything; blocks. Raises QueryRejected where there is no such incident, RecordsUnavailable."""
    mark = duty.mark()
    drafts = duty.drafts(incident_id)
    page = page_of(
        duty.case(incident_id),
        drafts,
        duty.alerts(incident_id),
        duty.parcels(incident_id),
        duty.deeds(incident_id),
        duty.runbook(incident_id),
        duty.looking(incident_id),
    )
    return Reading(mark, page, {each.number: each for each in drafts})


@dataclass
class Visit:
    """One open page."""

    duty: Duty
    caller: Caller
    incident_id: IncidentId
    may: May
    reading: Reading
    refresh: Callable[[], Awaitable[None]]
    """Read and draw anew what changed."""
    opened: set[str] = field(default_factory=set)
    """Names of the disclosures that are open: they stay so when a block is drawn anew."""
    draft: int | None = None
    """The draft that has the focus, which keys decide about."""

    @property
    def page(self) -> Page:
        """What the page says."""
        return self.reading.page

    @property
    def may_operate(self) -> bool:
        """Whether actions are offered; each asks again when it is done."""
        return self.may(self.caller, "operate")

    async def act(self, deed: Callable[[], None], done: str) -> bool:
        """Do something in a thread, if the caller may at this moment; say in words what came of it."""
        try:
            if not await asyncio.to_thread(self.may, self.caller, "operate"):
                complain(NEEDS_OPERATE)
                return False
            await asyncio.to_thread(deed)
        except WatchkeeperError as error:
            complain(str(error))
            return False
        except Exception:  # noqa: BLE001  a person sees one sentence, the log has the trace
            _log.exception("an action on a page failed", incident=self.incident_id)
            complain(BUG)
            return False
        say(done)
        await self.refresh()
        return True

    async def catch_up(self) -> None:
        """Show what there is by now; while it cannot be read, the page says so by itself."""
        with suppress(WatchkeeperError):
            await self.refresh()


def say(text: str) -> None:
    """A short word that something was done."""
    ui.notify(words.clean(text), position="bottom", classes="wk-note")


def complain(text: str) -> None:
    """What is in the way, in one sentence."""
    sentence = words.clean(text)
    ui.notify(sentence[:1].upper() + sentence[1:], position="bottom", classes="wk-note wk-note-bad", timeout=8000)
