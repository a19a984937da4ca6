"""What is sent to the API: small bodies, bounded texts."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from watchkeeper.domain import IncidentState, Verdict

MOST_DIAGNOSES = 100_000


def _plain(text: str) -> str:
    if any(ord(c) < 32 and c not in "\n\t\r" for c in text):
        raise ValueError("expected text without control characters")
    return text


_Clean = AfterValidator(_plain)
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), _Clean]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True), _Clean]
LongText = Annotated[str, StringConstraints(max_length=200_000), _Clean]
Moved = Literal["mitigated", "resolved", "closed", "reopened"]


class Body(BaseModel, frozen=True, extra="forbid"):
    """What all bodies share: no field that is not known."""


class Rejection(Body):
    """Why a draft must not leave."""

    because: Reason


class Edit(Body):
    """Other words for a draft."""

    title: Line
    text: LongText


class Judgement(Body):
    """What an engineer says about a diagnosis; `by` is whoever asks, `at` is now."""

    diagnosis: int = Field(ge=0, le=MOST_DIAGNOSES)
    judged: Literal["confirmed", "partly", "wrong"]
    true_cause: Line | None = None
    true_onset: AwareDatetime | None = None
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
