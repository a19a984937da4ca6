"""What `remote.py` and the server agree on: a question's name and JSON going in, an Arrow stream coming out."""

import io
from collections.abc import Iterator

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from watchkeeper.errors import QueryRejected
from watchkeeper.telemetry.sources import (
    Answer,
    CallQuery,
    Cancel,
    ChangeQuery,
    EventQuery,
    ExtentQuery,
    FeedbackQuery,
    LogCountQuery,
    LogQuery,
    MetricBucketQuery,
    MetricQuery,
    PortionQuery,
    RedQuery,
    Sources,
    SpanQuery,
    UserQuery,
)

QUESTIONS: dict[str, type[BaseModel]] = {
    "points": MetricQuery,
    "metric_buckets": MetricBucketQuery,
    "records": LogQuery,
    "log_counts": LogCountQuery,
    "spans": SpanQuery,
    "red": RedQuery,
    "calls": CallQuery,
    "portions": PortionQuery,
    "users": UserQuery,
    "changes": ChangeQuery,
    "feedback": FeedbackQuery,
    "events": EventQuery,
    "extent": ExtentQuery,
}
"""Each method of `Sources`, with the query that it takes."""

ARROW_STREAM = "application/vnd.apache.arrow.stream"
_ROWS_A_BATCH = 16_384
_QUERY = b"watchkeeper.query"
_IS_TRUNCATED = b"watchkeeper.is_truncated"


def query_from(question: str, body: bytes) -> BaseModel:
    """The typed query of a question; raises QueryRejected naming what was wrong with it."""
    kind = QUESTIONS.get(question)
    if kind is None:
        raise QueryRejected(f"there is no question {question[:80]!r}, expected one of {', '.join(QUESTIONS)}")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the query"
        raise QueryRejected(f"{question}: {place}: {first['msg']}") from error


def put(sources: Sources, question: str, query: BaseModel, cancel: Cancel) -> Answer:
    """Ask the sources; the question's name is that of the method."""
    answer: Answer = getattr(sources, question)(query, cancel)
    return answer


def chunks_of(answer: Answer) -> Iterator[bytes]:
    """An answer as an Arrow IPC stream, a few thousand rows at a time."""
    told = {_QUERY: answer.query.encode(), _IS_TRUNCATED: b"1" if answer.is_truncated else b"0"}
    schema = answer.rows.schema
    schema = schema.with_metadata({**(schema.metadata or {}), **told})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in answer.rows.to_batches(max_chunksize=_ROWS_A_BATCH):
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))
            yield _drained(sink)
    yield _drained(sink)


def answer_from(stream: bytes) -> Answer:
    """An answer read back from its Arrow IPC stream; raises pyarrow's ArrowInvalid where it is broken off."""
    rows = pa.ipc.open_stream(stream).read_all()
    told = dict(rows.schema.metadata or {})
    query, is_truncated = told.pop(_QUERY, b""), told.pop(_IS_TRUNCATED, b"0")
    return Answer(rows.replace_schema_metadata(told or None), query.decode(), is_truncated == b"1")


def _drained(sink: io.BytesIO) -> bytes:
    written = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return written
