"""What people and pipelines post as JSON: changes, feedback, product events, read strictly and kept as tables."""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

import orjson
import pyarrow as pa
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from watchkeeper.domain import ChangeKind
from watchkeeper.errors import PayloadRejected
from watchkeeper.tables import table_of
from watchkeeper.telemetry.otlp_columns import MAXIMUM_ATTRIBUTES, MAXIMUM_VALUE_CHARACTERS
from watchkeeper.telemetry.otlp_fields import Json, parsed
from watchkeeper.telemetry.otlp_values import text_of

Posted = Literal["changes", "feedback", "events"]

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def _without_nulls(value: object) -> object:
    return value.replace("\0", "") if isinstance(value, str) else value


def _plausible(time: datetime) -> datetime:
    if not EARLIEST <= time < LATEST:
        raise ValueError("a time between the years 1990 and 2100 was expected")
    return time.astimezone(UTC)


def _or_none(text: str | None) -> str | None:
    return text or None


Text = Annotated[str, BeforeValidator(_without_nulls), Field(max_length=1_024)]
Name = Annotated[str, BeforeValidator(_without_nulls), Field(min_length=1, max_length=256)]
MaybeText = Annotated[Text | None, AfterValidator(_or_none)]
MaybeName = Annotated[Name | None, AfterValidator(_or_none)]
LongText = Annotated[str, BeforeValidator(_without_nulls), Field(max_length=65_536)]
Time = Annotated[AwareDatetime, AfterValidator(_plausible)]
Attributes = Annotated[dict[Name, JsonValue], Field(max_length=MAXIMUM_ATTRIBUTES)]


class _Item(BaseModel, frozen=True, extra="forbid", strict=True):
    id: MaybeName = None
    """Who posts the same id again replaces what was there; without one it is made from the content."""
    attributes: Attributes = {}

    def identity(self) -> str:
        """The id that was given, else one that the same content always gets."""
        content = orjson.dumps(self.model_dump(mode="json", exclude={"id"}), option=orjson.OPT_SORT_KEYS)
        return self.id or hashlib.sha256(content).hexdigest()[:32]

    def attribute_pairs(self) -> list[tuple[str, str | None]]:
        """Attributes as text, the way telemetry's are kept."""
        texts = {key: text_of(value) for key, value in self.attributes.items()}
        return [(key, text and text[:MAXIMUM_VALUE_CHARACTERS].replace("\0", "")) for key, text in texts.items()]


class PostedChange(_Item, frozen=True):
    """A deploy, rollback, config edit, flag flip, migration or scaling, as CI tells it."""

    kind: ChangeKind
    service: Name
    environment: MaybeText = None
    version: MaybeText = None
    commits: Annotated[tuple[Text, ...], Field(max_length=1_000)] = ()
    author: MaybeText = None
    began_at: Time
    ended_at: Time | None = None
    title: MaybeText = None
    expected_impact: MaybeText = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.ended_at is not None and self.ended_at < self.began_at:
            raise ValueError("ended_at lies before began_at")
        return self

    def row(self) -> dict[str, object]:
        """One row of `tables.CHANGES`."""
        own = self.model_dump(include={"kind", "environment", "version", "author", "title", "expected_impact"})
        times = {"time": self.began_at, "ended_at": self.ended_at}
        return {**own, **times, "service_name": self.service, "commits": list(self.commits)}


class PostedFeedback(_Item, frozen=True):
    """What somebody said about the product."""

    time: Time
    channel: MaybeText = None
    service: MaybeName = None
    user_id: MaybeText = None
    text: Annotated[LongText | None, AfterValidator(_or_none)] = None
    score: Annotated[float | None, Field(allow_inf_nan=False)] = None

    def row(self) -> dict[str, object]:
        """One row of `tables.FEEDBACK`."""
        own = self.model_dump(include={"time", "channel", "user_id", "text", "score"})
        return {**own, "service_name": self.service}


class PostedEvent(_Item, frozen=True):
    """What somebody did with the product."""

    time: Time
    name: Name
    service: MaybeName = None
    user_id: MaybeText = None
    session_id: MaybeText = None
    feature: MaybeText = None

    def row(self) -> dict[str, object]:
        """One row of `tables.EVENTS`."""
        own = self.model_dump(include={"time", "name", "user_id", "session_id", "feature"})
        return {**own, "service_name": self.service}


_Items = list[PostedChange] | list[PostedFeedback] | list[PostedEvent]
_READERS: dict[Posted, TypeAdapter[_Items]] = {
    "changes": TypeAdapter(list[PostedChange]),
    "feedback": TypeAdapter(list[PostedFeedback]),
    "events": TypeAdapter(list[PostedEvent]),
}


def decode_posted(what: Posted, body: bytes) -> pa.Table:
    """One object, a list of them, or `{"changes": [...]}` as the table of that name, each id once (the last wins).

    Raises PayloadRejected naming the field, what was expected and what came.
    """
    return table_of_posted(what, parsed(body))


def table_of_posted(what: Posted, document: Json) -> pa.Table:
    """As `decode_posted`, for JSON that has been parsed already."""
    try:
        items = _READERS[what].validate_json(orjson.dumps(_listed(what, document)))
    except ValidationError as error:
        raise PayloadRejected(_told(what, error)) from error
    rows = {item.identity(): item for item in items}
    return table_of(
        what, [{**item.row(), "id": key, "attributes": item.attribute_pairs()} for key, item in rows.items()]
    )


def _listed(what: Posted, document: Json) -> Json:
    if isinstance(document, list):
        return document
    if isinstance(document, dict) and set(document) == {what}:
        inner = document[what]
        return inner if isinstance(inner, list) else [inner]
    return [document]


def _told(what: Posted, error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    told = "; ".join(_problem(what, problem) for problem in problems[:3])
    return told if len(problems) <= 3 else f"{told}; and {len(problems) - 3} more"


def _problem(what: Posted, problem: ErrorDetails) -> str:
    place, *fields = problem["loc"] or (0,)
    path = ".".join([f"{what}[{place}]", *(str(field)[:80] for field in fields)])
    if problem["type"] == "missing":
        return f"{path}: is missing"
    if problem["type"] == "extra_forbidden":
        return f"{path}: is no known field"
    try:
        came = orjson.dumps(problem["input"]).decode()
    except orjson.JSONEncodeError:
        came = type(problem["input"]).__name__
    return f"{path}: {problem['msg']}, got {came if len(came) <= 80 else came[:77] + '...'}"
