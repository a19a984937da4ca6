"""The dispatcher: what is due leaves, each once; what was left half done is found out about first."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

import structlog

from watchkeeper.delivery.target import Target
from watchkeeper.domain import KeptParcel, Receipt
from watchkeeper.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain, RecordsUnavailable
from watchkeeper.records.outbox import Outbox

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 15 * 60.0
SENDING_SECONDS = 180.0
"""No parcel is being sent for longer than that: every step of every target has its time-out."""
_STOPPED = "it was being sent when watchkeeper stopped, and nobody can be asked whether it arrived"
_DOUBLINGS = 20

_log = structlog.get_logger()


class Dispatcher:
    """Sends what the outbox holds, one parcel after the other; any number of them may work on one outbox.

    `living` answers the names of the workers that live (None: not known); the name of this one must be its own.
    `jitter` answers a number in [0, 1). `on_delivered` is called at least once for each parcel that arrived.
    """

    def __init__(
        self,
        outbox: Outbox,
        targets: Mapping[str, Target],
        clock: Callable[[], datetime],
        worker: str,
        *,
        jitter: Callable[[], float],
        living: Callable[[], Collection[str] | None] = lambda: None,
        on_delivered: Callable[[KeptParcel], None] = lambda _: None,
    ) -> None:
        self._outbox, self._targets, self._clock, self._worker = outbox, targets, clock, worker
        self._jitter, self._living, self._on_delivered = jitter, living, on_delivered

    def send_due(self) -> int:
        """Send everything that is due now; how many parcels arrived. Raises RecordsUnavailable."""
        if self._outbox.is_idle(self._clock()):
            return 0
        arrived = sum(self._recovered(kept) for kept in self._stranded())
        # One at a time: what waits behind a slow target is not taken from other workers.
        while claimed := self._outbox.claim(self._clock(), self._worker, 1, tuple(self._targets)):
            arrived += self._sent(claimed[0])
        return arrived

    def _stranded(self) -> list[KeptParcel]:
        now = self._clock()
        before = now - timedelta(seconds=SENDING_SECONDS)
        return self._outbox.stranded(now, self._worker, self._living(), before)

    def _recovered(self, kept: KeptParcel) -> bool:
        """Find out what became of a parcel that somebody was sending."""
        target = self._targets.get(kept.parcel.target)
        if target is None or not target.can_find:
            self._outbox.uncertain(kept.parcel.key, self._worker, _STOPPED)
            return False
        settled_at = kept.updated_at + timedelta(seconds=target.settles_seconds)
        if settled_at > self._clock():
            self._outbox.later(kept.parcel.key, self._worker, None, settled_at)
            return False
        return self._tried(kept, target, lambda: target.find(kept.parcel, self._ticket(kept)))

    def _sent(self, kept: KeptParcel) -> bool:
        target = self._targets[kept.parcel.target]
        return self._tried(kept, target, lambda: target.deliver(kept.parcel, self._ticket(kept)))

    def _ticket(self, kept: KeptParcel) -> str | None:
        receipt = self._outbox.ticket_of(kept.parcel.incident_id)
        return None if receipt is None else receipt.reference

    def _tried(self, kept: KeptParcel, target: Target, attempt: Callable[[], Receipt | None]) -> bool:
        """Whether it has arrived; what went wrong is kept with the parcel."""
        key = kept.parcel.key
        try:
            receipt = attempt()
        except DeliveryUncertain as error:
            self._outbox.uncertain(key, self._worker, str(error))
        except DeliveryRefused as error:
            self._outbox.failed(key, self._worker, str(error))
        except DeliveryFailed as error:
            self._outbox.later(key, self._worker, str(error), self._next(kept, target, error))
        except RecordsUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  one parcel that meets a bug must not hold up the others
            self._stumbled(kept, target, error)
        else:
            if receipt is None:
                self._outbox.later(key, self._worker, None, self._clock())
                return False
            self._arrived(kept, receipt)
            return True
        return False

    def _arrived(self, kept: KeptParcel, receipt: Receipt) -> None:
        """Told before it is kept: killed in between, it is found and told again, never forgotten."""
        done = kept.model_copy(update={"state": "delivered", "receipt": receipt, "error": None})
        try:
            self._on_delivered(done)
        except RecordsUnavailable:
            raise
        except Exception:  # noqa: BLE001  it has arrived, whatever who is told of it makes of that
            _log.exception("what follows a delivery failed", parcel=kept.parcel.key)
        self._outbox.done(kept.parcel.key, receipt)

    def _stumbled(self, kept: KeptParcel, target: Target, error: Exception) -> None:
        _log.error("a delivery met a bug", parcel=kept.parcel.key, exc_info=error)
        said = f"a bug in watchkeeper, see its log: {type(error).__name__}"
        if target.can_find:
            self._outbox.failed(kept.parcel.key, self._worker, said)
        else:
            self._outbox.uncertain(kept.parcel.key, self._worker, said)

    def _next(self, kept: KeptParcel, target: Target, error: DeliveryFailed) -> datetime:
        """When to try again: later and later, never before the target wants, or could be asked what it took."""
        doubled = FIRST_WAIT_SECONDS * 2.0 ** min(max(kept.attempts - 1, 0), _DOUBLINGS)
        wait = min(doubled, LONGEST_WAIT_SECONDS) * (0.5 + self._jitter() / 2)
        seconds = max(wait, min(error.after_seconds, LONGEST_WAIT_SECONDS), target.settles_seconds)
        return self._clock() + timedelta(seconds=seconds)
