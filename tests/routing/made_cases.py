"""Cases made of the few facts that routing looks at."""

from datetime import UTC, datetime, timedelta

from watchkeeper.domain import (
    CaseFile,
    Change,
    Claim,
    Cost,
    Diagnosis,
    Evidence,
    FaultKind,
    Hypothesis,
    Incident,
    Measured,
    ReleaseVerdict,
    Rows,
    Scope,
    Signal,
    Window,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""A Monday."""
DEPLOY = Change(id="d-17", kind="deploy", service="checkout", version="2.5.0", began_at=NOON)
NO_RELEASE = ReleaseVerdict(status="not-release-related", reason="nothing was released in the day before")
BY_A_RELEASE = ReleaseVerdict(status="caused", change=DEPLOY, reason="the new version alone fails")
UNDETERMINED = ReleaseVerdict(status="undetermined", reason="no cause is established")


def measured(
    service: str = "dashboard",
    requests: int = 1000,
    errors: int = 0,
    p95_ms: float | None = 240.0,
    usual_p95_ms: float | None = 240.0,
    *,
    seconds: float = 300,
    is_entry: bool = True,
    is_unavailable: bool = False,
    is_silent: bool = False,
    cpu_share: float | None = None,
    memory_share: float | None = None,
) -> Measured:
    """One service over the last five minutes; calm unless something else is said."""
    return Measured(
        service=service,
        window=Window.before(NOON, seconds),
        is_entry=is_entry,
        requests=requests,
        errors=errors,
        p95_ms=p95_ms,
        usual_p95_ms=usual_p95_ms,
        is_unavailable=is_unavailable,
        is_silent=is_silent,
        cpu_share=cpu_share,
        memory_share=memory_share,
    )


def diagnosed(
    *figures: Measured,
    component: str = "checkout",
    kind: FaultKind = "latency",
    release: ReleaseVerdict = NO_RELEASE,
    at: datetime = NOON,
) -> Diagnosis:
    cause = Hypothesis(component=component, kind=kind, probability=0.9, claims=(Claim(text="slow", evidence="e1"),))
    return Diagnosis(
        at=at,
        status="diagnosed",
        headline=f"{component} is slow",
        hypotheses=(cause,),
        release=release,
        scope=Scope(measured=figures),
        cost=Cost(seconds=1),
    )


def inconclusive(*figures: Measured) -> Diagnosis:
    return Diagnosis(
        at=NOON,
        status="inconclusive",
        headline="It cannot be told",
        inconclusive_because="there is too little telemetry",
        release=UNDETERMINED,
        scope=Scope(measured=figures),
        cost=Cost(seconds=1),
    )


def nothing_wrong(*figures: Measured) -> Diagnosis:
    return Diagnosis(
        at=NOON,
        status="nothing-wrong",
        headline="Nothing wrong is to be seen",
        release=NO_RELEASE,
        scope=Scope(measured=figures),
        cost=Cost(seconds=1),
    )


def case_of(*diagnoses: Diagnosis, service: str | None = "dashboard", measure: str | None = None) -> CaseFile:
    window = Window(start=NOON - timedelta(minutes=30), end=NOON)
    signal = Signal(kind="alert", at=NOON, service=service, measure=measure)
    asked = Evidence(
        id="e1",
        question="How long did requests take?",
        source="traces",
        query="SELECT 1",
        window=window,
        status="found",
        rows=Rows(columns=("n",), values=((1,),), total=1),
    )
    incident = Incident(id="INC-2026-0007", signals=(signal,), window=window, service=service)
    return CaseFile(incident=incident, evidence=(asked,), diagnoses=diagnoses)
