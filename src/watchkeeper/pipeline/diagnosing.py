"""Diagnose a signal, diagnose its case again, have it investigated: the case files that come of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from watchkeeper.diagnosis.again import differences
from watchkeeper.diagnosis.dossier import Dossier, Investigator
from watchkeeper.domain import CaseFile, Signal, Window
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.intake.incidents import open_incident
from watchkeeper.pipeline.case_files import state_after, with_investigation
from watchkeeper.pipeline.run import READINGS, Run, Say
from watchkeeper.pipeline.scan import Scan
from watchkeeper.telemetry.sources import Sources

NO_MORE = "no symptom stands out any more: it seems to be over"


def diagnose(
    signal: Signal,
    sources: Sources,
    *,
    now: datetime,
    say: Say = lambda _: None,
    number: int = 1,
    scan: Scan | None = None,
    investigator: Investigator | None = None,
    keep: Callable[[CaseFile], object] = lambda _: None,
) -> CaseFile:
    """Diagnose one signal with what can be known at `now`. A source that is down leaves a gap, never an exception.

    An investigator looks further once the rules are done: the case then has both diagnoses, and `keep` is given the
    rules' before a model is asked anything.
    """
    how = scan or Scan()
    run = Run(signal, sources, now, how, say, Ledger(readings=READINGS))
    diagnosis, window = run.diagnose()
    opened = open_incident(signal, number, window)
    incident = opened.model_copy(update={"state": state_after(opened.state, diagnosis)})
    case = CaseFile(incident=incident, evidence=run.ledger.evidence, diagnoses=(diagnosis,))
    return case if investigator is None else run.investigated(case, investigator, keep)


def resume(dossier: Dossier, sources: Sources, investigator: Investigator) -> CaseFile:
    """Go on with an investigation that was cut off, from the dossier that it began with."""
    ledger = Ledger(readings=READINGS)
    own = dossier.case.evidence
    ledger.adopt(own, Recheck(own, sources, READINGS))
    return with_investigation(dossier, ledger, investigator.investigate(dossier, ledger, sources))


def diagnose_again(
    case: CaseFile,
    sources: Sources,
    *,
    now: datetime,
    occasion: str,
    say: Say = lambda _: None,
    scan: Scan | None = None,
    investigator: Investigator | None = None,
    keep: Callable[[CaseFile], object] = lambda _: None,
) -> CaseFile:
    """The case with one more diagnosis, of everything that can be known at `now`, and with what has changed since.

    The past that is compared with reaches as far before the first signal as it did then.
    """
    how, signal = scan or Scan(), _to_explain(case)
    first = case.incident.signals[0].at
    how = replace(
        how,
        follow_seconds=max(how.follow_seconds, (now - signal.at).total_seconds()),
        lookback_seconds=how.lookback_seconds + max(0.0, (now - first).total_seconds()),
    )
    taken = max((int(entry.id[1:]) for entry in case.evidence), default=0)
    run = Run(signal, sources, now, how, say, Ledger(readings=READINGS, first=taken + 1))
    diagnosis, window = run.diagnose()
    before = case.latest
    changed = () if before is None else run.told(differences(before, diagnosis))
    if run.is_over:
        changed = (NO_MORE, *changed)
    figures = tuple(dict.fromkeys((*diagnosis.figures, *run.writer.figures)))
    diagnosis = diagnosis.model_copy(update={"occasion": occasion, "changed": changed, "figures": figures})
    span = Window(start=min(window.start, case.incident.window.start), end=max(window.end, case.incident.window.end))
    after = state_after(case.incident.state, diagnosis)
    again = CaseFile(
        incident=case.incident.model_copy(update={"window": span, "state": after}),
        evidence=(*case.evidence, *run.ledger.evidence),
        diagnoses=(*case.diagnoses, diagnosis),
        assignment=case.assignment,
        drafts=case.drafts,
        verdicts=case.verdicts,
    )
    return again if investigator is None else run.investigated(again, investigator, keep)


def _to_explain(case: CaseFile) -> Signal:
    """The latest signal that says what is wrong: that nobody reports any more explains nothing of what was before."""
    signals = case.incident.signals
    return next((signal for signal in reversed(signals) if not signal.is_of_everybody), signals[-1])
