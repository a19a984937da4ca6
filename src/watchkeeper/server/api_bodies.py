"""What is sent to the API: small bodies, bounded texts."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from watchkeeper.domain import IncidentState, Verdict

MOST_DIAGNOSES = 100_000


def _plain(text: str) -> str:
    if any(ord(c) < 32 and c not in "\n\t\r" for c in text):
        raise ValueError("expected text without control characters")
    return text


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("expected a time of the years 1 to 9999 in UTC") from error


_Clean = AfterValidator(_plain)
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256), _Clean]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), _Clean]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True), _Clean]
LongText = Annotated[str, StringConstraints(max_length=200_000), _Clean]
Moved = Literal["mitigated", "resolved", "closed", "reopened"]


class Body(BaseModel, frozen=True, extra="forbid"):
    """What all bodies share: no field that is not known."""


class Decision(Body):
    """About a draft, as whoever decides has read it."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """As /drafts told it: where the draft reads otherwise by now, nothing is done (409). Null decides in any case."""


class Rejection(Decision):
    """Why a draft must not leave."""

    because: Reason


class Edit(Decision):
    """Other words for a draft."""

    title: Line
    text: LongText


class Judgement(Body):
    """What an engineer says about a diagnosis; `by` is whoever asks, `at` is now."""

    diagnosis: int = Field(ge=0, le=MOST_DIAGNOSES)
    judged: Literal["confirmed", "partly", "wrong"]
    true_cause: Line | None = None
    true_onset: Time | None = None
    ticket: Literal["valid", "false-alarm"] | None = None
    note: Reason | None = None

    @model_validator(mode="after")
    def _wrong_says_what_was_right(self) -> Self:
        if self.judged == "wrong" and not self.true_cause:
            raise ValueError("a verdict of `wrong` names the true cause, or `unknown`")
        return self

    def verdict(self, by: str, at: AwareDatetime) -> Verdict:
        """The same as a verdict."""
        named = self.model_dump(exclude={"note"})
        return Verdict(**named, by=by, at=at)


class Move(Body):
    """Where an incident is now."""

    state: Moved

    @property
    def to(self) -> IncidentState:
        """The same, as incidents call it."""
        return self.state


class Again(Body):
    """Which parcel is to be tried again."""

    key: Line
