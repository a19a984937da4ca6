"""Seconds after the first symptom: the kind of fault is told already, and what is still to come is named."""

from datetime import timedelta
from pathlib import Path

import pytest

from watchkeeper.domain import Diagnosis, Signal
from watchkeeper.evaluation.drills import TELEMETRY, TRUTH
from watchkeeper.lab.truth import Truth
from watchkeeper.pipeline import diagnose
from watchkeeper.telemetry.recording import open_recording

EVALS = Path(__file__).parents[2] / "evals"


def early(folder: Path, seconds: float) -> Diagnosis:
    """What is said so long after the symptom's onset."""
    truth = Truth.from_yaml(folder / TRUTH)
    assert truth.symptom_onset is not None
    at = truth.symptom_onset + timedelta(seconds=seconds)
    with open_recording(folder / TELEMETRY) as sources:
        found = diagnose(Signal(kind="anomaly", at=at), sources, now=at).latest
    assert found is not None
    return found


@pytest.fixture(scope="module")
def crash() -> Diagnosis:
    return early(EVALS / "incidents" / "crash-cart", 9)


def test_a_crash_is_called_so_before_anything_has_started_anew(crash: Diagnosis) -> None:
    assert (crash.hypotheses[0].component, crash.hypotheses[0].kind) == ("cart", "crash")
    assert "leaves calls unanswered" in crash.headline


def test_an_early_diagnosis_waits_for_more_of_the_incident(crash: Diagnosis) -> None:
    assert crash.waits_for[0] == "more of the incident: less than two minutes of it could be seen"


def test_what_weighs_most_is_told_in_words(crash: Diagnosis) -> None:
    assert any(note.startswith("what weighs most for cart: ") for note in crash.notes)


def test_waiting_for_a_connection_is_told_from_slow_code_by_the_span_that_waits() -> None:
    found = early(EVALS / "investigations" / "pool-exhaustion-checkout-5004", 33)
    assert (found.hypotheses[0].component, found.hypotheses[0].kind) == ("checkout", "pool-exhaustion")
