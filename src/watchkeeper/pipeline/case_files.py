"""What a diagnosis makes of its case file: the state that it leaves, and one more diagnosis in the list."""

from watchkeeper.diagnosis.again import OPEN_STATES
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.domain import CaseFile, Diagnosis, IncidentState
from watchkeeper.evidence.ledger import Ledger


def with_investigation(dossier: Dossier, ledger: Ledger, diagnosis: Diagnosis) -> CaseFile:
    """The dossier's case with one more diagnosis and what was asked for it."""
    case = dossier.case
    known = {entry.id for entry in case.evidence}
    return CaseFile.model_validate(
        {
            **dict(case),
            "incident": case.incident.model_copy(update={"state": state_after(case.incident.state, diagnosis)}),
            "evidence": (*case.evidence, *(e for e in ledger.evidence if e.id not in known)),
            "diagnoses": (*case.diagnoses, diagnosis),
        }
    )


def state_after(state: IncidentState, diagnosis: Diagnosis) -> IncidentState:
    """The state that a diagnosis leaves; an incident that is over stays so when somebody looks again."""
    if state not in OPEN_STATES:
        return state
    return "diagnosed" if diagnosis.status == "diagnosed" else "investigating"
