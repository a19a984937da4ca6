"""Alerts taken in: kept as they came, each accounted for, and grouped into incidents, in one transaction."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import structlog

from watchkeeper.assembly.grouped import OLDEST_HOURS, Received, Work
from watchkeeper.domain import Alert
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.intake import senders
from watchkeeper.intake.bodies import Reading
from watchkeeper.intake.grouping import Grouping, Neighbours
from watchkeeper.redaction import redact
from watchkeeper.settings import Settings

if TYPE_CHECKING:
    # SQLAlchemy is slow to import: only what takes alerts in does so.
    from watchkeeper.records.alerts import Intake
    from watchkeeper.records.store import Records

REMEMBERED = 2000
"""How many texts' redactions are remembered: alerts say the same again and again."""

__all__ = ["Received", "Receiver"]
_log = structlog.get_logger()


class Receiver:
    """Takes alerts in. Any thread may call it; any number of processes may share the records.

    A database lets one write at a time. Here bodies wait in turn, and all that came in meanwhile are then written in
    one transaction: so a storm of small bodies waits for the disk a few times only.
    """

    def __init__(self, settings: Settings, records_of: "Callable[[], Records]", neighbours: Neighbours) -> None:
        """Raises ConfigError where `config/alerts.yaml` cannot be read."""
        self._settings, self._records_of, self._neighbours = settings, records_of, neighbours
        self._senders = senders.load(settings.home)
        self._clean = _cleaning(settings)
        self._turn = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._queue = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Everyone who may post."""
        return self._senders.names

    def receive(self, source: str, body: bytes, now: datetime) -> Received:
        """Keep a body and its alerts, and group them; durable once this returns.

        Raises QueryRejected for a source that is not known, PayloadRejected for a body that cannot be read (then
        nothing is kept), RecordsUnavailable where nothing can be kept (then the sender should try again).
        """
        post = self._senders.read(body, Reading(source, self._senders, self._clean, now))
        if post.truncated:
            _log.warning("a sender left alerts out of a body", source=source, alerts=post.truncated)
        received = self._taken(_Waiting(post.alerts, now, (source, body)))
        return received.model_copy(update={"truncated": post.truncated})

    def notice(self, alerts: Sequence[Alert], now: datetime) -> Received:
        """Take in what our own watch noticed, or says to be over; raises RecordsUnavailable."""
        return self._taken(_Waiting(alerts, now)) if alerts else Received()

    def recall(self, now: datetime) -> Received:
        """Look again at alerts that fire still though their cool-down has passed; to be called every minute or so.

        Their senders may not repeat them for hours. Raises RecordsUnavailable.
        """
        from watchkeeper.records.alerts import Alerts

        with self._turn, Alerts(self._records_of()).taking_in() as intake:
            work = self._work(intake, now)
            waiting = [each.alert for each in intake.still_firing(now - timedelta(hours=OLDEST_HOURS))]
            work.know(waiting)
            for alert in waiting:
                work.place(alert, is_known=True)
            (received,) = work.done([None])
            return received

    def _taken(self, item: "_Waiting") -> Received:
        for service in {alert.service for alert in item.alerts if alert.service}:
            # Whoever has to ask for the call graph does so before the database waits.
            self._neighbours.of(service)
        with self._queue:
            self._waiting.append(item)
        with self._turn:
            if not item.received.done():
                with self._queue:
                    batch, self._waiting = self._waiting, []
                self._answer(batch)
        return item.received.result()

    def _answer(self, batch: "Sequence[_Waiting]") -> None:
        try:
            answers = self._written(batch)
        except RecordsUnavailable as error:
            for item in batch:
                item.received.set_exception(error)
        except Exception as error:  # noqa: BLE001  whoever waits is told, whatever it is
            if len(batch) == 1:
                batch[0].received.set_exception(error)
                return
            # One of them trips over a bug of ours: the others are not to blame.
            for item in batch:
                self._answer([item])
        else:
            for item, received in zip(batch, answers, strict=True):
                item.received.set_result(received)

    def _written(self, batch: "Sequence[_Waiting]") -> list[Received]:
        from watchkeeper.records.alerts import Alerts

        now = max(item.now for item in batch)
        with Alerts(self._records_of()).taking_in() as intake:
            posts = [intake.post(*item.posted, now) if item.posted else None for item in batch]
            work = self._work(intake, now)
            work.know([alert for item in batch for alert in item.alerts])
            for number, item in enumerate(batch):
                for alert in item.alerts:
                    work.place(alert, number)
            return work.done(posts)

    def _work(self, intake: "Intake", now: datetime) -> Work:
        return Work(self._settings, intake, Grouping(self._settings.alerts, self._senders, self._neighbours, now))


@dataclass
class _Waiting:
    """What came in at once and waits for its turn."""

    alerts: Sequence[Alert]
    now: datetime
    posted: tuple[str, bytes] | None = None
    """Source and body; None for our own watch."""
    received: "Future[Received]" = field(default_factory=Future)


def _cleaning(settings: Settings) -> Callable[[str], str]:
    wanted = settings.redaction
    if not wanted.enabled:
        return str
    clean = partial(redact, ip_addresses=wanted.ip_addresses, extra_patterns=wanted.extra_patterns)
    return lru_cache(maxsize=REMEMBERED)(clean)
