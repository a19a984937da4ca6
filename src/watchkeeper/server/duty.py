"""What pages and the API see of the incidents, and what people do about them: the one door to everything behind."""

from typing import Protocol

from watchkeeper.assembly.course import Course
from watchkeeper.assembly.parts import Part
from watchkeeper.casebook.accuracy import Accuracy
from watchkeeper.domain import CaseFile, IncidentId, IncidentState, KeptAlert, KeptParcel, Verdict
from watchkeeper.records.summaries import CaseSummary, Deed, NumberedDraft, Order

__all__ = ["Course", "Duty", "Part"]


class Duty(Protocol):
    """Everything about incidents that is shown, and everything that can be done; `assembly` implements it.

    Every method may be called from any thread, blocks for as long as the database takes, raises QueryRejected for
    what is not there or cannot be done, RecordsUnavailable where the records cannot be used. `by` is the name of
    whoever asks; what is done is in the audit trail. `expected` is the digest of the draft that whoever decides has
    read (`NumberedDraft.digest`): where it reads otherwise by now, nothing is done. None decides about it as it is.
    """

    def mark(self) -> str:
        """A text that changes whenever anything has changed that pages show; cheap, asked every second."""

    def incidents(
        self,
        limit: int = 50,
        state: IncidentState | None = None,
        service: str | None = None,
        *,
        is_open: bool | None = None,
        order: Order = "latest",
    ) -> list[CaseSummary]:
        """The first incidents in that order; `is_open` asks for those that have not ended, or for those that have."""

    def open_count(self) -> int:
        """How many have not ended."""

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

    def looking(self, incident_id: IncidentId) -> str | None:
        """That it is being looked at at this moment, since when and why, on one line; None while it is not."""

    def course(self, incident_id: IncidentId) -> tuple[Course, ...]:
        """How requests went around it; empty where that is not known. May take some seconds."""

    def accuracy(self) -> Accuracy:
        """How often the diagnoses were right."""

    def parts(self) -> list[Part]:
        """What works and what does not."""

    def approve(self, incident_id: IncidentId, draft: int, by: str, expected: str | None = None) -> None:
        """Let a draft leave."""

    def reject(self, incident_id: IncidentId, draft: int, by: str, because: str, expected: str | None = None) -> None:
        """Keep a draft from leaving; needs a reason."""

    def edit(
        self, incident_id: IncidentId, draft: int, by: str, title: str, text: str, expected: str | None = None
    ) -> None:
        """Put other words into a draft that is only proposed."""

    def judge(self, incident_id: IncidentId, verdict: Verdict, note: str | None = None) -> None:
        """Record a verdict; one that objects has the incident looked at again."""

    def look_again(self, incident_id: IncidentId, by: str) -> None:
        """Have it diagnosed again; returns at once."""

    def move(self, incident_id: IncidentId, state: IncidentState, by: str) -> None:
        """Say that it is mitigated, resolved, closed, or open again (`reopened`)."""

    def send_again(self, key: str, by: str) -> None:
        """Try a parcel again that failed, or that may or may not have arrived."""
