"""The live store: one process owns the file, one thread writes it, any number of threads read."""

import contextlib
import shutil
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar

import duckdb
import pyarrow as pa

from watchkeeper.errors import DiskFull, PayloadRejected, QueueFull, StoreUnavailable
from watchkeeper.tables import TABLES, TableName
from watchkeeper.telemetry.retention import Size, drop_aged, forget_bodies, rewrite, shrink, size_of
from watchkeeper.telemetry.store import Store
from watchkeeper.telemetry.store_file import open_file
from watchkeeper.telemetry.writing import Batch, failure, write_group

__all__ = ["Batch", "LiveLimits", "LiveStore", "free_bytes"]

MEGABYTE = 1 << 20
Result = TypeVar("Result")


@dataclass(frozen=True)
class LiveLimits:
    """How much the live store may take of memory and disk."""

    queued_bytes: int = 256 * MEGABYTE
    queued_rows: int = 2_000_000
    group_rows: int = 100_000
    """So many rows are written in one transaction, if as many wait. Below DuckDB's row group of 122,880 on purpose:
    larger appends leave half-filled groups behind, which a later checkpoint rewrites for minutes."""
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
        self._writing = threading.Lock()
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
        # Where it fails: what was acknowledged is in the log, and is folded in at the next start.
        with self._writing, contextlib.suppress(duckdb.Error):
            self._connection.execute("CHECKPOINT")
        # Where a question is still being answered it fails too: then the end of the process lets go of the file.
        with self._cursors, contextlib.suppress(duckdb.Error):
            self._connection.close()

    def retain(self, now: datetime) -> None:
        """Let go of what is past its age, then of the oldest hours until the file fits its budget of disk.

        To be called every minute or so, from any thread; writing waits for one step of it at a time.
        Raises StoreUnavailable where the file cannot be written.
        """
        if self.limits.keep is not None:
            keep = self.limits.keep
            self._alone(lambda connection: drop_aged(connection, now, keep))
        self._alone(lambda connection: forget_bodies(connection, now - self.limits.remember_bodies))
        if self.limits.disk_bytes is not None:
            self._fit_into(self.limits.disk_bytes, now)

    def size(self) -> Size:
        """What the store takes on disk."""
        return self._alone(lambda connection: size_of(connection, self.path))

    def _fit_into(self, budget: int, now: datetime) -> None:
        while self._alone(lambda connection: shrink(connection, self.path, budget, now)):
            pass
        size = self.size()
        if size.whole > budget and size.unused >= size.used:
            self._alone(rewrite)

    def _alone(self, step: Callable[[duckdb.DuckDBPyConnection], Result]) -> Result:
        """Run a step on the file while nothing else writes it."""
        with self._writing, self._new_cursor() as connection:
            try:
                return step(connection)
            except duckdb.Error as error:
                raise failure(error) from error

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        with self._cursors:
            try:
                return self._connection.cursor()
            except duckdb.Error as error:
                raise StoreUnavailable("the store is closed") from error

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
            rows = 0
            while self._queue and (not group or rows + self._queue[0].rows <= self.limits.group_rows):
                waiting = self._queue.popleft()
                rows += waiting.rows
                self._queued_bytes -= waiting.size_bytes
                self._queued_rows -= waiting.rows
                group.append(waiting)
        return group

    def _write(self, group: list[_Waiting]) -> None:
        try:
            self._require_room()
            with self._writing:
                self._reopen_if_broken()
                with self._new_cursor() as connection:
                    write_group(connection, [waiting.batch for waiting in group], datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the writer must go on
            for waiting in group:
                waiting.done.set_exception(error)
        else:
            for waiting in group:
                waiting.done.set_result(None)

    def _reopen_if_broken(self) -> None:
        """DuckDB gives up on a file after a failed write of its log; opened anew it has all that was acknowledged."""
        with self._cursors:
            try:
                self._connection.execute("SELECT 1")
            except duckdb.Error:
                self._connection.close()
                self._connection = open_file(self.path, self.limits.memory_bytes)


def _fitted(name: TableName, rows: pa.Table) -> pa.Table:
    try:
        return rows.select(TABLES[name].names).cast(TABLES[name])
    except (KeyError, pa.ArrowException, ValueError) as error:
        raise PayloadRejected(f"rows for {name} do not fit its columns: {error}") from error
