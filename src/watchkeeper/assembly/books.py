"""Everything that is kept, opened once for a process that runs for long, as soon as it can be."""

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from watchkeeper.settings import Settings

if TYPE_CHECKING:
    from watchkeeper.records.alerts import Alerts
    from watchkeeper.records.decisions import Decisions
    from watchkeeper.records.outbox import Outbox
    from watchkeeper.records.store import Records
    from watchkeeper.records.tokens import Tokens
    from watchkeeper.records.workers import Workers


class Books:
    """The records and what is built on them; a database that cannot be used now is tried again at the next call.

    Every property raises RecordsUnavailable where it cannot be opened. Closed by `close`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._records: Records | None = None

    @property
    def records(self) -> "Records":
        """Cases and verdicts."""
        from watchkeeper.records.store import Records

        with self._lock:
            if self._records is None:
                self._records = Records.open(self._settings.records_place)
            return self._records

    @cached_property
    def decisions(self) -> "Decisions":
        """What people decide."""
        from watchkeeper.records.decisions import Decisions

        return Decisions(self.records)

    @cached_property
    def alerts(self) -> "Alerts":
        """What came in."""
        from watchkeeper.records.alerts import Alerts

        return Alerts(self.records)

    @cached_property
    def outbox(self) -> "Outbox":
        """What is to leave."""
        from watchkeeper.records.outbox import Outbox

        return Outbox(self.records)

    @cached_property
    def tokens(self) -> "Tokens":
        """Who may ask."""
        from watchkeeper.records.tokens import Tokens

        return Tokens(self.records)

    @cached_property
    def workers(self) -> "Workers":
        """Who carries out workflows."""
        from watchkeeper.records.workers import Workers

        return Workers(self.records)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            if self._records is not None:
                self._records.close()
                self._records = None
