from datetime import UTC, datetime, timedelta
from pathlib import Path

from watchkeeper.cli import show
from watchkeeper.cli.screen import one_line, plain
from watchkeeper.domain import (
    Affected,
    CaseFile,
    Change,
    Claim,
    Cost,
    Diagnosis,
    Evidence,
    Hypothesis,
    Incident,
    ReleaseVerdict,
    Rows,
    Scope,
    Signal,
    Window,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(start=NOON, end=NOON + timedelta(minutes=30))
DEPLOY = Change(id="d-17", kind="deploy", service="checkout", version="2.5.0", author="ann", began_at=NOON)
COST = Cost(seconds=1.25, queries=2)


def case(diagnosis: Diagnosis, service: str = "checkout") -> CaseFile:
    found = Evidence(
        id="e1",
        question="How many requests failed?",
        source="traces",
        query="SELECT 1",
        window=WINDOW,
        status="found",
        rows=Rows(columns=("n",), values=((1,),), total=1200),
    )
    failed = Evidence(
        id="e2",
        question="What was logged?",
        source="logs",
        query="SELECT 2",
        window=WINDOW,
        status="failed",
        failure="the store did not answer within 30 s",
    )
    signal = Signal(kind="question", at=NOON, service=service)
    incident = Incident(id="INC-2026-0007", signals=(signal,), window=WINDOW, service=service)
    return CaseFile(incident=incident, evidence=(found, failed), diagnoses=(diagnosis,))


def bad_deploy(service: str = "checkout", headline: str = "checkout is slow since it was deployed") -> Diagnosis:
    cause = Hypothesis(
        component=service,
        kind="bad-change",
        probability=0.83,
        claims=(Claim(text="p95 rose from 20 ms to 400 ms", evidence="e1"),),
        against=(Claim(text="CPU rose as well", evidence="e1"),),
        change=DEPLOY,
        onset=NOON,
        settled_by="rolling back",
    )
    return Diagnosis(
        at=NOON,
        status="diagnosed",
        headline=headline,
        hypotheses=(cause,),
        release=ReleaseVerdict(status="caused", change=DEPLOY, reason="it began 4 s before the onset"),
        scope=Scope(
            since=NOON,
            onset_uncertainty_seconds=5,
            affected=(
                Affected(
                    service=service,
                    operation="POST /orders",
                    requests=12_345,
                    errors=123,
                    p95_ms=412.4,
                    usual_p95_ms=20,
                ),
                Affected(service="a-service-with-a-very-long-name", requests=0, errors=0, p95_ms=61_000),
            ),
        ),
        suggested_fix="Roll checkout back to the version before 2.5.0.",
        gaps=("logs could not be read",),
        cost=COST,
    )


def test_the_first_line_is_the_sentence_and_the_last_says_where_the_case_lies() -> None:
    lines = show.case_text(case(bad_deploy()), Path("/home/case.json")).splitlines()
    assert lines[0] == "checkout is slow since it was deployed"
    assert lines[-1] == "Case      /home/case.json"


def test_everything_that_was_concluded_is_shown() -> None:
    text = " ".join(show.case_text(case(bad_deploy()), Path("/c")).split())
    for expected in (
        "diagnosed, 83% sure",
        "2026-03-01 12:00:00 UTC ± 5 s",
        "caused by deploy checkout 2.5.0 by ann at 2026-03-01 12:00:00 UTC (d-17): it began 4 s before the onset",
        "checkout POST /orders 12,345 1.0% 412 ms 20 ms",
        "a-service-with… all 0 - 61.0 s -",
        "+ p95 rose from 20 ms to 400 ms [e1]",
        "- CPU rose as well [e1]",
        "Roll checkout back",
        "To settle rolling back",
        "- logs could not be read",
        "e1 found 1,200 rows How many requests failed?",
        "e2 failed the store did not answer within 30 s",
        "1.2 s, 2 queries, engine: rules",
    ):
        assert expected in text


def test_nothing_is_wider_than_80_columns() -> None:
    wide = bad_deploy(service="x" * 200, headline="word " * 60)
    text = show.case_text(case(wide, service="x" * 200), Path("/c"))
    assert max(len(line) for line in text.splitlines()) <= 80


def test_an_inconclusive_diagnosis_says_why() -> None:
    thin = Diagnosis(
        at=NOON,
        status="inconclusive",
        headline="It cannot be told what is wrong with checkout.",
        inconclusive_because="checkout sent no telemetry",
        release=ReleaseVerdict(status="undetermined", reason="there is nothing to test"),
        cost=COST,
    )
    text = show.case_text(case(thin), Path("/c"))
    assert "Status    inconclusive\nBecause   checkout sent no telemetry\n" in text


def test_a_case_that_nobody_diagnosed_is_no_error() -> None:
    undiagnosed = case(bad_deploy()).model_copy(update={"diagnoses": ()})
    assert show.case_text(undiagnosed, Path("/c")).startswith("INC-2026-0007 has not been diagnosed yet")


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    hostile = "shop\x1b[31m\x07\u202eevil\u2066[bold]red[/bold]\nnext\x9b2J"
    assert one_line(hostile) == "shop[31mevil[bold]red[/bold] next2J"
    shown = show.case_text(case(bad_deploy(service=hostile, headline=hostile), service=hostile), Path("/c"))
    assert not set(shown) & set("\x1b\x07\u202e\u2066\x9b")


def test_text_from_outside_is_bounded() -> None:
    assert plain("x" * 10_000, limit=100) == "x" * 99 + "…"
