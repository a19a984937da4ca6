"""Everything that is kept, opened once for a process that runs for long, as soon as it can be."""

import tempfile
import threading
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
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

    def __init__(self, settings: Settings, is_dry_run: bool = False) -> None:
        """In a dry run the outbox is another one, which is empty and thrown away: nothing seems sent afterwards."""
        self._settings, self.is_dry_run = settings, is_dry_run
        self._thrown_away = ExitStack()
        self._lock = threading.Lock()
        self._records: Records | None = None

    @property
    def place(self) -> str:
        """Where they are, as people are told: a file of the home by its name alone."""
        return self.records.name.removeprefix(f"{self._settings.home}/")

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

        return self._outbox_of_a_dry_run() if self.is_dry_run else Outbox(self.records)

    def _outbox_of_a_dry_run(self) -> "Outbox":
        from watchkeeper.records.rehearsal import RehearsedOutbox
        from watchkeeper.records.store import Records

        folder = Path(self._thrown_away.enter_context(tempfile.TemporaryDirectory(prefix="watchkeeper-dry-run-")))
        return RehearsedOutbox(self.records, self._thrown_away.enter_context(Records.open(folder / "outbox.sqlite")))

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
        self._thrown_away.close()
        with self._lock:
            if self._records is not None:
                self._records.close()
                self._records = None
