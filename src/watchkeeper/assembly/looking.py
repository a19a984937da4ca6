"""Whether an incident is being looked at right now, since when and why, from the work that is under way."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from watchkeeper.domain import IncidentId, KeptAlert
from watchkeeper.errors import WatchkeeperError
from watchkeeper.records.summaries import Deed

KEPT_SECONDS = 1.0
_PUT_OFF = "~"


class UnderWay:
    """The work under way, asked for once a second at most, and by one thread: who comes meanwhile gets the last."""

    def __init__(self, pending: Callable[[], Sequence[str]], clock: Callable[[], float] = time.monotonic) -> None:
        """`pending` names it, as `INC-2026-0001/signal`; it may raise, and may wait for as long as its database."""
        self._pending, self._clock = pending, clock
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._known: tuple[str, ...] = ()

    def mark(self) -> str:
        """A text that changes whenever some work begins or ends."""
        return hashlib.sha256(" ".join(sorted(self._all())).encode()).hexdigest()[:16]

    def occasion(self, incident_id: IncidentId) -> str | None:
        """What that incident is being looked at for; None while it is not."""
        its = (each.partition("/")[2] for each in self._all() if each.partition("/")[0] == incident_id)
        return next(its, None)

    def _all(self) -> tuple[str, ...]:
        if self._lock.acquire(blocking=False):
            try:
                if self._asked_at is None or self._clock() - self._asked_at >= KEPT_SECONDS:
                    self._known = tuple(self._pending())
                    self._asked_at = self._clock()
            except WatchkeeperError:
                # That the work stands still is said where the parts are shown.
                self._known, self._asked_at = (), self._clock()
            finally:
                self._lock.release()
        return self._known


def said(occasion: str, alerts: Sequence[KeptAlert], deeds: Sequence[Deed]) -> str:
    """What people are told of it, such as `Being looked at again since 12:44:35 UTC, as ada asked`.

    Alerts and deeds are the incident's, the latest first.
    """
    occasion, _, turn = occasion.partition(_PUT_OFF)
    at, why = _reason(occasion, alerts, deeds)
    since = f" since {at.astimezone(UTC):%H:%M:%S} UTC" if at else ""
    if turn:
        return "To be looked at again in a moment: what is needed for it could not be used"
    again = "" if occasion == "signal" else " again"
    return f"Being looked at{again}{since}{f', {why}' if why else ''}"


def _reason(occasion: str, alerts: Sequence[KeptAlert], deeds: Sequence[Deed]) -> tuple[datetime | None, str]:
    kind, _, number = occasion.partition(" ")
    if kind == "signal":
        return (alerts[-1].received_at if alerts else None), ""
    if kind == "request":
        return _deed("asked to look again", "as {by} asked", deeds)
    if kind == "objection":
        return _deed("judged", "because {by} objected", deeds)
    alert = next((each for each in alerts if str(each.id) == number and each.outcome == kind), None)
    if alert is not None:
        return alert.received_at, "because it came back" if kind == "reopened" else "because it got worse"
    if kind == "reopened":
        return _deed("reopened", "because {by} opened it again", deeds)
    return None, occasion


def _deed(name: str, why: str, deeds: Sequence[Deed]) -> tuple[datetime | None, str]:
    done = next((each for each in deeds if each.deed == name), None)
    return (done.at, why.replace("{by}", done.by)) if done else (None, "")
