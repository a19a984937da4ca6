from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from telemetry_rows import START, WINDOW, at, change, changes, log, logs, span, spans

from watchkeeper.domain import Window
from watchkeeper.errors import StoreIncompatible
from watchkeeper.telemetry import recording
from watchkeeper.telemetry.recording import open_recording, store_of, write_recording
from watchkeeper.telemetry.sources import ChangeQuery, LogQuery, MetricQuery, RedQuery, SpanQuery


def test_a_recording_answers_as_the_store_that_it_was_taken_from(tmp_path: Path) -> None:
    tables = {
        "spans": spans(*(span(n * 7, attributes=[("n", str(n))]) for n in range(80))),
        "changes": changes(change("a", 5, commits=["1f", "2e"])),
    }
    with store_of(tables) as store:
        written = write_recording(store, WINDOW, tmp_path)
        with open_recording(tmp_path) as recorded:
            assert recorded.spans(SpanQuery(window=WINDOW)).rows == store.spans(SpanQuery(window=WINDOW)).rows
            assert recorded.red(RedQuery(window=WINDOW)).rows == store.red(RedQuery(window=WINDOW)).rows
            assert recorded.changes(ChangeQuery(window=WINDOW)).rows == tables["changes"]
    assert written == {"spans": 80, "changes": 1}


def test_a_table_without_rows_has_no_file_and_answers_empty(tmp_path: Path) -> None:
    with store_of({"logs": logs(log(1))}) as store:
        write_recording(store, WINDOW, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["logs.parquet"]
    with open_recording(tmp_path) as recorded:
        assert recorded.points(MetricQuery(window=WINDOW)).rows.num_rows == 0
        assert recorded.records(LogQuery(window=WINDOW)).rows.num_rows == 1


def test_only_the_window_is_recorded_once_and_in_order(tmp_path: Path) -> None:
    rows = [span(n) for n in range(1200)]
    window = Window(start=at(100), end=START + timedelta(minutes=15))
    with store_of({"spans": spans(*reversed(rows), *rows)}) as store:
        write_recording(store, window, tmp_path)
    times = pq.read_table(tmp_path / "spans.parquet")["time"].to_pylist()
    assert times == [at(n) for n in range(100, 900)]


def test_a_table_may_be_many_files(tmp_path: Path) -> None:
    (tmp_path / "spans").mkdir()
    for n in (2, 1):
        pq.write_table(spans(span(n)), tmp_path / "spans" / f"{n}.parquet")
    with open_recording(tmp_path) as recorded:
        assert recorded.spans(SpanQuery(window=WINDOW)).rows["time"].to_pylist() == [at(1), at(2)]


def test_large_files_are_read_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "SMALL_BYTES", 0)
    rows = spans(span(1, attributes=[("k", "v")]))
    pq.write_table(rows, tmp_path / "spans.parquet")
    with open_recording(tmp_path) as recorded:
        assert recorded.spans(SpanQuery(window=WINDOW)).rows == rows


def test_an_empty_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(StoreIncompatible, match="holds no recording: expected at least one of metrics"):
        open_recording(tmp_path)


def test_a_missing_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(StoreIncompatible, match="there is no folder"):
        open_recording(tmp_path / "nowhere")


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs.parquet").write_text("time,body\n")
    with pytest.raises(StoreIncompatible, match=r"logs\.parquet is not a readable Parquet file"):
        open_recording(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    pq.write_table(spans(span(1)).drop(["kind"]), tmp_path / "spans.parquet")
    with pytest.raises(StoreIncompatible, match=r"spans\.parquet lacks the column kind"):
        open_recording(tmp_path)


def test_a_column_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    rows = spans(span(1)).set_column(0, "time", pa.array([1.5]))
    pq.write_table(rows, tmp_path / "spans.parquet")
    with pytest.raises(StoreIncompatible, match=r"the column time of spans is double, expected timestamp\[us"):
        open_recording(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "spans.parquet"
    pq.write_table(spans(*(span(n) for n in range(500))), path)
    content = bytearray(path.read_bytes())
    content[100:1500] = bytes(1400)
    path.write_bytes(content)
    with pytest.raises(StoreIncompatible, match=r"spans\.parquet"):
        open_recording(tmp_path)
