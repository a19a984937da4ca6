"""Cases to draft from: one made by hand in which everything is known, and the recorded incidents."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from watchkeeper import library
from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import (
    Affected,
    Assignment,
    CaseFile,
    Change,
    Claim,
    Cost,
    Diagnosis,
    Evidence,
    Hypothesis,
    Incident,
    Measured,
    Portion,
    ReleaseVerdict,
    Reproduction,
    Rows,
    Scope,
    Signal,
    Users,
    Verdict,
    Window,
)
from watchkeeper.evaluation.recording import TELEMETRY, TRUTH
from watchkeeper.lab.truth import Truth
from watchkeeper.pipeline import diagnose
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.watch.detection import detect

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(start=NOON - timedelta(minutes=20), end=NOON + timedelta(minutes=10))
NOW = NOON + timedelta(minutes=11)
DEPLOY = Change(
    id="d-17",
    kind="deploy",
    service="checkout",
    environment="production",
    version="2.5.0",
    commits=("66aa966",),
    author="ann.lee",
    began_at=NOON - timedelta(seconds=4),
    ended_at=NOON - timedelta(seconds=1),
    title="checkout 2.5.0: new prices",
)
CATALOGUE = Catalogue.model_validate(
    {
        "services": {
            "gateway": {
                "objectives": [{"name": "the shop answers", "target_percent": 99.5, "window_days": 28}],
                "features": {"POST /checkout": "place an order", "GET /": "browse the shop"},
                "cost": {"per_failed_request": 14, "currency": "EUR"},
            },
            "checkout": {
                "team": "payments",
                "owner": "bo.berg",
                "repository": "https://git.example.com/shop/checkout",
                "runbooks": ["checkout.md"],
                "features": {"POST /orders": "place an order"},
                "objectives": [
                    {"name": "orders get through", "target_percent": 99, "latency_ms": 1000, "route": "POST /orders"}
                ],
            },
        }
    }
)
ASSIGNED = Assignment(
    severity="P1",
    team="payments",
    owner="bo.berg",
    actions=("page", "ticket"),
    reason="more than 5 % of requests fail",
    route="payments",
    channels=("#payments-alerts",),
)


def evidence(number: int, source: str = "traces", query: str = "SELECT 1", rows: Rows | None = None) -> Evidence:
    found = rows or Rows(columns=("n",), values=((1,),), total=1200)
    return Evidence(
        id=f"e{number}",
        question="How many failed?",
        source=source,
        query=query,
        window=WINDOW,
        status="found",
        rows=found,
    )


def hypothesis(component: str = "checkout", probability: float = 0.83, change: Change | None = DEPLOY) -> Hypothesis:
    return Hypothesis(
        component=component,
        kind="bad-change" if change else "errors",
        probability=probability,
        claims=(Claim(text="120 of 1,000 requests failed", evidence="e1", standing="supports"),),
        against=(Claim(text="CPU rose as well", evidence="e2"),),
        change=change,
        onset=NOON,
        settled_by="Rolling it back.",
    )


def scope(errors: int = 120, p95_ms: float = 900.0) -> Scope:
    return Scope(
        since=NOON,
        onset_uncertainty_seconds=2.5,
        affected=(
            Affected(service="gateway", requests=1000, errors=errors, p95_ms=p95_ms, usual_p95_ms=300.0),
            Affected(service="checkout", requests=400, errors=errors, p95_ms=700.0, usual_p95_ms=200.0),
        ),
        portions=(Portion(service="gateway", attribute="http.route", value="/checkout", requests=400, errors=errors),),
        users=Users(attribute="enduser.id", seen=50, affected=12, met="a failed request", evidence="e1"),
        measured=(Measured(service="gateway", window=WINDOW, is_entry=True, requests=1000, errors=errors),),
    )


def diagnosed(**changes: object) -> Diagnosis:
    values: dict[str, object] = {
        "at": NOON + timedelta(minutes=3),
        "status": "diagnosed",
        "headline": "12 % of requests to gateway fail since 12:00:00 UTC: deploy 2.5.0 of checkout did it (83% sure).",
        "hypotheses": (hypothesis(), hypothesis("gateway", 0.1, None)),
        "release": ReleaseVerdict(status="caused", change=DEPLOY, reason="it began 4 s after ann.lee deployed"),
        "scope": scope(),
        "suggested_fix": "Roll checkout back to 2.4.9.",
        "reproduction": Reproduction(command="curl -X POST http://gateway/checkout", trace_id="ab12", evidence="e1"),
        "gaps": ("logs of bank could not be read",),
        "cost": Cost(seconds=1.0),
    }
    return Diagnosis.model_validate({**values, **changes})


def case_of(*diagnoses: Diagnosis, **changes: object) -> CaseFile:
    signal = Signal(
        kind="alert",
        at=NOON + timedelta(minutes=2),
        service="gateway",
        measure="error ratio",
        text="error ratio of gateway: 12 %",
    )
    values: dict[str, object] = {
        "incident": Incident(
            id="INC-2026-0007", signals=(signal,), window=WINDOW, service="gateway", state="diagnosed"
        ),
        "evidence": (evidence(1), evidence(2, "metrics")),
        "diagnoses": diagnoses or (diagnosed(),),
        "assignment": ASSIGNED,
        "verdicts": (Verdict(diagnosis=0, judged="confirmed", by="cy.dorn", at=NOON + timedelta(minutes=9)),),
    }
    return CaseFile.model_validate({**values, **changes})


def inconclusive(**changes: object) -> Diagnosis:
    return diagnosed(
        status="inconclusive",
        headline="Inconclusive: no cause stands out",
        inconclusive_because="no cause stands out",
        release=ReleaseVerdict(status="undetermined", reason="no cause is established"),
        suggested_fix=None,
        reproduction=None,
        **changes,
    )


def nothing_wrong() -> Diagnosis:
    return diagnosed(
        status="nothing-wrong",
        headline="Nothing wrong is to be seen.",
        hypotheses=(),
        release=ReleaseVerdict(status="not-release-related", reason="there is no symptom"),
        scope=Scope(),
        suggested_fix=None,
        reproduction=None,
    )


RECORDED = sorted(path.parent for path in (library.HOME / "evals" / "incidents").glob(f"*/{TRUTH}"))


@cache
def recorded(folder: Path) -> CaseFile:
    """The case of a recorded incident, a minute after its first symptom."""
    truth, sources = Truth.from_yaml(folder / TRUTH), open_recording(folder / TELEMETRY)
    onset = truth.symptom_onset
    at = min(onset + timedelta(seconds=60), truth.ends) if onset is not None else truth.ends
    signals = detect(sources, at)
    return diagnose(signals[0] if signals else Signal(kind="question", at=at), sources, now=at)
