"""For each recorded drill: the diagnosis of the rules, asked for a runbook."""

from datetime import timedelta
from pathlib import Path

import pytest

from watchkeeper import library, settings
from watchkeeper.domain import CaseFile, Diagnosis, Signal
from watchkeeper.evaluation.recording import TELEMETRY, TRUTH
from watchkeeper.knowledge import Query, open_shelf, query_for
from watchkeeper.lab.truth import Truth
from watchkeeper.pipeline import diagnose
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.watch.detection import detect

INCIDENTS = sorted(path.parent for path in (library.HOME / "evals" / "incidents").glob(f"*/{TRUTH}"))
RIGHT = {
    "bad-deploy": "bad-deploy",
    "error-deploy": "bad-deploy",
    "pool-exhaustion": "connection-pool",
    "slow-dependency": "dependency-down",
    "cpu-hog": "cpu",
    "memory-leak": "memory",
    "crash": None,
    "silence": None,
    "nothing": None,
}
"""None of the ten is about a process that dies again and again, or about telemetry that ends."""


def diagnosed(folder: Path) -> tuple[CaseFile, Diagnosis]:
    truth, sources = Truth.from_yaml(folder / TRUTH), open_recording(folder / TELEMETRY)
    at = min(truth.symptom_onset + timedelta(seconds=60), truth.ends) if truth.symptom_onset else truth.ends
    signals = detect(sources, at)
    case = diagnose(signals[0] if signals else Signal(kind="question", at=at), sources, now=at)
    assert case.latest is not None
    return case, case.latest


def asked(case: CaseFile, found: Diagnosis) -> Query:
    if not found.hypotheses:
        return query_for(None, (), (found.headline,))
    top = found.hypotheses[0]
    measures = [signal.measure for signal in case.incident.signals if signal.measure]
    return query_for(top.kind, measures, (found.headline, *(claim.text for claim in top.claims)), top.component)


@pytest.mark.parametrize("folder", INCIDENTS, ids=lambda folder: folder.name)
def test_the_right_runbook_comes_first_or_none_where_there_is_none(folder: Path) -> None:
    case, found = diagnosed(folder)
    with open_shelf(settings.load(), lambda _: None) as shelf:
        hits = shelf.find(asked(case, found))
    first = hits[0].runbook.name if hits else None
    assert first == RIGHT[Truth.from_yaml(folder / TRUTH).kind]
