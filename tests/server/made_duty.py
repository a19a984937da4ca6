"""A Duty in memory, for pages and their tests: cases that change when told to, records that fail when told to.

`MadeDuty()` is empty; `recorded_duty(*names)` holds recorded incidents, diagnosed, routed and drafted, as if they had
happened in the last day; `duty.add(case)`, `duty.take_in(alert)`, `duty.put_out(parcel)` make things happen while a
page is open; `duty.breaks("why")` and `duty.works()` make the records fail and recover. `PYTHONPATH=tests
python -m server.made_duty` serves the pages over all recorded incidents, to look at.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache

from drafts.drafted_cases import RECORDED, recorded
from watchkeeper import settings
from watchkeeper.assembly.cases import finished
from watchkeeper.casebook.accuracy import Accuracy, accuracy
from watchkeeper.domain import (
    Alert,
    AlertOutcome,
    CaseFile,
    Draft,
    Incident,
    IncidentId,
    IncidentState,
    KeptAlert,
    KeptParcel,
    Parcel,
    ParcelState,
    Receipt,
    Verdict,
)
from watchkeeper.errors import QueryRejected, RecordsUnavailable
from watchkeeper.records.summaries import (
    OVER,
    CaseSummary,
    Conclusion,
    Deed,
    History,
    NumberedDraft,
    Order,
    digest_of,
)
from watchkeeper.server.duty import Course, Part

PARTS = (
    Part(name="telemetry", is_well=True, is_needed=True, says="6 services reported in the last minute."),
    Part(name="records", is_well=True, is_needed=True, says="SQLite, 11 incidents, 4 MB."),
    Part(name="workflows", is_well=True, is_needed=True, says="Nothing is waiting."),
    Part(name="watch", is_well=True, is_needed=False, says="Looked 4 s ago; looks every 5 s."),
    Part(name="prometheus", is_well=True, is_needed=False, says="http://127.0.0.1:9090 answers in 12 ms."),
    Part(name="model", is_well=False, is_needed=False, says="None is configured; the rules diagnose."),
    Part(name="jira", is_well=True, is_needed=False, says="Signed in as watchkeeper; project OPS."),
    Part(name="slack", is_well=False, is_needed=False, says="No webhook is configured."),
)
_RANK = {"P1": 0, "P2": 1, None: 2, "P3": 3, "P4": 4}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?=[T ]\d{2}:)")


def utc_now() -> datetime:
    return datetime.now(UTC)


class MadeDuty:
    """Everything that `server.duty.Duty` promises, over a few dictionaries; every change changes `mark()`."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._changes = 0
        self._broken: str | None = None
        self._cases: dict[IncidentId, CaseFile] = {}
        self._revisions: dict[IncidentId, int] = {}
        self._updated: dict[IncidentId, datetime] = {}
        self._alerts: list[KeptAlert] = []
        self._parcels: dict[str, KeptParcel] = {}
        self._deeds: list[Deed] = []
        self._notes: list[str | None] = []
        self.parts_known: tuple[Part, ...] = PARTS
        self.steps: tuple[str, ...] = (
            "Look whether the release of that minute did it: `git log -3`.",
            "Roll it back, and see the error ratio fall within two minutes.",
            "Tell the team in its channel.",
        )
        self.looked_again: list[IncidentId] = []
        self.courses: dict[IncidentId, tuple[Course, ...]] = {}
        self._looked_at: dict[IncidentId, str] = {}
        self.read_whole: list[IncidentId] = []
        """Cases that were read in full, each time."""

    # What a test does to it

    def add(self, case: CaseFile) -> None:
        """An incident appears, or another look at it replaces what was known."""
        self._keep(case)

    def take_in(
        self,
        alert: Alert,
        outcome: AlertOutcome = "opened",
        incident_id: IncidentId | None = None,
        reason: str = "the first of its kind",
    ) -> None:
        """An alert comes in."""
        with self._lock:
            number = len(self._alerts) + 1
            kept = KeptAlert(
                id=number, alert=alert, received_at=self._clock(), outcome=outcome, incident_id=incident_id,
                reason=reason,
            )  # fmt: skip
            self._alerts.append(kept)
            self._changes += 1

    def put_out(
        self, parcel: Parcel, state: ParcelState = "waiting", error: str | None = None, receipt: Receipt | None = None
    ) -> None:
        """Something is to be delivered."""
        now = self._clock()
        with self._lock:
            self._parcels[parcel.key] = KeptParcel(
                parcel=parcel, state=state, attempts=0 if state == "waiting" else 1, not_before=now, error=error,
                receipt=receipt, created_at=now, updated_at=now,
            )  # fmt: skip
            self._changes += 1

    def set_parts(self, parts: Iterable[Part]) -> None:
        """Other parts work now."""
        with self._lock:
            self.parts_known = tuple(parts)
            self._changes += 1

    def look_at(self, incident_id: IncidentId, says: str | None = "Being looked at since 12:44:35 UTC") -> None:
        """It is being looked at from now on; no longer, with None."""
        with self._lock:
            self._looked_at = {each: text for each, text in self._looked_at.items() if each != incident_id}
            if says is not None:
                self._looked_at[incident_id] = says
            self._changes += 1

    def breaks(self, why: str = "records: the database is locked") -> None:
        """From now on every method raises RecordsUnavailable."""
        self._broken = why

    def works(self) -> None:
        """It can be used again."""
        self._broken = None

    # What Duty promises

    def mark(self) -> str:
        self._ask()
        return str(self._changes)

    def incidents(
        self,
        limit: int = 50,
        state: IncidentState | None = None,
        service: str | None = None,
        *,
        is_open: bool | None = None,
        order: Order = "latest",
    ) -> list[CaseSummary]:
        self._ask()
        with self._lock:
            found = [
                case
                for case in self._cases.values()
                if (state is None or case.incident.state == state)
                and (service is None or case.incident.service == service)
                and (is_open is None or (case.incident.state not in OVER) == is_open)
            ]
            found.sort(key=lambda case: (case.incident.signals[0].at, case.incident.id), reverse=True)
            if order == "severity":
                found.sort(key=lambda case: _RANK[case.incident.severity])
            if order == "changed":
                found.sort(key=lambda case: self._updated[case.incident.id], reverse=True)
            return [self._summary(case) for case in found[:limit]]

    def open_count(self) -> int:
        self._ask()
        with self._lock:
            return sum(case.incident.state not in OVER for case in self._cases.values())

    def case(self, incident_id: IncidentId) -> CaseFile:
        self.read_whole.append(incident_id)
        return self._case(incident_id)

    def drafts(self, incident_id: IncidentId) -> list[NumberedDraft]:
        return [NumberedDraft(number=n, draft=draft) for n, draft in enumerate(self._case(incident_id).drafts)]

    def alerts(self, incident_id: IncidentId | None = None, limit: int = 200) -> list[KeptAlert]:
        self._ask()
        found = [kept for kept in self._alerts if incident_id is None or kept.incident_id == incident_id]
        return found[::-1][:limit]

    def parcels(self, incident_id: IncidentId) -> list[KeptParcel]:
        self._ask()
        return [kept for kept in self._parcels.values() if kept.parcel.incident_id == incident_id]

    def deeds(self, incident_id: IncidentId | None = None, limit: int = 200) -> list[Deed]:
        self._ask()
        found = [deed for deed in self._deeds if incident_id is None or deed.incident_id == incident_id]
        return found[::-1][:limit]

    def looking(self, incident_id: IncidentId) -> str | None:
        self._ask()
        return self._looked_at.get(incident_id)

    def course(self, incident_id: IncidentId) -> tuple[Course, ...]:
        self._ask()
        return self.courses.get(incident_id, ())

    def runbook(self, incident_id: IncidentId) -> tuple[str, ...]:
        return self.steps if self.case(incident_id).latest else ()

    def accuracy(self) -> Accuracy:
        self._ask()
        return accuracy([_history(case) for case in self._cases.values()])

    def parts(self) -> list[Part]:
        self._ask()
        return list(self.parts_known)

    def approve(self, incident_id: IncidentId, draft: int, by: str, expected: str | None = None) -> None:
        self._must_read(incident_id, draft, expected)
        self._decide(incident_id, draft, by, "approved", state="approved", approved_by=by)

    def reject(self, incident_id: IncidentId, draft: int, by: str, because: str, expected: str | None = None) -> None:
        if not because.strip():
            raise QueryRejected("a rejection needs a reason")
        self._must_read(incident_id, draft, expected)
        self._decide(incident_id, draft, by, "rejected", because, state="rejected", rejected_because=because)

    def edit(
        self, incident_id: IncidentId, draft: int, by: str, title: str, text: str, expected: str | None = None
    ) -> None:
        self._must_read(incident_id, draft, expected)
        self._decide(incident_id, draft, by, "edited", title=title, text=text, edited_by=by)

    def judge(self, incident_id: IncidentId, verdict: Verdict, note: str | None = None) -> None:
        case = self.case(incident_id)
        if verdict.diagnosis >= len(case.diagnoses):
            raise QueryRejected(f"there is no diagnosis {verdict.diagnosis} to judge")
        self._notes.append(note)
        self._keep(case.model_copy(update={"verdicts": (*case.verdicts, verdict)}))
        self._note(incident_id, verdict.by, "judged", f"diagnosis {verdict.diagnosis}", verdict.judged)

    def look_again(self, incident_id: IncidentId, by: str) -> None:
        self.case(incident_id)
        self.looked_again.append(incident_id)
        self._note(incident_id, by, "looked again", incident_id)

    def move(self, incident_id: IncidentId, state: IncidentState, by: str) -> None:
        self._keep(in_state(self.case(incident_id), state))
        self._note(incident_id, by, state, incident_id)

    def send_again(self, key: str, by: str) -> None:
        self._ask()
        kept = self._parcels.get(key)
        if kept is None or kept.state not in ("failed", "uncertain"):
            raise QueryRejected(f"{key} is not to be sent again")
        self._parcels[key] = kept.model_copy(update={"state": "waiting", "error": None})
        self._note(kept.parcel.incident_id, by, "sent again", key)

    # How it does it

    def _case(self, incident_id: IncidentId) -> CaseFile:
        self._ask()
        if incident_id not in self._cases:
            raise QueryRejected(f"there is no case {incident_id}")
        return self._cases[incident_id]

    def _must_read(self, incident_id: IncidentId, number: int, expected: str | None) -> None:
        drafts = self._case(incident_id).drafts
        if expected is None or not 0 <= number < len(drafts):
            return
        if digest_of(drafts[number].title, drafts[number].text) != expected:
            by = f"by {drafts[number].edited_by} " if drafts[number].edited_by else ""
            raise QueryRejected(f"draft {number} was changed {by}since you opened it: read it again, then decide")

    def _ask(self) -> None:
        if self._broken is not None:
            raise RecordsUnavailable(self._broken)

    def _keep(self, case: CaseFile) -> None:
        with self._lock:
            self._cases[case.incident.id] = case
            self._revisions[case.incident.id] = self._revisions.get(case.incident.id, 0) + 1
            self._updated[case.incident.id] = self._clock()
            self._changes += 1

    def _note(self, incident_id: IncidentId, by: str, deed: str, subject: str, reason: str = "") -> None:
        with self._lock:
            done = Deed(at=self._clock(), by=by, deed=deed, incident_id=incident_id, subject=subject, reason=reason)
            self._deeds.append(done)
            self._changes += 1

    def _decide(
        self, incident_id: IncidentId, number: int, by: str, deed: str, reason: str = "", **changes: object
    ) -> None:
        case = self.case(incident_id)
        if not 0 <= number < len(case.drafts):
            raise QueryRejected(f"there is no draft {number} of {incident_id}")
        draft = case.drafts[number]
        if draft.state != "proposed":
            raise QueryRejected(f"draft {number} of {incident_id} is {draft.state} already")
        changed = Draft.model_validate({**draft.model_dump(), **changes})
        drafts = (*case.drafts[:number], changed, *case.drafts[number + 1 :])
        self._keep(case.model_copy(update={"drafts": drafts}))
        self._note(incident_id, by, deed, f"draft {number} ({draft.kind})", reason)

    def _summary(self, case: CaseFile) -> CaseSummary:
        incident, latest = case.incident, case.latest
        top = latest.hypotheses[0] if latest and latest.hypotheses else None
        return CaseSummary(
            incident_id=incident.id,
            service=incident.service,
            severity=incident.severity,
            state=incident.state,
            opened_at=incident.signals[0].at,
            updated_at=self._updated[incident.id],
            revision=self._revisions[incident.id],
            diagnoses=len(case.diagnoses),
            status=latest.status if latest else None,
            headline=latest.headline if latest else None,
            component=top.component if top else None,
            probability=top.probability if top else None,
            release=latest.release.status if latest else None,
            judged=case.verdicts[-1].judged if case.verdicts else None,
        )


def _history(case: CaseFile) -> History:
    def concluded(number: int) -> Conclusion:
        diagnosis = case.diagnoses[number]
        top = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
        return Conclusion(
            at=diagnosis.at,
            status=diagnosis.status,
            component=top.component if top else None,
            probability=top.probability if top else None,
            since=diagnosis.scope.since,
        )

    return History(
        incident_id=case.incident.id,
        service=case.incident.service,
        noticed_at=case.incident.signals[0].at,
        conclusions=tuple(concluded(number) for number in range(len(case.diagnoses))),
        verdicts=case.verdicts,
    )


def in_state(case: CaseFile, state: IncidentState) -> CaseFile:
    """The case, its incident in that state."""
    return case.model_copy(update={"incident": case.incident.model_copy(update={"state": state})})


def renumbered(case: CaseFile, number: int) -> CaseFile:
    """The case under another id."""
    incident_id = f"INC-{case.incident.signals[0].at.year}-{number:04d}"
    return case.model_copy(update={"incident": Incident.model_copy(case.incident, update={"id": incident_id})})


def lately(case: CaseFile, now: datetime) -> CaseFile:
    """The case as if it had happened within the last day: every date is another one, every time of day the same."""
    began = case.incident.signals[0].at
    days = (now - began) // timedelta(days=1)

    def moved(match: re.Match[str]) -> str:
        return (datetime.fromisoformat(match[0]) + timedelta(days=days)).strftime("%Y-%m-%d")

    return CaseFile.model_validate_json(_DATE.sub(moved, case.model_dump_json()))


@cache
def _finished(name: str) -> CaseFile:
    folder = next(folder for folder in RECORDED if folder.name == name)
    case = recorded(folder)
    return finished(settings.load(None), case, case.incident.signals[0].at + timedelta(minutes=2))


def recorded_case(name: str, number: int, now: datetime | None = None) -> CaseFile:
    """A recorded incident (a folder of evals/incidents), diagnosed, routed, drafted; as if it were of today."""
    return renumbered(lately(_finished(name), now or utc_now()), number)


def recorded_duty(*names: str, clock: Callable[[], datetime] = utc_now) -> MadeDuty:
    """A duty over these recorded incidents (all, where none is named), each with the alert that opened it."""
    duty, now = MadeDuty(clock), clock()
    for number, name in enumerate(names or tuple(folder.name for folder in RECORDED), start=1):
        case = recorded_case(name, number, now)
        duty.add(case)
        signal = case.incident.signals[0]
        duty.take_in(
            alert(service=signal.service, name=f"{name} noticed", text=signal.text), "opened", case.incident.id
        )
    return duty


def alert(name: str = "HighErrorRatio", service: str | None = "checkout", text: str = "", **labels: str) -> Alert:
    """An alert that fires, of Alertmanager."""
    return Alert(
        source="alertmanager", fingerprint=f"{name} {service}"[:128], name=name, status="firing", starts_at=utc_now(),
        service=service, severity="P2", labels=labels, text=text,
    )  # fmt: skip


def parcel(incident_id: IncidentId, key: str = "ticket", **changes: object) -> Parcel:
    """A ticket for Jira."""
    values: dict[str, object] = {
        "key": key, "incident_id": incident_id, "target": "jira", "kind": "ticket", "title": "checkout fails",
        "text": "It fails.", "severity": "P1", "draft": 0, "approved_by": "ada",
    }  # fmt: skip
    return Parcel.model_validate({**values, **changes})


def main() -> None:
    """Serve the pages over all recorded incidents until Enter is pressed."""
    from server.conftest import serving_pages

    with serving_pages(recorded_duty()) as url:
        sys.stderr.write(f"{url}: press Enter to end\n")
        sys.stdin.readline()


if __name__ == "__main__":
    main()
