"""What the page *now* shows, read at one moment; read once for everybody who looks at it."""

import threading
from dataclasses import dataclass

from watchkeeper.domain import KeptAlert
from watchkeeper.records.summaries import CaseSummary
from watchkeeper.server.duty import Duty, Part

CARDS, LINES, ENDED, ALERTS = 20, 100, 8, 12
"""How many are shown as cards, below them as lines, of what has ended, and of what came in."""


@dataclass(frozen=True)
class Card:
    """One open incident, and what about it waits for a person."""

    case: CaseSummary
    to_approve: int
    """Drafts that are proposed."""
    uncertain: int
    """Parcels that may or may not have arrived."""
    failed: int

    @property
    def needs_somebody(self) -> bool:
        """Whether somebody must decide something."""
        return self.to_approve + self.uncertain + self.failed > 0


@dataclass(frozen=True)
class Present:
    """What is wrong at one moment, what works, what was, and what came in."""

    cards: tuple[Card, ...]
    """The most severe and latest of the open incidents."""
    others: tuple[CaseSummary, ...]
    """Those after them."""
    count: int
    """How many are open; there may be ten thousand."""
    ended: tuple[CaseSummary, ...]
    alerts: tuple[KeptAlert, ...]
    parts: tuple[Part, ...]

    @property
    def unwatched(self) -> tuple[Part, ...]:
        """Parts that are needed and do not work: without them, no incident does not mean that nothing is wrong."""
        return tuple(part for part in self.parts if part.is_needed and not part.is_well)


class Board:
    """Reads the present when it has changed; for any number of pages at once."""

    def __init__(self, duty: Duty) -> None:
        self._duty = duty
        self._lock = threading.Lock()
        self._mark: str | None = None
        self._present: Present | None = None

    def read(self) -> tuple[str, Present]:
        """The mark as it was before reading, and what was read; blocks, raises RecordsUnavailable."""
        with self._lock:
            mark = self._duty.mark()
            if self._present is None or mark != self._mark:
                self._present, self._mark = self._read(), mark
            return mark, self._present

    def _read(self) -> Present:
        duty = self._duty
        found = duty.incidents(CARDS + LINES, is_open=True, order="severity")
        return Present(
            cards=tuple(self._card(case) for case in found[:CARDS]),
            others=tuple(found[CARDS:]),
            # Between the two questions one may have come or gone.
            count=max(duty.open_count(), len(found)) if found else 0,
            ended=tuple(duty.incidents(ENDED, is_open=False, order="changed")),
            alerts=tuple(duty.alerts(limit=ALERTS)),
            parts=tuple(duty.parts()),
        )

    def _card(self, case: CaseSummary) -> Card:
        states = [kept.state for kept in self._duty.parcels(case.incident_id)]
        drafts = self._duty.drafts(case.incident_id)
        return Card(
            case=case,
            to_approve=sum(each.draft.state == "proposed" for each in drafts),
            uncertain=states.count("uncertain"),
            failed=states.count("failed"),
        )
