"""The steps of a look into an incident, with the telemetry, the records and the model that the settings name."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from watchkeeper import catalogue, pipeline
from watchkeeper.assembly.attentive import Attentive, with_gap
from watchkeeper.assembly.cases import drafted, redacted, routed, scan_of, write_case
from watchkeeper.assembly.investigating import FILE, looked_at_again, open_investigator
from watchkeeper.assembly.sources import Say
from watchkeeper.diagnosis.conclude import cannot_tell
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.domain import CaseFile, Cost, Diagnosis, IncidentId
from watchkeeper.errors import ModelUnavailable, RecordsUnavailable, SourceUnavailable
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import Sources
from watchkeeper.workflows.course import PASSING

if TYPE_CHECKING:
    from watchkeeper.agents.investigator import ModelInvestigator
    from watchkeeper.records.store import Records

OpenModel = Callable[[], AbstractContextManager["ModelInvestigator"]]
ELSEWHERE = "its telemetry lies in a recording, which is not here"
PATIENCE = timedelta(seconds=8)
"""For how long telemetry that does not answer is asked again before the case says that it did not."""
_COUNTED = re.compile(r"(request|worsened|reopened|new signal|telemetry answers again) \d+")

_log = structlog.get_logger()


class IncidentSteps:
    """See `workflows.steps.Steps`. Every step reads the case anew, and keeps what it made before it ends."""

    def __init__(
        self,
        settings: Settings,
        sources: Sources,
        records: "Callable[[], Records]",
        say: Say,
        *,
        plan_and_put: Callable[[IncidentId], int],
        open_model: OpenModel | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`records` may raise RecordsUnavailable; `open_model` takes the place of the settings' endpoint.

        `plan_and_put` puts into the outbox what a policy lets leave, each thing once, and says how many those are.
        """
        self._settings, self._sources, self._records, self._say = settings, sources, records, say
        self._plan_and_put, self._clock = plan_and_put, clock
        self._waiting_since: dict[str, datetime] = {}
        self._open_model = open_model or (lambda: open_investigator(settings, say))

    def begin(self, incident_id: IncidentId, occasion: str) -> int:
        """An open incident is investigated from now on."""
        case = self._case(incident_id)
        if case.incident.state == "open":
            incident = case.incident.model_copy(update={"state": "investigating"})
            self._records().save(case.model_copy(update={"incident": incident}))
        self._say(f"{incident_id} is looked into ({occasion}).")
        return len(case.diagnoses)

    def gather(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        """The rules' diagnosis of what can be known now, kept; where they fail, that is what it says."""
        case = self._case(incident_id)
        if case.incident.is_recorded:
            return ELSEWHERE
        if len(case.diagnoses) > before:
            return "it was diagnosed already"
        asked = Attentive(self._sources)
        again = self._diagnosed(case, said(occasion), asked.sources)
        if asked.failure is not None:
            self._require_patience_spent(f"{incident_id}/{before}", asked.failure)
            again = with_gap(again, asked.failure)
        self._records().save(redacted(self._settings, again))
        return again.diagnoses[-1].headline

    def diagnose(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        """A model looks further where one is set; killed in the middle of it, it goes on where it was."""
        case = self._case(incident_id)
        if self._settings.workflows.engine != "model" or case.incident.is_recorded:
            return "no model is set to look further"
        if len(case.diagnoses) > before + 1:
            return "a model has looked further already"
        try:
            with self._open_model() as investigator:
                further = looked_at_again(self._settings, case, self._sources, self._say, investigator)
        except ModelUnavailable as error:
            return f"the model cannot be asked: {error}"
        self._records().save(further)
        return further.diagnoses[-1].headline

    def route(self, incident_id: IncidentId) -> str:
        """Severity, team and actions, as `config/routes.yaml` has them now."""
        case = routed(self._settings, self._case(incident_id), catalogue.load(self._settings.home))
        if case.assignment is None:
            return "nobody diagnosed it, so it is nobody's yet"
        self._records().save(redacted(self._settings, case))
        return f"{case.assignment.severity}, {case.assignment.team}"

    def draft(self, incident_id: IncidentId) -> str:
        """Drafts of the latest diagnosis; what a person decided about or edited stays."""
        case = self._case(incident_id)
        if case.latest is None:
            return "there is nothing to write about yet"
        kept = self._records().save(drafted(self._settings, case, case.latest.at))
        write_case(self._settings, kept, self._say)
        return f"{len(kept.drafts)} drafts"

    def deliver(self, incident_id: IncidentId) -> str:
        """What may leave by itself, into the outbox."""
        return f"{self._plan_and_put(incident_id)} to be delivered"

    def _case(self, incident_id: IncidentId) -> CaseFile:
        return self._records().case(incident_id)

    def _require_patience_spent(self, look: str, failure: str) -> None:
        """Raise SourceUnavailable for a moment: what is only started anew answers by then, else the case says so."""
        began = self._waiting_since.setdefault(look, self._clock())
        if self._clock() - began < PATIENCE:
            raise SourceUnavailable(failure)
        del self._waiting_since[look]

    def _diagnosed(self, case: CaseFile, why: str, sources: Sources) -> CaseFile:
        """The case with the rules' diagnosis of now; a bug in them is no reason to lose the incident."""
        now = self._clock()
        wants_model = self._settings.workflows.engine == "model"
        noted = _Noted()
        rules: list[CaseFile] = []
        try:
            found = pipeline.diagnose_again(
                case,
                sources,
                now=now,
                occasion=why,
                say=self._say,
                scan=scan_of(self._settings),
                investigator=noted if wants_model else None,
                keep=rules.append,
            )
        except PASSING:
            raise
        except Exception as error:  # noqa: BLE001  a person is told, with everything else that is known
            _log.error("the rules failed", incident=case.incident.id, kind=type(error).__name__)
            _log.debug("where the rules failed", exc_info=True)
            because = f"the diagnosis failed, which is a fault of watchkeeper ({type(error).__name__})"
            unknown = cannot_tell(now, because, (), Cost(seconds=0)).model_copy(update={"occasion": why})
            return case.model_copy(update={"diagnoses": (*case.diagnoses, unknown)})
        if noted.dossier is None:
            return found
        self._keep_dossier(noted.dossier)
        return rules[0]

    def _keep_dossier(self, dossier: Dossier) -> None:
        """Keep what a model is to begin with, so that it goes on from this very evidence, in a later step."""
        from watchkeeper.agents.checkpoints import opened
        from watchkeeper.agents.endpoint import clean_of

        try:
            with opened(self._settings.home / FILE, clean_of(self._settings.redaction)) as kept:
                kept.begin(dossier, self._clock())
        except RecordsUnavailable as error:
            self._say(f"{error}; the model begins anew")


def said(occasion: str) -> str:
    """An occasion as people are told: without the number that makes it one of its kind."""
    counted = _COUNTED.fullmatch(occasion)
    return counted[1] if counted else occasion


class _Noted:
    """Stands where an investigator would, notes what that would begin with, and looks no further."""

    def __init__(self) -> None:
        self.dossier: Dossier | None = None

    def investigate(self, dossier: Dossier, ledger: Ledger, sources: Sources) -> Diagnosis:
        """Note the dossier; the rules' diagnosis stands."""
        self.dossier = dossier
        return dossier.rules
