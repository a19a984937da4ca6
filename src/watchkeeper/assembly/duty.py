"""What people see of the incidents and do about them, over the records, the outbox and the work in progress."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from watchkeeper.assembly.books import Books
from watchkeeper.assembly.course import Course, Courses, asked_of
from watchkeeper.assembly.looking import UnderWay, said
from watchkeeper.assembly.parts import Check, Part, parts_of
from watchkeeper.casebook.accuracy import Accuracy, accuracy
from watchkeeper.domain import CaseFile, IncidentId, IncidentState, KeptAlert, KeptParcel, Verdict
from watchkeeper.errors import KnowledgeUnavailable
from watchkeeper.records.summaries import CaseSummary, Deed, NumberedDraft, Order
from watchkeeper.telemetry.sources import Traces


class Runbooks(Protocol):
    """Where the steps for a case come from."""

    def steps_for(self, case: CaseFile) -> tuple[str, ...]:
        """The steps of the runbook that fits, empty without one."""


class OnDuty:
    """The incidents as people see them, and what they decide; see `server.duty.Duty`."""

    def __init__(
        self,
        books: Books,
        *,
        look: Callable[[IncidentId, str], object],
        plan: Callable[[IncidentId], object],
        runbooks: Runbooks,
        needed: Mapping[str, Check],
        wished: Mapping[str, Check],
        pending: Callable[[], Sequence[str]],
        traces: Traces,
    ) -> None:
        """`look(incident, occasion)` has it diagnosed, each occasion once; `plan` fills the outbox.

        `pending` names the work under way, as `INC-2026-0001/signal`; `traces` tell how requests went.
        """
        self._books, self._look, self._plan, self._runbooks = books, look, plan, runbooks
        self._needed, self._wished = needed, wished
        self._under_way, self._courses = UnderWay(pending), Courses(traces)

    def mark(self) -> str:
        """A text that changes whenever anything has."""
        # The records first: where they cannot be used, nothing else is waited for.
        return f"{self._books.decisions.mark()} {self._under_way.mark()}"

    def incidents(
        self,
        limit: int = 50,
        state: IncidentState | None = None,
        service: str | None = None,
        *,
        is_open: bool | None = None,
        order: Order = "latest",
    ) -> list[CaseSummary]:
        """The first incidents in that order."""
        return self._books.records.cases(limit, state, service, is_open=is_open, order=order)

    def open_count(self) -> int:
        """How many have not ended."""
        return self._books.records.open_count()

    def case(self, incident_id: IncidentId) -> CaseFile:
        """Everything about one."""
        return self._books.records.case(incident_id)

    def drafts(self, incident_id: IncidentId) -> list[NumberedDraft]:
        """Its drafts, with their numbers."""
        return self._books.decisions.drafts(incident_id)

    def alerts(self, incident_id: IncidentId | None = None, limit: int = 200) -> list[KeptAlert]:
        """The alerts that came in, the latest first."""
        return self._books.alerts.latest(incident_id, limit)

    def parcels(self, incident_id: IncidentId) -> list[KeptParcel]:
        """What is to be delivered about it, the oldest first."""
        return self._books.outbox.of(incident_id)

    def deeds(self, incident_id: IncidentId | None = None, limit: int = 200) -> list[Deed]:
        """Who did what, the latest first."""
        return self._books.decisions.deeds(incident_id, limit)

    def runbook(self, incident_id: IncidentId) -> tuple[str, ...]:
        """The steps of the runbook that fits its latest diagnosis; what cannot be read is none."""
        try:
            return self._runbooks.steps_for(self.case(incident_id))
        except KnowledgeUnavailable:
            return ()

    def looking(self, incident_id: IncidentId) -> str | None:
        """That it is being looked at now, since when and why; None while it is not."""
        occasion = self._under_way.occasion(incident_id)
        return None if occasion is None else said(occasion, self.alerts(incident_id), self.deeds(incident_id))

    def course(self, incident_id: IncidentId) -> tuple[Course, ...]:
        """How requests went around it; nothing where that is not known."""
        asked = asked_of(self.case(incident_id), self.alerts(incident_id), self.deeds(incident_id))
        return () if asked is None else self._courses.of(asked)

    def accuracy(self) -> Accuracy:
        """How often the diagnoses were right."""
        return accuracy(self._books.records.histories())

    def parts(self) -> list[Part]:
        """What works and what does not."""
        return parts_of(self._needed, self._wished)

    def approve(self, incident_id: IncidentId, draft: int, by: str, expected: str | None = None) -> None:
        """Let a draft leave."""
        self._books.decisions.approve(incident_id, draft, by, expected)
        self._plan(incident_id)

    def reject(self, incident_id: IncidentId, draft: int, by: str, because: str, expected: str | None = None) -> None:
        """Keep a draft from leaving."""
        self._books.decisions.reject(incident_id, draft, by, because, expected)

    def edit(
        self, incident_id: IncidentId, draft: int, by: str, title: str, text: str, expected: str | None = None
    ) -> None:
        """Put other words into a draft that is only proposed."""
        self._books.decisions.edit(incident_id, draft, by, title, text, expected)

    def judge(self, incident_id: IncidentId, verdict: Verdict, note: str | None = None) -> None:
        """Record a verdict; one that objects has the incident looked at again."""
        self._books.records.add_verdict(incident_id, verdict, note)
        subject = f"diagnosis {verdict.diagnosis}: {verdict.judged}"
        self._books.decisions.note(verdict.by, "judged", subject, note or "", incident_id)
        if verdict.judged == "wrong":
            self._look(incident_id, f"objection to diagnosis {verdict.diagnosis}")

    def look_again(self, incident_id: IncidentId, by: str) -> None:
        """Have it diagnosed again; asked twice while it is being done, it is done once."""
        known = len(self.case(incident_id).diagnoses)
        self._books.decisions.note(by, "asked to look again", "incident", incident_id=incident_id)
        self._look(incident_id, f"request {known}")

    def move(self, incident_id: IncidentId, state: IncidentState, by: str) -> None:
        """Say where it is now; its ticket follows."""
        self._books.decisions.move(incident_id, state, by)
        if state == "reopened":
            self._look(incident_id, f"request {len(self.case(incident_id).diagnoses)}")
        self._plan(incident_id)

    def send_again(self, key: str, by: str) -> None:
        """Try a parcel again that failed, or that may or may not have arrived."""
        parcel = self._books.outbox.again(key)
        self._books.decisions.note(by, "sent again", key, incident_id=parcel.parcel.incident_id)
