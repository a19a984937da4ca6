from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from watchkeeper.domain import (
    CaseFile,
    Claim,
    Cost,
    Diagnosis,
    Draft,
    Evidence,
    Hypothesis,
    Incident,
    ReleaseVerdict,
    Rows,
    Signal,
    Verdict,
    Window,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WINDOW = Window.before(NOON, 600)
CLEARED = ReleaseVerdict(status="not-release-related", reason="nothing was deployed")
COST = Cost(seconds=1)


def hypothesis(**more: object) -> Hypothesis:
    fields = {
        "component": "cart",
        "kind": "latency",
        "probability": 0.5,
        "claims": [{"text": "slow", "evidence": "e1"}],
    }
    return Hypothesis.model_validate(fields | more)


def test_a_naive_time_is_refused():
    with pytest.raises(ValidationError, match="timezone"):
        Window(start=datetime(2026, 5, 4), end=NOON)  # noqa: DTZ001


def test_a_window_ends_after_it_begins_and_does_not_hold_its_end():
    with pytest.raises(ValidationError, match="ends after it begins"):
        Window(start=NOON, end=NOON)
    assert WINDOW.holds(WINDOW.start)
    assert not WINDOW.holds(WINDOW.end)


def test_a_hypothesis_cites_evidence():
    with pytest.raises(ValidationError, match="claims"):
        hypothesis(claims=[])


def test_a_probability_lies_between_0_and_1():
    with pytest.raises(ValidationError, match="between 0 and 1"):
        hypothesis(probability=1.2)


def test_evidence_is_found_exactly_when_there_are_rows():
    fields = {"id": "e1", "question": "?", "source": "traces", "query": "SELECT 1", "window": WINDOW}
    with pytest.raises(ValidationError, match="exactly when there are rows"):
        Evidence.model_validate(fields | {"status": "found"})
    with pytest.raises(ValidationError, match="says how"):
        Evidence.model_validate(fields | {"status": "failed"})
    assert Evidence.model_validate(fields | {"status": "empty"}).rows.total == 0


def test_rows_are_as_wide_as_their_columns():
    with pytest.raises(ValidationError, match="one value a column"):
        Rows(columns=("a",), values=((1, 2),), total=1)


def test_an_empty_diagnosis_says_why():
    with pytest.raises(ValidationError, match="at least one hypothesis"):
        Diagnosis(at=NOON, status="diagnosed", headline="x", release=CLEARED, cost=COST)
    with pytest.raises(ValidationError, match="says why"):
        Diagnosis(at=NOON, status="inconclusive", headline="x", release=CLEARED, cost=COST)


def test_hypotheses_are_ranked():
    with pytest.raises(ValidationError, match="ranked"):
        Diagnosis(
            at=NOON, status="diagnosed", headline="x", release=CLEARED, cost=COST,
            hypotheses=(hypothesis(probability=0.2), hypothesis(probability=0.6)),
        )  # fmt: skip


def test_a_change_is_named_exactly_when_one_is_blamed():
    with pytest.raises(ValidationError, match="exactly when"):
        ReleaseVerdict(status="caused", reason="because")


def test_nothing_leaves_unapproved():
    with pytest.raises(ValidationError, match="approved"):
        Draft(kind="ticket", title="t", text="x", state="published")


def test_a_verdict_of_wrong_names_what_was_right():
    with pytest.raises(ValidationError, match="true cause"):
        Verdict(diagnosis=0, judged="wrong", by="ada", at=NOON)


def test_a_claim_points_at_evidence_in_the_case_file():
    incident = Incident(id="INC-2026-0001", signals=(Signal(kind="alert", at=NOON),), window=WINDOW)
    diagnosis = Diagnosis(
        at=NOON, status="diagnosed", headline="x", release=CLEARED, cost=COST, hypotheses=(hypothesis(),)
    )
    with pytest.raises(ValidationError, match="cites e1"):
        CaseFile(incident=incident, diagnoses=(diagnosis,))


def test_nouns_do_not_change():
    claim = Claim(text="slow", evidence="e1")
    with pytest.raises(ValidationError, match="frozen"):
        claim.text = "fast"  # type: ignore[misc]


def test_a_window_before_a_moment_has_its_length():
    assert WINDOW.duration == timedelta(minutes=10)
