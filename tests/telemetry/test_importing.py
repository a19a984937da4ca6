import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from otlp_messages import NOON, as_json, log_request, span_request
from watchkeeper.domain import Window
from watchkeeper.errors import PayloadRejected
from watchkeeper.telemetry.importing import import_into, import_path
from watchkeeper.telemetry.live import LiveStore
from watchkeeper.telemetry.recording import write_recording
from watchkeeper.telemetry.sources import ChangeQuery, LogQuery, SpanQuery

WINDOW = Window(start=NOON - timedelta(hours=1), end=NOON + timedelta(hours=1))
CHANGE = {"kind": "deploy", "service": "checkout", "began_at": NOON.isoformat()}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LiveStore]:
    with LiveStore(tmp_path / "store.duckdb") as store:
        yield store


def quietly(_: str) -> None: ...


def test_a_recording_is_imported_whole(tmp_path: Path, store: LiveStore) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "requests.jsonl").write_bytes(b"\n".join(as_json(span_request(n)) for n in range(9)))
    import_into(tmp_path / "in", store.submit, quietly)
    write_recording(store.reader, WINDOW, tmp_path / "recording")
    with LiveStore(tmp_path / "other.duckdb") as other:
        assert import_into(tmp_path / "recording", other.submit, quietly) == {"spans": 9}
        assert other.reader.spans(SpanQuery(window=WINDOW)).rows.equals(
            store.reader.spans(SpanQuery(window=WINDOW)).rows
        )


def test_what_the_collectors_file_exporter_writes_is_read_line_by_line(tmp_path: Path, store: LiveStore) -> None:
    lines = [as_json(span_request(1)), b"", as_json(log_request()), orjson.dumps({"changes": [CHANGE]})]
    (tmp_path / "otlp.jsonl").write_bytes(b"\n".join(lines))
    assert import_into(tmp_path / "otlp.jsonl", store.submit, quietly) == {"spans": 1, "logs": 1, "changes": 1}
    assert store.reader.changes(ChangeQuery(window=WINDOW)).rows["service_name"].to_pylist() == ["checkout"]


def test_a_request_broken_into_lines_is_one_document(tmp_path: Path) -> None:
    pretty = orjson.dumps(orjson.loads(as_json(span_request(1))), option=orjson.OPT_INDENT_2)
    (tmp_path / "request.json").write_bytes(pretty)
    (batch,) = import_path(tmp_path / "request.json")
    assert batch.tables["spans"].num_rows == 1


def test_bare_changes_are_known_by_their_begin(tmp_path: Path) -> None:
    (tmp_path / "deploys.jsonl").write_bytes(orjson.dumps(CHANGE) + b"\n" + orjson.dumps(CHANGE))
    assert [batch.tables["changes"].num_rows for batch in import_path(tmp_path / "deploys.jsonl")] == [1, 1]


def test_feedback_is_known_by_its_files_name(tmp_path: Path) -> None:
    (tmp_path / "feedback.jsonl").write_bytes(orjson.dumps({"time": NOON.isoformat(), "text": "slow"}))
    (batch,) = import_path(tmp_path)
    assert batch.tables["feedback"]["text"].to_pylist() == ["slow"]


def test_importing_twice_adds_nothing(tmp_path: Path, store: LiveStore) -> None:
    (tmp_path / "logs.json").write_bytes(as_json(log_request()))
    for _ in range(2):
        import_into(tmp_path / "logs.json", store.submit, quietly)
    assert store.reader.records(LogQuery(window=WINDOW)).rows.num_rows == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"x", "cannot be imported; expected a folder"),
        ("a.json", b'{"foo": 1}', "line 1: neither OTLP/JSON"),
        ("a.json", b"{\n", "is no JSON"),
        ("a.jsonl", b'{"resourceSpans": []}\n{', "line 2: is no JSON"),
        ("a.jsonl", b'{"resourceSpans": 3}', "line 1: resourceSpans: expected a list"),
        ("a.json", gzip.compress(b"{}", mtime=0), "is no JSON"),
        ("spans.parquet", b"nothing", "is no Parquet file of spans"),
        ("other.parquet", b"nothing", "named after a table"),
    ],
)
def test_what_cannot_be_imported_is_named(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PayloadRejected) as rejected:
        list(import_path(path))
    assert str(rejected.value).startswith(str(path))
    assert reason in str(rejected.value)


def test_a_folder_with_nothing_in_it_and_a_path_that_is_missing_are_said(tmp_path: Path) -> None:
    with pytest.raises(PayloadRejected, match="holds nothing that can be imported"):
        list(import_path(tmp_path))
    with pytest.raises(PayloadRejected, match="there is no such file or folder"):
        list(import_path(tmp_path / "missing"))
