"""The nouns: Signal → Incident → Evidence → Diagnosis → Assignment → Draft → Verdict, and the CaseFile of them all.

Every invariant is enforced where the noun is made; a value that exists is a value that is right.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, model_validator

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


SignalKind = Literal["alert", "anomaly", "silence", "question", "release", "complaints", "business"]
Direction = Literal["up", "down"]


class Signal(Noun):
    """Something noticed: where, when, and in which figure, as far as that is known."""

    kind: SignalKind
    at: AwareDatetime
    """When it was noticed; the trouble itself may be older."""
    service: ServiceName | None = None
    measure: str | None = None
    """The figure that moved, such as `error ratio` or `p95 latency`."""
    direction: Direction | None = None
    observed: float | None = None
    expected: float | None = None
    text: str = ""


Severity = Literal["P1", "P2", "P3", "P4"]
IncidentState = Literal["open", "investigating", "diagnosed", "mitigated", "resolved", "closed", "reopened"]


class Incident(Noun):
    """Signals that belong together."""

    id: IncidentId
    signals: tuple[Signal, ...] = Field(min_length=1)
    window: Window
    service: ServiceName | None = None
    severity: Severity | None = None
    state: IncidentState = "open"


EvidenceStatus = Literal["found", "empty", "failed"]


class Rows(Noun):
    """A bounded excerpt of what a source answered, column names first."""

    columns: tuple[str, ...]
    values: tuple[tuple[Scalar, ...], ...] = ()
    total: int = 0
    """How many rows the answer had before it was bounded."""

    @model_validator(mode="after")
    def _rows_are_as_wide_as_the_columns(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.values):
            raise ValueError("each row has one value a column")
        if self.total < len(self.values):
            raise ValueError("the total counts the rows shown too")
        return self


class Evidence(Noun):
    """One question put to one source, with what it answered: enough for a person to ask again."""

    id: EvidenceId
    question: Annotated[str, StringConstraints(min_length=1)]
    source: Annotated[str, StringConstraints(min_length=1)]
    query: Annotated[str, StringConstraints(min_length=1)]
    """The exact text that the source was given."""
    window: Window
    status: EvidenceStatus
    """Absence is a result: `empty` is evidence, `failed` is a gap that the diagnosis must name."""
    rows: Rows = Rows(columns=())
    failure: str | None = None
    link: str | None = None

    @model_validator(mode="after")
    def _status_and_rows_agree(self) -> Self:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("evidence that failed says how, other evidence has no failure")
        if (self.status == "found") != (self.rows.total > 0):
            raise ValueError("evidence is `found` exactly when there are rows")
        return self


FaultKind = Literal[
    "errors",
    "latency",
    "bad-change",
    "crash",
    "pool-exhaustion",
    "slow-dependency",
    "cpu",
    "memory",
    "silence",
    "surge",
    "unknown",
]


class Claim(Noun):
    """One statement about one piece of evidence."""

    text: Annotated[str, StringConstraints(min_length=1)]
    evidence: EvidenceId


class Hypothesis(Noun):
    """One possible cause: a component, what is wrong with it, perhaps the change that did it."""

    component: ServiceName
    kind: FaultKind
    probability: Probability
    claims: tuple[Claim, ...] = Field(min_length=1)
    """What speaks for it: a hypothesis cites evidence."""
    against: tuple[Claim, ...] = ()
    change: Change | None = None
    dependency: str | None = None
    """The other end of the call that hurts, where the component only waits for it."""
    onset: AwareDatetime | None = None
    settled_by: str | None = None
    """What would confirm or refute it."""


ReleaseStatus = Literal["caused", "not-release-related", "undetermined"]


class ReleaseVerdict(Noun):
    """Whether a change did it, and which."""

    status: ReleaseStatus
    change: Change | None = None
    reason: Annotated[str, StringConstraints(min_length=1)]

    @model_validator(mode="after")
    def _a_guilty_change_is_named(self) -> Self:
        if (self.status == "caused") != (self.change is not None):
            raise ValueError("a change is named exactly when one is blamed")
        return self


class Affected(Noun):
    """How much of one service's or endpoint's traffic felt it."""

    service: ServiceName
    operation: str | None = None
    requests: int = Field(ge=0)
    errors: int = Field(ge=0)
    p95_ms: float | None = None
    usual_p95_ms: float | None = None


class Scope(Noun):
    """Who is affected, and since when."""

    since: AwareDatetime | None = None
    onset_uncertainty_seconds: float | None = None
    affected: tuple[Affected, ...] = ()


class Cost(Noun):
    """What a diagnosis took."""

    engine: Literal["rules", "model"] = "rules"
    seconds: float = Field(ge=0)
    queries: int = Field(default=0, ge=0)
    calls: int = Field(default=0, ge=0)
    tokens: int = Field(default=0, ge=0)


DiagnosisStatus = Literal["diagnosed", "nothing-wrong", "inconclusive"]


class Diagnosis(Noun):
    """What was concluded at one moment from what was known then."""

    at: AwareDatetime
    status: DiagnosisStatus
    headline: Annotated[str, StringConstraints(min_length=1)]
    hypotheses: tuple[Hypothesis, ...] = ()
    """Most probable first. An inconclusive diagnosis may list what was considered."""
    inconclusive_because: str | None = None
    release: ReleaseVerdict
    scope: Scope = Scope()
    suggested_fix: str | None = None
    gaps: tuple[str, ...] = ()
    """What could not be seen: sources that failed, services without telemetry."""
    notes: tuple[str, ...] = ()
    """What a reader must know to read it right: which stretch was looked at, and whether the question was met."""
    cost: Cost

    @model_validator(mode="after")
    def _an_empty_diagnosis_says_why(self) -> Self:
        if (self.status == "inconclusive") != (self.inconclusive_because is not None):
            raise ValueError("an inconclusive diagnosis says why, a conclusive one does not")
        if self.status == "diagnosed" and not self.hypotheses:
            raise ValueError("a diagnosis names at least one hypothesis, or is inconclusive")
        if self.status == "nothing-wrong" and self.hypotheses:
            raise ValueError("where nothing is wrong there is no hypothesis")
        ranks = [h.probability for h in self.hypotheses]
        if ranks != sorted(ranks, reverse=True):
            raise ValueError("hypotheses are ranked, the most probable first")
        return self


class Assignment(Noun):
    """Who should do what, how urgently."""

    severity: Severity
    team: Annotated[str, StringConstraints(min_length=1)]
    actions: tuple[Literal["page", "channel", "ticket", "email", "weekly-report", "propose-rollback"], ...]
    reason: Annotated[str, StringConstraints(min_length=1)]


DraftKind = Literal["ticket", "post-mortem", "status-update", "report", "backlog-item", "runbook-change", "alert-rule"]


class Draft(Noun):
    """Text for the outside world. It leaves only after a person, or a policy set beforehand, approved it."""

    kind: DraftKind
    title: Annotated[str, StringConstraints(min_length=1)]
    text: str
    state: Literal["proposed", "approved", "rejected", "published"] = "proposed"
    approved_by: str | None = None

    @model_validator(mode="after")
    def _nothing_leaves_unapproved(self) -> Self:
        if self.state in ("approved", "published") and not self.approved_by:
            raise ValueError("an approved or published draft names who, or which policy, approved it")
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
            for hypothesis in diagnosis.hypotheses:
                for claim in (*hypothesis.claims, *hypothesis.against):
                    if claim.evidence not in known:
                        raise ValueError(f"a claim cites {claim.evidence}, which is not in the case file")
        if any(verdict.diagnosis >= len(self.diagnoses) for verdict in self.verdicts):
            raise ValueError("a verdict judges a diagnosis that exists")
        return self

    @property
    def latest(self) -> Diagnosis | None:
        """The diagnosis that page and ticket show."""
        return self.diagnoses[-1] if self.diagnoses else None
