"""What a question was taken for: the schema that the rules fill, and that a model may fill instead of them."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from watchkeeper.domain import EvidenceId, Noun, ServiceName, Window

Kind = Literal[
    "cause",
    "changes",
    "compare",
    "users",
    "over",
    "draft",
    "next",
    "evidence",
    "runbook",
    "status",
    "owner",
    "help",
    "unclear",
]
Paper = Literal["ticket", "incident-report", "post-mortem", "internal-update", "status-page"]
Missing = Literal["service", "time", "evidence"]
Word = Annotated[str, StringConstraints(min_length=1, max_length=120)]

MOST_NAMES = 12


class Intent(Noun):
    """One question: what is asked, about whom, about when, and what of that could not be made out."""

    kind: Kind = Field(
        description="cause: why something is wrong, or what is; changes: what was deployed or changed; compare: now "
        "against an earlier time; users: how many people are affected; over: whether the trouble has ended; draft: "
        "write a ticket, report or update; next: what to check or do next; evidence: show one piece of evidence; "
        "runbook: which runbook applies; status: how a service is doing; owner: who owns a service; help: what can "
        "be asked; unclear: none of these."
    )
    service: ServiceName | None = Field(
        default=None, description="The service asked about, exactly as in the list of known services; null for none."
    )
    typed: Word | None = Field(
        default=None, description="The service as the person typed it, where that differs from its name."
    )
    candidates: tuple[ServiceName, ...] = Field(
        default=(),
        max_length=MOST_NAMES,
        description="Known services that may be meant, where it is not clear which one; then `service` is null.",
    )
    since: AwareDatetime | None = Field(
        default=None, description="From when on, in ISO 8601 with a zone; null where nothing is said of it."
    )
    until: AwareDatetime | None = Field(
        default=None, description="Up to when, or at which moment, in ISO 8601 with a zone; null for now."
    )
    compare_to: Window | None = Field(
        default=None, description="compare only: the earlier stretch of time that is compared with."
    )
    paper: Paper | None = Field(default=None, description="draft only: what is to be written.")
    evidence: EvidenceId | None = Field(default=None, description="evidence only: its number, such as e12.")
    missing: tuple[Missing, ...] = Field(
        default=(),
        description="What was said and could not be made out: service (typed, and none is called that), time (a time "
        "that is none), evidence (no number was given).",
    )

    @model_validator(mode="after")
    def _its_times_are_in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("`until` is later than `since`")
        return self
