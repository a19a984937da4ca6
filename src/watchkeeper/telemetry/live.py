"""The live store: one process owns the file, one thread writes it, any number of threads read."""

import shutil
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import duckdb
import pyarrow as pa

from watchkeeper.errors import DiskFull, PayloadRejected, QueueFull, StoreUnavailable
from watchkeeper.tables import TABLES, TableName
from watchkeeper.telemetry.store import Store
from watchkeeper.telemetry.store_file import open_file
from watchkeeper.telemetry.writing import Batch, write_group

__all__ = ["Batch", "LiveLimits", "LiveStore", "free_bytes"]

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class LiveLimits:
    """How much the live store may take of memory and disk."""

    queued_bytes: int = 256 * MEGABYTE
    queued_rows: int = 2_000_000
    group_rows: int = 200_000
    """So many rows are written in one transaction, if as many wait."""
    memory_bytes: int = 1024 * MEGABYTE
    """For DuckDB: larger queries spill to disk or fail."""
    disk_bytes: int | None = None
    """The file's budget; the oldest hours go first."""
    free_floor_bytes: int = 256 * MEGABYTE
    """Ingest stops when the file system has less room than this."""
    keep: timedelta | None = timedelta(days=14)
    """Rows older than this are dropped; None keeps them."""
    remember_bodies: timedelta = timedelta(hours=1)
    """For so long a body that is sent again is recognised."""


@dataclass(frozen=True)
class _Waiting:
    batch: Batch
    rows: int
    size_bytes: int
    done: "Future[None]"


def free_bytes(path: Path) -> int:
    """Room on the file system that holds the path, for this user."""
    return shutil.disk_usage(path.parent).free


class LiveStore:
    """Owns the store's file. `submit` is durable once its future resolves; `reader` answers questions meanwhile."""

    def __init__(self, path: Path, limits: LiveLimits = LiveLimits(), free: Callable[[Path], int] = free_bytes) -> None:
        self.path = path
        self.limits = limits
        self._free = free
        self._connection = open_file(path, limits.memory_bytes)
        self._cursors = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._queued_rows = 0
        self._changed = threading.Condition()
        self._is_closing = False
        self.reader = Store(self._new_cursor, lambda: None)
        self._writer = threading.Thread(target=self._write_until_closed, name="watchkeeper-writer", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, batch: Batch) -> "Future[None]":
        """Queue the batch; the future resolves when it is on disk and fails with StoreUnavailable if it cannot be.

        Raises PayloadRejected for rows that do not fit their table, QueueFull and DiskFull at once.
        """
        fitted = {name: _fitted(name, rows) for name, rows in batch.tables.items() if rows.num_rows}
        waiting = _Waiting(
            batch=Batch(fitted, batch.digest),
            rows=sum(rows.num_rows for rows in fitted.values()),
            size_bytes=sum(rows.nbytes for rows in fitted.values()),
            done=Future(),
        )
        self._require_room()
        waiting.done.set_running_or_notify_cancel()
        with self._changed:
            self._require_place(waiting)
            self._queue.append(waiting)
            self._queued_bytes += waiting.size_bytes
            self._queued_rows += waiting.rows
            self._changed.notify_all()
        return waiting.done

    def close(self) -> None:
        """Write what is queued, fold the log into the file, let go of it."""
        with self._changed:
            if self._is_closing:
                return
            self._is_closing = True
            self._changed.notify_all()
        self._writer.join()
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.Error:
            pass  # what was acknowledged is in the log, and is folded in at the next start
        self._connection.close()

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        with self._cursors:
            return self._connection.cursor()

    def _require_room(self) -> None:
        free = self._free(self.path)
        if free < self.limits.free_floor_bytes:
            raise DiskFull(
                f"the disk of {self.path} has {free // MEGABYTE} MB free, ingest needs "
                f"{self.limits.free_floor_bytes // MEGABYTE} MB; what was acknowledged is safe"
            )

    def _require_place(self, waiting: _Waiting) -> None:
        if self._is_closing:
            raise StoreUnavailable("the store is closing")
        too_long = self._queued_rows + waiting.rows > self.limits.queued_rows
        too_large = self._queued_bytes + waiting.size_bytes > self.limits.queued_bytes
        if self._queue and (too_long or too_large):
            raise QueueFull(f"{self._queued_rows} rows wait to be written already; try again later")

    def _write_until_closed(self) -> None:
        while group := self._next_group():
            self._write(group)

    def _next_group(self) -> list[_Waiting]:
        """What is to be written next, all at once; empty when the store closes."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_closing)
            group: list[_Waiting] = []
            while self._queue and sum(w.rows for w in group) < self.limits.group_rows:
                waiting = self._queue.popleft()
                self._queued_bytes -= waiting.size_bytes
                self._queued_rows -= waiting.rows
                group.append(waiting)
        return group

    def _write(self, group: list[_Waiting]) -> None:
        try:
            self._require_room()
            write_group(self._connection, [w.batch for w in group], datetime.now(UTC))
        except StoreUnavailable as error:
            for waiting in group:
                waiting.done.set_exception(error)
        else:
            for waiting in group:
                waiting.done.set_result(None)


def _fitted(name: TableName, rows: pa.Table) -> pa.Table:
    try:
        return rows.select(TABLES[name].names).cast(TABLES[name])
    except (KeyError, pa.ArrowException, ValueError) as error:
        raise PayloadRejected(f"rows for {name} do not fit its columns: {error}") from error
