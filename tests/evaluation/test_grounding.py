"""Every recorded drill: no claim that code cannot check again, no number that was not filled in."""

from datetime import timedelta
from pathlib import Path

import pytest
from test_incidents import BROKEN, each_broken

from watchkeeper.diagnosis.audit import audit, claims_of, prose_of
from watchkeeper.domain import CaseFile, Claim
from watchkeeper.evaluation.recording import TELEMETRY, TRUTH
from watchkeeper.lab.truth import Truth
from watchkeeper.pipeline import READINGS, diagnose
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.watch.detection import detect


def case_of(folder: Path) -> CaseFile:
    truth, sources = Truth.from_yaml(folder / TRUTH), open_recording(folder / TELEMETRY)
    assert truth.symptom_onset is not None
    at = min(truth.symptom_onset + timedelta(seconds=60), truth.ends)
    return diagnose(detect(sources, at)[0], sources, now=at)


@each_broken
def test_everything_that_a_case_says_can_be_found_again(folder: Path):
    kept = CaseFile.model_validate_json(case_of(folder).model_dump_json())
    assert audit(kept, open_recording(folder / TELEMETRY), READINGS) == ()


def test_a_changed_word_or_number_is_found():
    case = case_of(BROKEN[0])
    diagnosis = case.diagnoses[0]
    sources = open_recording(BROKEN[0] / TELEMETRY)

    def problems(**changes: object) -> tuple[str, ...]:
        return audit(case.model_copy(update={"diagnoses": (diagnosis.model_copy(update=changes),)}), sources, READINGS)

    assert any("no source" in each for each in problems(headline=f"{diagnosis.headline} It cost 4711 orders."))
    moved = tuple(f.model_copy(update={"text": f"9{f.text}"}) for f in diagnosis.figures if f.evidence)
    assert any("when asked again" in each for each in problems(figures=moved))
    top = diagnosis.hypotheses[0]
    bare = top.model_copy(update={"claims": (Claim(text="it is so", evidence="e1", value=-1),)})
    assert any("is stated as the cause" in each for each in problems(hypotheses=(bare, *diagnosis.hypotheses[1:])))


def test_different_faults_give_different_first_sentences():
    headlines = [case_of(folder).diagnoses[0].headline for folder in BROKEN]
    assert len(set(headlines)) == len(BROKEN)


@pytest.mark.parametrize("folder", [BROKEN[0]], ids=lambda folder: folder.name)
def test_prose_and_claims_are_all_looked_at(folder: Path):
    diagnosis = case_of(folder).diagnoses[0]
    assert diagnosis.headline in prose_of(diagnosis)
    assert len(claims_of(diagnosis)) >= len(diagnosis.hypotheses)
