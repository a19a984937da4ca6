"""What all nouns are made of: names, probabilities, windows of time, and changes."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, StringConstraints, model_validator

ServiceName = Annotated[str, StringConstraints(min_length=1)]
EvidenceId = Annotated[str, StringConstraints(pattern=r"^e\d+$")]
IncidentId = Annotated[str, StringConstraints(pattern=r"^INC-\d{4}-\d{4,}$")]
Scalar = str | int | float | bool | AwareDatetime | None


def _finite(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"a probability lies between 0 and 1, not {value}")
    return value


Probability = Annotated[float, AfterValidator(_finite)]


class Noun(BaseModel, frozen=True, extra="forbid"):
    """What all nouns share: they do not change, and they take no field that they do not know."""


class Window(Noun):
    """A half-open stretch of time, [start, end)."""

    start: AwareDatetime
    end: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"a window ends after it begins, not {self.start.isoformat()} to {self.end.isoformat()}")
        return self

    @property
    def duration(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def holds(self, time: datetime) -> bool:
        """Whether the time lies inside."""
        return self.start <= time < self.end

    @classmethod
    def before(cls, end: datetime, seconds: float) -> Self:
        """The window of that many seconds that ends at `end`."""
        return cls(start=end - timedelta(seconds=seconds), end=end)


ChangeKind = Literal["deploy", "rollback", "config", "flag", "migration", "scaling"]


class Change(Noun):
    """Something that somebody changed on purpose: what a release verdict can blame or clear."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    kind: ChangeKind
    service: ServiceName
    environment: str | None = None
    version: str | None = None
    commits: tuple[str, ...] = ()
    author: str | None = None
    began_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    title: str | None = None
    expected_impact: str | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.ended_at is not None and self.ended_at < self.began_at:
            raise ValueError("a change cannot end before it began")
        return self
