"""What an investigator hands in: hypotheses with claims that nobody has checked yet."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from watchkeeper.domain import ClaimRole, FaultKind, Operator

MOST_HYPOTHESES, MOST_CLAIMS, MOST_SENTENCES = 4, 6, 4

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
MitigationKind = Literal[
    "roll-back", "restart", "scale-out", "fail-over", "raise-limit", "disable-flag", "follow-runbook", "observe"
]


class Handed(BaseModel):
    """What comes from outside: fields that are not known are left out of it, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ProposedClaim(Handed):
    """One statement about one piece of evidence, as a predicate that code evaluates by asking again."""

    evidence: str = Field(description="The number of the evidence, such as e12.", max_length=10)
    selector: str = Field(
        description="One figure of its rows: count() or min|max|mean|sum|first|last(column), then perhaps "
        '`where column = "x" and …`.',
        max_length=400,
    )
    operator: Operator = Field(description="How the figure compares with `value`.")
    value: str | float = Field(description="A number as in the rows (a share is 0.31, not 31), or a time in ISO 8601.")
    unit: Literal["", "ms", "s", "%", "x", "count", "MB", "clock", "text"] = Field(
        default="", description="How the figure is to be shown; % for shares between 0 and 1."
    )
    about: Name = Field(description="The component that the row speaks of.")
    role: ClaimRole = Field(
        default="cause", description="cause or symptom; timing for when its trouble began; change; context."
    )


class Proposal(Handed):
    """One possible cause."""

    component: Name = Field(description="The component whose own doing it is, as named in the evidence.")
    kind: FaultKind
    probability: float = Field(ge=0, le=1, description="How likely it is the cause, given all that was seen.")
    change_id: str | None = Field(default=None, description="The id of the change that did it, from evidence.")
    claims: tuple[ProposedClaim, ...] = Field(description="What speaks for it, the strongest first.")
    against: tuple[ProposedClaim, ...] = Field(default=(), description="What speaks against it.")


class Mitigation(Handed):
    """What should be done first, out of what can be named."""

    kind: MitigationKind
    target: Name = Field(description="The component, the id of a change, or a runbook's name, as evidence names it.")


class Findings(Handed):
    """The end of an investigation."""

    hypotheses: tuple[Proposal, ...] = Field(default=(), description="Most probable first; empty if nothing is wrong.")
    sentences: tuple[str, ...] = Field(
        default=(),
        description="At most four sentences that explain it to a tired person; numbers only as placeholders.",
    )
    mitigation: Mitigation | None = None
