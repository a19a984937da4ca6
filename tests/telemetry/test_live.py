import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from telemetry_rows import START, WINDOW, at, change, changes, log, logs, point, points, span, spans

from watchkeeper.domain import Window
from watchkeeper.errors import DiskFull, PayloadRejected, QueueFull, StoreIncompatible, StoreUnavailable
from watchkeeper.tables import table_of
from watchkeeper.telemetry.live import Batch, LiveLimits, LiveStore
from watchkeeper.telemetry.sources import ChangeQuery, EventQuery, ExtentQuery, LogQuery, MetricQuery, SpanQuery
from watchkeeper.telemetry.store_file import MIGRATIONS, open_file, version_of

SPANS = SpanQuery(window=WINDOW)


def _submit(store: LiveStore, **tables: pa.Table) -> None:
    store.submit(Batch(tables)).result(timeout=30)  # type: ignore[arg-type]


def test_what_was_submitted_is_found_and_is_still_there_after_a_restart(tmp_path: Path) -> None:
    given = spans(span(1, attributes=[("a", "b")]), span(2))
    with LiveStore(tmp_path / "new" / "store.duckdb") as store:
        _submit(store, spans=given, logs=logs(log(1)), metrics=points(point(1)))
        assert store.reader.spans(SPANS).rows == given
    with LiveStore(tmp_path / "new" / "store.duckdb") as store:
        assert store.reader.spans(SPANS).rows == given
        assert store.reader.records(LogQuery(window=WINDOW)).rows.num_rows == 1
        assert store.reader.points(MetricQuery(window=WINDOW)).rows.num_rows == 1
    assert not (tmp_path / "new" / "store.duckdb.wal").exists()


def test_late_rows_are_found_by_their_time(tmp_path: Path) -> None:
    with LiveStore(tmp_path / "store") as store:
        for second in (5, 1, 3):
            _submit(store, spans=spans(span(second)))
        assert store.reader.spans(SPANS).rows["time"].to_pylist() == [at(1), at(3), at(5)]


def test_a_body_that_is_sent_again_is_written_once_also_after_a_restart(tmp_path: Path) -> None:
    batch = Batch({"logs": logs(log(1))}, digest="d1")
    with LiveStore(tmp_path / "store") as store:
        for acknowledged in [store.submit(batch) for _ in range(3)]:
            acknowledged.result(timeout=30)
    with LiveStore(tmp_path / "store") as store:
        store.submit(batch).result(timeout=30)
        store.submit(Batch({"logs": logs(log(1))}, digest="d2")).result(timeout=30)
        assert store.reader.records(LogQuery(window=WINDOW)).rows.num_rows == 2


def test_digests_are_forgotten_with_age(tmp_path: Path) -> None:
    batch = Batch({"logs": logs(log(1))}, digest="d1")
    with LiveStore(tmp_path / "store", LiveLimits(keep=None)) as store:
        store.submit(batch).result(timeout=30)
        store.retain(datetime.now(UTC) + timedelta(days=1))
        store.submit(batch).result(timeout=30)
        assert store.reader.records(LogQuery(window=WINDOW)).rows.num_rows == 2


def test_a_change_replaces_the_one_with_its_id(tmp_path: Path) -> None:
    with LiveStore(tmp_path / "store") as store:
        _submit(store, changes=changes(change("a", 1), change("b", 2), change("a", 3, version="2")))
        _submit(store, changes=changes(change("b", 4, version="9", commits=["c1"])))
        rows = store.reader.changes(ChangeQuery(window=WINDOW)).rows.to_pylist()
    assert [(row["id"], row["time"], row["version"]) for row in rows] == [("a", at(3), "2"), ("b", at(4), "9")]


def test_an_event_that_is_sent_twice_is_kept_once(tmp_path: Path) -> None:
    events = table_of("events", [{"id": "e", "time": at(1), "name": "pay"}])
    with LiveStore(tmp_path / "store") as store:
        _submit(store, events=events)
        _submit(store, events=events)
        assert store.reader.events(EventQuery(window=WINDOW)).rows.num_rows == 1


def test_rows_that_do_not_fit_their_table_are_rejected_at_once(tmp_path: Path) -> None:
    with LiveStore(tmp_path / "store") as store:
        with pytest.raises(PayloadRejected, match="rows for spans do not fit"):
            store.submit(Batch({"spans": pa.table({"time": [1]})}))
        headless = spans(span(1)).set_column(2, "service_name", pa.array([None], pa.string()))
        with pytest.raises(PayloadRejected, match="service_name"):
            store.submit(Batch({"spans": headless}))
        assert store.reader.extent(ExtentQuery()).rows.num_rows == 0


class _Disk:
    """A disk whose room a test decides, and which can make the writer wait at its door."""

    def __init__(self, free: int = 1 << 40) -> None:
        self.free = free
        self.open = threading.Event()
        self.open.set()
        self.asked_by_writer = threading.Event()

    def __call__(self, path: Path) -> int:
        if threading.current_thread().name == "watchkeeper-writer":
            self.asked_by_writer.set()
            self.open.wait(30)
        return self.free


def test_more_than_the_queue_holds_is_refused_and_what_it_holds_is_written(tmp_path: Path) -> None:
    disk = _Disk()
    with LiveStore(tmp_path / "store", LiveLimits(queued_rows=5), free=disk) as store:
        disk.open.clear()
        accepted = [store.submit(Batch({"spans": spans(span(0))}))]
        assert disk.asked_by_writer.wait(30)
        accepted += [store.submit(Batch({"spans": spans(span(n))})) for n in range(1, 6)]
        with pytest.raises(QueueFull, match="5 rows wait"):
            store.submit(Batch({"spans": spans(span(9))}))
        disk.open.set()
        for future in accepted:
            future.result(timeout=30)
        _submit(store, spans=spans(span(9)))
        assert store.reader.spans(SPANS).rows.num_rows == 7


def test_a_full_disk_stops_ingest_but_not_reading_and_ends_when_there_is_room(tmp_path: Path) -> None:
    disk = _Disk()
    with LiveStore(tmp_path / "store", free=disk) as store:
        _submit(store, spans=spans(span(1)))
        disk.free = 1000
        with pytest.raises(DiskFull, match=r"0 MB free, ingest needs 256 MB; what was acknowledged is safe"):
            store.submit(Batch({"spans": spans(span(2))}))
        assert store.reader.spans(SPANS).rows.num_rows == 1
        disk.free = 1 << 40
        _submit(store, spans=spans(span(3)))
        assert store.reader.spans(SPANS).rows["time"].to_pylist() == [at(1), at(3)]


def test_a_disk_that_fills_while_batches_wait_fails_them(tmp_path: Path) -> None:
    disk = _Disk()
    with LiveStore(tmp_path / "store", free=disk) as store:
        disk.open.clear()
        waiting = store.submit(Batch({"spans": spans(span(1))}))
        disk.free = 0
        disk.open.set()
        with pytest.raises(DiskFull):
            waiting.result(timeout=30)
        assert store.reader.spans(SPANS).rows.num_rows == 0


def test_rows_past_their_age_go(tmp_path: Path) -> None:
    with LiveStore(tmp_path / "store", LiveLimits(keep=timedelta(seconds=100))) as store:
        _submit(store, spans=spans(span(0), span(50), span(150)), changes=changes(change("a", 0)))
        store.retain(at(150))
        assert store.reader.spans(SPANS).rows["time"].to_pylist() == [at(50), at(150)]
        assert store.reader.changes(ChangeQuery(window=WINDOW)).rows.num_rows == 0


def _hour_of_logs(hour: int) -> pa.Table:
    noise = [os.urandom(200).hex() for _ in range(5000)]
    return logs(*(log(hour * 3600 + n / 10, body=body) for n, body in enumerate(noise)))


def test_the_oldest_hours_go_until_the_file_fits_its_budget(tmp_path: Path) -> None:
    budget = 6_000_000
    with LiveStore(tmp_path / "store", LiveLimits(keep=None, disk_bytes=budget)) as store:
        _submit(store, changes=changes(change("a", 0)))
        for hour in range(8):
            _submit(store, logs=_hour_of_logs(hour))
        before = store.size().whole
        store.retain(at(8 * 3600))
        week = Window(start=START, end=START + timedelta(days=7))
        times = store.reader.records(LogQuery(window=week)).rows["time"].to_pylist()
        hours = {time.hour - START.hour for time in times}
        assert store.reader.changes(ChangeQuery(window=week)).rows.num_rows == 1
        assert before > budget
        assert hours
        assert hours == set(range(min(hours), 8))
        store.retain(at(8 * 3600))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= budget


def test_a_store_that_holds_little_more_than_this_hour_still_gives_way(tmp_path: Path) -> None:
    with LiveStore(tmp_path / "store", LiveLimits(keep=None, disk_bytes=1_000_000)) as store:
        _submit(store, logs=_hour_of_logs(0))
        store.retain(at(550))
        found = store.reader.records(LogQuery(window=WINDOW)).rows["time"].to_pylist()
        assert all(time >= at(300) for time in found)


def test_a_closed_store_takes_nothing_and_says_so(tmp_path: Path) -> None:
    store = LiveStore(tmp_path / "store")
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable, match="is closing"):
        store.submit(Batch({"spans": spans(span(1))}))


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    with LiveStore(tmp_path / "store") as store:
        futures = [store.submit(Batch({"spans": spans(span(n))})) for n in range(50)]
    assert all(future.done() and future.exception() is None for future in futures)
    with LiveStore(tmp_path / "store") as store:
        assert store.reader.spans(SPANS).rows.num_rows == 50


_WRITER = """
import sys, threading
from pathlib import Path
from telemetry_rows import span, spans
from watchkeeper.telemetry.live import Batch, LiveStore
store = LiveStore(Path(sys.argv[1]))
for n in range(400):
    store.submit(Batch({"spans": spans(span(n))}, digest=str(n))).result()
    print(n, flush=True)
threading.Event().wait()
"""


def _child(script: str, *arguments: str) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with _child(_WRITER, str(tmp_path / "store")) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(100)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    with LiveStore(tmp_path / "store") as store:
        times = set(store.reader.spans(SPANS).rows["time"].to_pylist())
    assert {at(n) for n in acknowledged} <= times


def test_a_store_in_use_names_the_process_that_has_it(tmp_path: Path) -> None:
    with _child(_WRITER, str(tmp_path / "store")) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(StoreUnavailable, match=rf"in use by another watchkeeper \(pid {writer.pid}\)"):
            LiveStore(tmp_path / "store")
        writer.kill()


_NARROW = """
import resource, sys
from pathlib import Path
from telemetry_rows import log, logs
from watchkeeper.errors import DiskFull
from watchkeeper.telemetry.live import Batch, LiveStore
import os
store = LiveStore(Path(sys.argv[1]))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
def submit(n):
    store.submit(Batch({"logs": logs(*(log(n, body=os.urandom(500).hex()) for _ in range(100)))})).result()
    print(n, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
failed = 0
for n in range(40):
    try:
        submit(n)
    except DiskFull:
        failed += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
submit(50)
print("failed", failed, flush=True)
os._exit(0)
"""


def test_a_write_that_fails_for_want_of_room_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with _child(_NARROW, str(tmp_path / "store")) as writer:
        assert writer.stdout is not None
        *acknowledged, last = writer.stdout.read().splitlines()
    assert last.startswith("failed ")
    assert last != "failed 0"
    with LiveStore(tmp_path / "store") as store:
        counts = store.reader.records(LogQuery(window=WINDOW)).rows["time"].value_counts().to_pylist()
    assert {entry["values"]: entry["counts"] for entry in counts} == {at(int(n)): 100 for n in acknowledged}


def test_a_file_of_version_1_is_brought_forward_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with open_file(path, 1 << 28, MIGRATIONS[:1]) as old:
        assert version_of(old, path) == 1
        old.execute("INSERT INTO changes (id, kind, service_name, time) VALUES ('a', 'flag', 's', ?)", [START])
    with LiveStore(path) as store:
        assert store.reader.changes(ChangeQuery(window=WINDOW)).rows["id"].to_pylist() == ["a"]
        store.submit(Batch({"changes": changes(change("b", 1))}, digest="d")).result(timeout=30)
    with open_file(path, 1 << 28) as new:
        assert version_of(new, path) == len(MIGRATIONS)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with open_file(tmp_path / "store", 1 << 28) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(StoreIncompatible, match="has schema version 99, this watchkeeper knows up to 2"):
        LiveStore(tmp_path / "store")


def test_a_duckdb_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "store") as connection:
        connection.execute("CREATE TABLE meta (a INTEGER)")
    with pytest.raises(StoreIncompatible, match="not a store of watchkeeper"):
        LiveStore(tmp_path / "store")


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("dear diary, " * 1000)
    with pytest.raises(StoreIncompatible, match="it is no DuckDB file"):
        LiveStore(tmp_path / "store")
    assert (tmp_path / "store").read_text().startswith("dear diary")


def test_many_threads_read_while_many_write(tmp_path: Path) -> None:
    counts: list[int] = []

    def read(store: LiveStore) -> None:
        counts.extend(store.reader.spans(SPANS).rows.num_rows for _ in range(10))

    with LiveStore(tmp_path / "store") as store:
        readers = [threading.Thread(target=read, args=(store,)) for _ in range(4)]
        for thread in readers:
            thread.start()
        futures = [store.submit(Batch({"spans": spans(span(n))})) for n in range(200)]
        for thread in readers:
            thread.join()
        for future in futures:
            future.result(timeout=30)
        assert store.reader.spans(SPANS).rows.num_rows == 200
    assert len(counts) == 40
