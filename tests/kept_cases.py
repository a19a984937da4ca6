"""Cases to keep and to judge: small, whole, with everything in them that refers to something else."""

from datetime import UTC, datetime, timedelta

from watchkeeper.domain import (
    CaseFile,
    Claim,
    Cost,
    Diagnosis,
    Evidence,
    Figure,
    Hypothesis,
    Incident,
    Measured,
    Reading,
    ReleaseVerdict,
    Rows,
    Scope,
    Signal,
    Verdict,
    Window,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WINDOW = Window(start=NOON - timedelta(minutes=30), end=NOON)
INNOCENT = ReleaseVerdict(status="not-release-related", reason="nothing was released")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def asked(number: int, value: object = 1, question: str = "How slow is cart?") -> Evidence:
    rows = Rows(columns=("time", "p95_ms"), values=((NOON, value),), total=1)  # type: ignore[arg-type]
    return Evidence(
        id=f"e{number}", question=question, source="store", query="SELECT …", window=WINDOW, status="found", rows=rows
    )


def computed(number: int, *of: int) -> Evidence:
    names = tuple(f"e{each}" for each in of)
    reading = Reading(name="onsets", of=names)
    query = f"onsets of {', '.join(names)} {{}}"
    return Evidence(
        id=f"e{number}", question="Since when?", source="analysis", query=query, window=WINDOW, status="empty",
        reading=reading,
    )  # fmt: skip


def diagnosis(
    minutes: float = 1.0,
    component: str = "cart",
    probability: float = 0.8,
    evidence: str = "e1",
    since: datetime | None = NOON - timedelta(minutes=2),
    occasion: str = "signal",
) -> Diagnosis:
    claim = Claim(text="cart is slow", evidence=evidence, figures=(Figure(text="1", evidence=evidence, selector="x"),))
    measured = Measured(service="cart", window=WINDOW, requests=100, errors=0, evidence=evidence)
    return Diagnosis(
        at=at(minutes),
        status="diagnosed",
        headline=f"{component} is slow",
        hypotheses=(Hypothesis(component=component, kind="latency", probability=probability, claims=(claim,)),),
        release=INNOCENT,
        scope=Scope(since=since, measured=(measured,)),
        occasion=occasion,
        cost=Cost(seconds=0.5),
    )


def inconclusive(minutes: float = 1.0) -> Diagnosis:
    return Diagnosis(
        at=at(minutes),
        status="inconclusive",
        headline="it is not clear what is wrong",
        inconclusive_because="too few requests",
        release=ReleaseVerdict(status="undetermined", reason="too few requests"),
        cost=Cost(seconds=0.5),
    )


def case(
    number: int = 1,
    *diagnoses: Diagnosis,
    evidence: tuple[Evidence, ...] = (asked(1),),
    noticed: datetime = NOON,
    service: str = "cart",
    state: str = "diagnosed",
    year: int = 2026,
) -> CaseFile:
    signal = Signal(kind="alert", at=noticed, service=service, observed=680.0, expected=240.0, text=f"{number}")
    incident = Incident(
        id=f"INC-{year}-{number:04d}", signals=(signal,), window=WINDOW, service=service, severity="P2", state=state
    )  # type: ignore[arg-type]
    return CaseFile(incident=incident, evidence=evidence, diagnoses=diagnoses or (diagnosis(),))


def verdict(
    judged: str = "confirmed",
    by: str = "ada",
    number: int = 0,
    minutes: float = 60.0,
    cause: str | None = None,
    onset: datetime | None = None,
    ticket: str | None = None,
) -> Verdict:
    true_cause = cause or ("unknown" if judged == "wrong" else None)
    return Verdict(
        diagnosis=number, judged=judged, by=by, at=at(minutes), true_cause=true_cause, true_onset=onset, ticket=ticket
    )  # type: ignore[arg-type]
