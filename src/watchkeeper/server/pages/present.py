"""What the page *now* shows, read at one moment; read once for everybody who looks at it."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from watchkeeper.domain import IncidentId, KeptAlert, ReleaseVerdict, Severity
from watchkeeper.records.summaries import CaseSummary
from watchkeeper.server.duty import Duty, Part
from watchkeeper.server.pages.words import OPEN, OVER

READ = 200
"""Incidents of one state that are read: the latest; there may be ten thousand."""
CARDS, LINES, ENDED, ALERTS = 20, 100, 8, 12
"""How many are shown as cards, below them as lines, of what has ended, and of what came in."""
KEPT_RELEASES = 500
_RANK: dict[Severity | None, int] = {"P1": 0, "P2": 1, None: 2, "P3": 3, "P4": 4}
"""One that is not judged yet may be anything: it stands above what is known to be small."""


@dataclass(frozen=True)
class Card:
    """One open incident, and what about it waits for a person."""

    case: CaseSummary
    release: ReleaseVerdict | None
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
    is_more: bool
    """Whether there are more than were counted."""
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
        self._releases: OrderedDict[tuple[IncidentId, int], ReleaseVerdict | None] = OrderedDict()

    def read(self) -> tuple[str, Present]:
        """The mark as it was before reading, and what was read; blocks, raises RecordsUnavailable."""
        with self._lock:
            mark = self._duty.mark()
            if self._present is None or mark != self._mark:
                self._present, self._mark = self._read(), mark
            return mark, self._present

    def _read(self) -> Present:
        duty = self._duty
        by_state = [duty.incidents(READ, state=state) for state in OPEN]
        found = sorted(
            (case for cases in by_state for case in cases),
            key=lambda case: (_RANK[case.severity], -case.opened_at.timestamp(), case.incident_id),
        )
        over = [case for state in OVER for case in duty.incidents(ENDED, state=state)]
        return Present(
            cards=tuple(self._card(case) for case in found[:CARDS]),
            others=tuple(found[CARDS : CARDS + LINES]),
            count=len(found),
            is_more=any(len(cases) == READ for cases in by_state),
            ended=tuple(sorted(over, key=lambda case: case.updated_at, reverse=True)[:ENDED]),
            alerts=tuple(duty.alerts(limit=ALERTS)),
            parts=tuple(duty.parts()),
        )

    def _card(self, case: CaseSummary) -> Card:
        states = [kept.state for kept in self._duty.parcels(case.incident_id)]
        drafts = self._duty.drafts(case.incident_id)
        return Card(
            case=case,
            release=self._release(case),
            to_approve=sum(each.draft.state == "proposed" for each in drafts),
            uncertain=states.count("uncertain"),
            failed=states.count("failed"),
        )

    def _release(self, case: CaseSummary) -> ReleaseVerdict | None:
        """The verdict of the latest diagnosis; a case file is large, and is read once for each of its revisions."""
        key = (case.incident_id, case.revision)
        if key not in self._releases:
            latest = self._duty.case(case.incident_id).latest if case.diagnoses else None
            self._releases[key] = latest.release if latest else None
        self._releases.move_to_end(key)
        while len(self._releases) > KEPT_RELEASES:
            self._releases.popitem(last=False)
        return self._releases[key]
