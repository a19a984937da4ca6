"""Hypothesis and Diagnosis: what may be the cause, and what was concluded at one moment."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from watchkeeper.domain.evidence import Claim, Figure, Struck, Text
from watchkeeper.domain.ground import Change, EvidenceId, Noun, Probability, ServiceName, Window

WORTH_A_LOOK = 0.02
"""The probability below which nobody should be sent to look."""

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
    proposed_by: Literal["rules", "model", "both"] = "rules"
    """Who thought of it; its claims were checked by code in any case."""


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
    evidence: EvidenceId | None = None


class Portion(Noun):
    """The requests of one service that share an attribute's value, in the incident and in the usual stretch."""

    service: ServiceName
    attribute: Text
    """Such as `http.route`, `service.version`, `host.name`, `cloud.region`, a feature flag."""
    value: str
    requests: int = Field(ge=0)
    errors: int = Field(ge=0)
    p95_ms: float | None = None
    usual_requests: int = Field(default=0, ge=0)
    usual_errors: int = Field(default=0, ge=0)
    usual_p95_ms: float | None = None
    evidence: EvidenceId | None = None


class Users(Noun):
    """How many different people sent requests in the incident, and how many of them met trouble."""

    attribute: Text
    """By what they are told apart, such as `enduser.id`."""
    seen: int = Field(ge=0)
    affected: int = Field(ge=0)
    met: Text
    """What counts as trouble, in words."""
    evidence: EvidenceId | None = None


class Measured(Noun):
    """What severity is judged on: one service, or one endpoint of it, as its users met it over the last minutes."""

    service: ServiceName
    operation: str | None = None
    """The endpoint; None for all of the service's requests."""
    window: Window
    is_since_onset: bool = False
    """Whether the window holds nothing but the incident: then it may be short."""
    is_entry: bool = False
    """Whether requests enter the system here; severity is judged on entry services."""
    requests: int = Field(ge=0)
    errors: int = Field(ge=0)
    p95_ms: float | None = None
    usual_p95_ms: float | None = None
    is_unavailable: bool = False
    """It had traffic, reports nothing any more, and its callers get no answer."""
    is_silent: bool = False
    """It reports nothing any more; whether it serves is not known, or its callers are still answered."""
    cpu_share: float | None = None
    memory_share: float | None = None
    evidence: EvidenceId | None = None

    @property
    def name(self) -> str:
        """The service, with its endpoint where it is one."""
        return f"{self.service} {self.operation}" if self.operation else self.service


class Scope(Noun):
    """Who is affected, and since when."""

    since: AwareDatetime | None = None
    onset_uncertainty_seconds: float | None = None
    affected: tuple[Affected, ...] = ()
    portions: tuple[Portion, ...] = ()
    """Endpoints, versions, hosts, regions, features that carry the trouble, the most affected first."""
    users: Users | None = None
    measured: tuple[Measured, ...] = ()


class Reproduction(Noun):
    """The request of one failing or slow trace as a command to try, redacted."""

    command: Text
    trace_id: Text
    evidence: EvidenceId


class Cost(Noun):
    """What a diagnosis took."""

    engine: Literal["rules", "model"] = "rules"
    seconds: float = Field(ge=0)
    queries: int = Field(default=0, ge=0)
    calls: int = Field(default=0, ge=0)
    """Completed calls of a model."""
    tokens: int = Field(default=0, ge=0)
    """Of prompts and replies together."""
    usd: float = Field(default=0.0, ge=0)
    """By the price table; 0 where the model has no price there."""
    model: str | None = None
    graph: Literal["single", "specialists"] | None = None
    claims_made: int = Field(default=0, ge=0)
    """Claims that a model made, those that were struck included, and those that it said again once corrected."""
    claims_struck: int = Field(default=0, ge=0)
    """Claims that did not hold when code asked again."""


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
    explanation: tuple[str, ...] = ()
    """What a model adds, in sentences: code filled in every number, and refused what is not from evidence."""
    reproduction: Reproduction | None = None
    """None where no trace can be turned into a request."""
    struck: tuple[Struck, ...] = ()
    """What was claimed and did not survive being checked."""
    figures: tuple[Figure, ...] = ()
    """Where each number in headline, fix and reasons comes from."""
    occasion: str = "signal"
    """Why it was made: the signal, `after 2 minutes`, a late change, on request."""
    changed: tuple[str, ...] = ()
    """What is different from the diagnosis before it, in sentences; empty for the first."""
    gaps: tuple[str, ...] = ()
    """What could not be seen: sources that failed, services without telemetry."""
    notes: tuple[str, ...] = ()
    """What a reader must know to read it right: which stretch was looked at, and whether the question was met."""
    waits_for: tuple[str, ...] = ()
    """What is not there yet and would make it surer, in sentences: alerts come before their evidence."""
    cost: Cost

    @property
    def settling(self) -> tuple[str, ...]:
        """What would decide it: of the stated cause, else of all that are probable enough to be worth a look."""
        first = self.hypotheses[:1]
        asked = first if self.status == "diagnosed" else [h for h in self.hypotheses if h.probability >= WORTH_A_LOOK]
        return tuple(dict.fromkeys(h.settled_by for h in asked or first if h.settled_by))

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
