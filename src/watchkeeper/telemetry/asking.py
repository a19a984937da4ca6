"""One question put to DuckDB: on a cursor of its own, interrupted when time is up or nobody waits any longer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from watchkeeper.errors import SourceUnavailable
from watchkeeper.telemetry.schema import with_maps
from watchkeeper.telemetry.sources import Cancel
from watchkeeper.telemetry.sql import Sql

Ask = Callable[[Sql], pa.Table]

_INTERRUPT_AGAIN_SECONDS = 0.05


class _Watch:
    """Interrupts a cursor at a deadline or on request, again and again until the question is over.

    Once is not enough: an interrupt that arrives between two statements is forgotten by DuckDB.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, timeout_seconds: float) -> None:
        self.reason: str | None = None
        self._cursor = cursor
        self._timeout_seconds = timeout_seconds
        self._wake = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchkeeper-query-watch", daemon=True)
        self._thread.start()

    def stop(self, reason: str = "was cancelled") -> None:
        self.reason = self.reason or reason
        self._wake.set()

    def end(self) -> None:
        self._over.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        if not self._wake.wait(self._timeout_seconds):
            self.stop(f"did not end within {self._timeout_seconds:g} s")
        while not self._over.is_set():
            self._cursor.interrupt()
            self._over.wait(_INTERRUPT_AGAIN_SECONDS)


@contextmanager
def asking(cursor: duckdb.DuckDBPyConnection, timeout_seconds: float, cancel: Cancel | None) -> Iterator[Ask]:
    """A function that runs one statement after the other until time is up; closes the cursor at the end.

    Raises SourceUnavailable where the statements take too long, are cancelled, or DuckDB fails.
    """
    watch = _Watch(cursor, timeout_seconds)
    forget = cancel.register(watch.stop) if cancel else None

    def ask(statement: Sql) -> pa.Table:
        _require_time(watch)
        try:
            relation = cursor.sql(statement.text, params=list(statement.values))
            rows = with_maps(relation.to_arrow_table())
        except duckdb.Error as error:
            _require_time(watch)
            raise SourceUnavailable(f"the query to the store failed: {str(error).splitlines()[0]}") from error
        _require_time(watch)
        return rows

    try:
        yield ask
    finally:
        if forget:
            forget()
        watch.end()
        cursor.close()


def _require_time(watch: _Watch) -> None:
    if watch.reason:
        raise SourceUnavailable(f"the query to the store {watch.reason}")
