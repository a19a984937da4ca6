"""Looks made up for: what could not be told while the telemetry did not answer is asked again when it does."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchkeeper.assembly.cases import WATCHED_HOURS
from watchkeeper.diagnosis.again import OPEN_STATES
from watchkeeper.domain import CaseFile, IncidentId
from watchkeeper.errors import WatchkeeperError
from watchkeeper.telemetry.sources import ExtentQuery, Sources, missing

if TYPE_CHECKING:
    from watchkeeper.records.store import Records

OCCASION = "telemetry answers again"
LEAST_SECONDS = 5.0
LISTED = 1000
UNDECIDED = ("inconclusive", "nothing-wrong")
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Regained:
    """Has incidents looked into again whose latest diagnosis lacks answers, once these can be had."""

    candidates: Callable[[datetime], Iterable[CaseFile]]
    answers: Callable[[], bool]
    """Whether everything that is asked answers now."""
    under_way: Callable[[], Collection[IncidentId]]
    start: Callable[[IncidentId, str], object]
    """Have an incident looked into; the same occasion twice is once."""

    def tick(self, now: datetime) -> None:
        """Start what is due."""
        due = [case for case in self.candidates(now) if is_to_be_made_up(case, now)]
        if not due or not self.answers():
            return
        busy = set(self.under_way())
        for case in due:
            if case.incident.id not in busy:
                self.start(case.incident.id, f"{OCCASION} {len(case.diagnoses)}")


def is_to_be_made_up(case: CaseFile, now: datetime) -> bool:
    """Whether nothing could be told for want of answers; each time it is waited for twice as long as before."""
    latest, incident = case.latest, case.incident
    if latest is None or latest.status not in UNDECIDED or not latest.gaps:
        return False
    if incident.state not in OPEN_STATES or incident.is_recorded:
        return False
    pause = max(LEAST_SECONDS, (latest.at - incident.signals[0].at).total_seconds())
    return now >= latest.at + timedelta(seconds=pause)


def all_answer(sources: Sources) -> bool:
    """Whether whatever is asked answers, and in full."""
    try:
        return missing(sources.extent(ExtentQuery(timeout_seconds=TIMEOUT_SECONDS)).query) is None
    except WatchkeeperError:
        return False


def undecided_cases(records: "Records", now: datetime) -> list[CaseFile]:
    """The young cases that are open and of which nobody knows yet what is wrong."""
    listed = records.cases(limit=LISTED, since=now - timedelta(hours=WATCHED_HOURS))
    return [records.case(each.incident_id) for each in listed if each.status in UNDECIDED and each.state in OPEN_STATES]
