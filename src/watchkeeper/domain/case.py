"""Assignment, Draft, Verdict, and the CaseFile of everything about one incident."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from watchkeeper.domain.diagnosis import Diagnosis
from watchkeeper.domain.evidence import Claim, Evidence, Text
from watchkeeper.domain.ground import Noun, Scalar
from watchkeeper.domain.signals import Incident, Severity

Action = Literal["page", "channel", "ticket", "email", "weekly-report", "propose-rollback"]


class Assignment(Noun):
    """Who should do what, how urgently, and which rule says so."""

    severity: Severity
    team: Text
    actions: tuple[Action, ...]
    reason: Text
    """Why that severity, in words."""
    route: str = ""
    """The name of the rule in `config/routes.yaml` that matched."""
    owner: str | None = None
    channels: tuple[str, ...] = ()
    """Where notices go, such as `#payments-alerts`."""


DraftKind = Literal[
    "ticket",
    "incident-report",
    "post-mortem",
    "status-update",
    "report",
    "backlog-item",
    "runbook-change",
    "alert-rule",
]


class Draft(Noun):
    """Text for the outside world. It leaves only after a person, or a policy set beforehand, approved it."""

    kind: DraftKind
    title: Text
    text: str
    """Markdown."""
    audience: Literal["internal", "public"] = "internal"
    facts: dict[str, Scalar] = Field(default_factory=dict)
    """The same in fields, for systems that take fields: severity, team, since, cause, …"""
    state: Literal["proposed", "approved", "rejected", "published"] = "proposed"
    approved_by: str | None = None
    edited_by: str | None = None
    """Who changed the text by hand; no later diagnosis writes over it."""
    rejected_because: str | None = None

    @model_validator(mode="after")
    def _nothing_leaves_unapproved(self) -> Self:
        if self.state in ("approved", "published") and not self.approved_by:
            raise ValueError("an approved or published draft names who, or which policy, approved it")
        if (self.state == "rejected") != (self.rejected_because is not None):
            raise ValueError("a rejected draft says why, and no other does")
        return self


class Verdict(Noun):
    """An engineer's judgement of one diagnosis."""

    diagnosis: int = Field(ge=0)
    """Which of the incident's diagnoses, counted from 0."""
    judged: Literal["confirmed", "partly", "wrong"]
    by: Annotated[str, StringConstraints(min_length=1)]
    at: AwareDatetime
    true_cause: str | None = None
    true_onset: AwareDatetime | None = None
    ticket: Literal["valid", "false-alarm"] | None = None

    @model_validator(mode="after")
    def _wrong_says_what_was_right(self) -> Self:
        if self.judged == "wrong" and not self.true_cause:
            raise ValueError("a verdict of `wrong` names the true cause, or `unknown`")
        return self


class CaseFile(Noun):
    """Everything about one incident: what is stored, shown and scored."""

    incident: Incident
    evidence: tuple[Evidence, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    """Append-only: the latest is last."""
    assignment: Assignment | None = None
    drafts: tuple[Draft, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @model_validator(mode="after")
    def _claims_point_at_evidence_in_the_file(self) -> Self:
        known = {item.id for item in self.evidence}
        if len(known) != len(self.evidence):
            raise ValueError("each piece of evidence has an id of its own")
        for diagnosis in self.diagnoses:
            missing = {claim.evidence for claim in _claims_of(diagnosis)} - known
            if missing:
                raise ValueError(f"a claim cites {min(missing)}, which is not in the case file")
        if any(verdict.diagnosis >= len(self.diagnoses) for verdict in self.verdicts):
            raise ValueError("a verdict judges a diagnosis that exists")
        return self

    @property
    def latest(self) -> Diagnosis | None:
        """The diagnosis that page and ticket show."""
        return self.diagnoses[-1] if self.diagnoses else None


def _claims_of(diagnosis: Diagnosis) -> list[Claim]:
    stated = [claim for h in diagnosis.hypotheses for claim in (*h.claims, *h.against)]
    return stated + [struck.claim for struck in diagnosis.struck]
