"""Files of telemetry as batches: Parquet recordings, OTLP/JSON (documents or lines), posted things as JSON lines."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from watchkeeper.errors import PayloadRejected, QueueFull
from watchkeeper.tables import TABLES, TableName
from watchkeeper.telemetry.live import Batch
from watchkeeper.telemetry.otlp import TABLE_OF, OtlpSignal, decode
from watchkeeper.telemetry.otlp_fields import Json
from watchkeeper.telemetry.posted import Posted, table_of_posted

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
EXPECTED = "a folder with spans.parquet, logs.parquet, …; or .json, .jsonl files of OTLP/JSON or changes"

_ROWS_A_BATCH = 50_000
_UNDER_WAY = 16
"""Batches that wait to be durable while the next is read."""
_KEYS: dict[str, OtlpSignal] = {
    "resourceSpans": "traces",
    "resource_spans": "traces",
    "resourceMetrics": "metrics",
    "resource_metrics": "metrics",
    "resourceLogs": "logs",
    "resource_logs": "logs",
}
_POSTED: tuple[Posted, ...] = ("changes", "feedback", "events")


def import_into(
    path: Path, submit: Callable[[Batch], "Future[None]"], say: Callable[[str], None]
) -> dict[TableName, int]:
    """Submit everything in a file or folder and wait until it is durable; how many rows each table was given.

    Raises PayloadRejected naming file and line for what cannot be read, and whatever the store raises.
    """
    rows: Counter[TableName] = Counter()
    under_way: deque[Future[None]] = deque()
    for file in files_in(path):
        say(f"importing {file}")
        for batch in _batches(file):
            under_way.append(_submitted(batch, submit, under_way))
            rows.update({name: table.num_rows for name, table in batch.tables.items()})
            if len(under_way) > _UNDER_WAY:
                under_way.popleft().result()
    for future in under_way:
        future.result()
    return dict(rows)


def import_path(path: Path) -> Iterator[Batch]:
    """Everything in a file or folder, batch by batch; raises PayloadRejected naming file and line."""
    for file in files_in(path):
        yield from _batches(file)


def files_in(path: Path) -> list[Path]:
    """The files of a path that can be imported, Parquet before JSON; raises PayloadRejected where there are none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise PayloadRejected(f"{path}: there is no such file or folder; expected {EXPECTED}")
    recorded = [file for name in TABLES for file in _recorded(path, name)]
    written = sorted(file for file in path.iterdir() if file.suffix in JSON_SUFFIXES)
    if not recorded and not written:
        raise PayloadRejected(f"{path}: holds nothing that can be imported; expected {EXPECTED}")
    return recorded + written


def _recorded(folder: Path, name: TableName) -> list[Path]:
    single = folder / f"{name}.parquet"
    return [single] if single.is_file() else sorted((folder / name).glob("*.parquet"))


def _submitted(
    batch: Batch, submit: Callable[[Batch], "Future[None]"], under_way: "deque[Future[None]]"
) -> "Future[None]":
    """Submit; where the queue is full, wait for what is under way first."""
    while under_way:
        try:
            return submit(batch)
        except QueueFull:
            under_way.popleft().result()
    return submit(batch)


def _batches(file: Path) -> Iterator[Batch]:
    if file.suffix == ".parquet":
        return _from_parquet(file)
    if file.suffix in JSON_SUFFIXES:
        return _from_json(file)
    raise PayloadRejected(f"{file}: cannot be imported; expected {EXPECTED}")


def _from_parquet(file: Path) -> Iterator[Batch]:
    name = next((name for name in TABLES if name in (file.stem, file.parent.name)), None)
    if name is None:
        raise PayloadRejected(f"{file}: expected a file named after a table: {', '.join(TABLES)}")
    digest = _digest_of(file)
    try:
        with pq.ParquetFile(file) as parquet:
            for number, batch in enumerate(parquet.iter_batches(_ROWS_A_BATCH, columns=TABLES[name].names)):
                table = pa.Table.from_batches([batch])
                yield Batch({name: table.select(TABLES[name].names).cast(TABLES[name])}, f"{digest}:{number}")
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise PayloadRejected(f"{file}: is no Parquet file of {name}: {str(error).splitlines()[0]}") from error


def _digest_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _from_json(file: Path) -> Iterator[Batch]:
    """A file that is one document, however it is broken into lines, or a document on each line."""
    with file.open("rb") as lines:
        first = next((line for line in lines if line.strip()), b"")
        if not _is_json(first):
            yield _batch(file.read_bytes(), str(file), file.stem)
            return
        lines.seek(0)
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _batch(line, f"{file}, line {number}", file.stem)


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _batch(text: bytes, place: str, stem: str) -> Batch:
    try:
        name, table = _table(text, stem)
    except PayloadRejected as error:
        raise PayloadRejected(f"{place}: {error}") from error
    return Batch({name: table}, hashlib.sha256(text).hexdigest())


def _table(text: bytes, stem: str) -> tuple[TableName, pa.Table]:
    try:
        document: Json = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise PayloadRejected(f"is no JSON: {error}") from error
    keys = document.keys() if isinstance(document, dict) else set()
    for key in keys & _KEYS.keys():
        return TABLE_OF[_KEYS[key]], decode(_KEYS[key], "json", text, datetime.now(UTC))
    what = _what_is_posted(document, stem)
    return what, table_of_posted(what, document)


def _what_is_posted(document: Json, stem: str) -> Posted:
    """Told by the wrapping key, by the file's name, or by `began_at`, which only changes have."""
    first = document[0] if isinstance(document, list) and document else document
    keys = first.keys() if isinstance(first, dict) else set()
    for what in _POSTED:
        if what in keys or what == stem:
            return what
    if "began_at" in keys:
        return "changes"
    raise PayloadRejected(
        f"neither OTLP/JSON ({', '.join(list(_KEYS)[::2])}) nor a change (began_at); "
        "feedback and events are read from feedback.jsonl and events.jsonl"
    )
