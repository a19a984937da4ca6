"""What pages and the API see of the incidents, and what people do about them: the one door to everything behind."""

from typing import Protocol

from watchkeeper.assembly.parts import Part
from watchkeeper.casebook.accuracy import Accuracy
from watchkeeper.domain import CaseFile, IncidentId, IncidentState, KeptAlert, KeptParcel, Verdict
from watchkeeper.records.summaries import CaseSummary, Deed, NumberedDraft

__all__ = ["Duty", "Part"]


class Duty(Protocol):
    """Everything about incidents that is shown, and everything that can be done; `assembly` implements it.

    Every method may be called from any thread, blocks for as long as the database takes, raises QueryRejected for
    what is not there or cannot be done, RecordsUnavailable where the records cannot be used. `by` is the name of
    whoever asks; what is done is in the audit trail.
    """

    def mark(self) -> str:
        """A text that changes whenever anything has changed that pages show; cheap, asked every second."""

    def incidents(
        self, limit: int = 50, state: IncidentState | None = None, service: str | None = None
    ) -> list[CaseSummary]:
        """The incidents, the latest first."""

    def case(self, incident_id: IncidentId) -> CaseFile:
        """Everything about one."""

    def drafts(self, incident_id: IncidentId) -> list[NumberedDraft]:
        """Its drafts, with their numbers."""

    def alerts(self, incident_id: IncidentId | None = None, limit: int = 200) -> list[KeptAlert]:
        """The alerts that came in, of one incident or of all, the latest first."""

    def parcels(self, incident_id: IncidentId) -> list[KeptParcel]:
        """What is to be delivered about it, and how far that has come, the oldest first."""

    def deeds(self, incident_id: IncidentId | None = None, limit: int = 200) -> list[Deed]:
        """Who did what, the latest first."""

    def runbook(self, incident_id: IncidentId) -> tuple[str, ...]:
        """The steps of the runbook that fits its latest diagnosis; empty where none does."""

    def accuracy(self) -> Accuracy:
        """How often the diagnoses were right."""

    def parts(self) -> list[Part]:
        """What works and what does not."""

    def approve(self, incident_id: IncidentId, draft: int, by: str) -> None:
        """Let a draft leave."""

    def reject(self, incident_id: IncidentId, draft: int, by: str, because: str) -> None:
        """Keep a draft from leaving; needs a reason."""

    def edit(self, incident_id: IncidentId, draft: int, by: str, title: str, text: str) -> None:
        """Put other words into a draft that is only proposed."""

    def judge(self, incident_id: IncidentId, verdict: Verdict, note: str | None = None) -> None:
        """Record a verdict; one that objects has the incident looked at again."""

    def look_again(self, incident_id: IncidentId, by: str) -> None:
        """Have it diagnosed again; returns at once."""

    def move(self, incident_id: IncidentId, state: IncidentState, by: str) -> None:
        """Say that it is mitigated, resolved, closed, or open again (`reopened`)."""

    def send_again(self, key: str, by: str) -> None:
        """Try a parcel again that failed, or that may or may not have arrived."""
