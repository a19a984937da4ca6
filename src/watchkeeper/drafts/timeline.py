"""What happened when: changes, the first symptom, alarms, diagnoses, verdicts, in the order of their times."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from watchkeeper.domain import CaseFile, Change, Evidence
from watchkeeper.drafts.causes import ToldChange, change_at
from watchkeeper.drafts.facts import Fact, Facts, Path

EventKind = Literal["change-began", "change-ended", "onset", "first-alarm", "alarm", "diagnosis", "verdict"]
_RANK = ("change-began", "change-ended", "onset", "first-alarm", "alarm", "diagnosis", "verdict")


@dataclass(frozen=True)
class Event:
    """One line of the timeline."""

    at: Fact
    kind: EventKind
    text: Fact | None = None
    change: ToldChange | None = None
    uncertainty: Fact | None = None
    occasion: Fact | None = None
    changed: tuple[Fact, ...] = ()
    judged: Fact | None = None
    true_cause: Fact | None = None


def timeline_of(facts: Facts, case: CaseFile) -> tuple[Event, ...]:
    """All events of the case whose time is known."""
    events = [*_changes(facts, case), *_onset(facts, case), *_alarms(facts, case)]
    events += [*_diagnoses(facts, case), *_verdicts(facts, case)]
    return tuple(sorted(events, key=lambda event: (_time(event.at), _RANK.index(event.kind))))


def first_alarm(case: CaseFile) -> int:
    """The place of the earliest signal."""
    return min(range(len(case.incident.signals)), key=lambda place: case.incident.signals[place].at)


def _changes(facts: Facts, case: CaseFile) -> Iterator[Event]:
    told: dict[str, ToldChange | None] = {}
    for change, path in _named_changes(case):
        if change.id not in told:
            told[change.id] = change_at(facts, change, path)
    for place, item in enumerate(case.evidence):
        if item.source == "changes":
            told = {**dict(_listed_changes(facts, item, place)), **told}
    for change_told in told.values():
        if change_told is not None and change_told.began is not None:
            yield Event(change_told.began, "change-began", change=change_told)
            if change_told.ended is not None:
                yield Event(change_told.ended, "change-ended", change=change_told)


def _named_changes(case: CaseFile) -> Iterator[tuple[Change, Path]]:
    for number, diagnosis in enumerate(case.diagnoses):
        path = ("case", "diagnoses", number)
        if diagnosis.release.change is not None:
            yield diagnosis.release.change, (*path, "release", "change")
        for rank, hypothesis in enumerate(diagnosis.hypotheses):
            if hypothesis.change is not None:
                yield hypothesis.change, (*path, "hypotheses", rank, "change")


def _listed_changes(facts: Facts, item: Evidence, place: int) -> Iterator[tuple[str, ToldChange]]:
    """Changes that were looked at, out of the excerpt of what the source answered."""
    column = {name: item.rows.columns.index(name) for name in item.rows.columns}
    if not {"id", "kind", "service_name", "time"} <= set(column):
        return
    for row in range(len(item.rows.values)):
        cells = ("case", "evidence", place, "rows", "values", row)
        yield (
            str(item.rows.values[row][column["id"]]),
            ToldChange(
                id=facts.at("name", *cells, column["id"]),
                kind=facts.at("word", *cells, column["kind"]),
                service=facts.at("name", *cells, column["service_name"]),
                version=facts.at("name", *cells, column["version"]) if "version" in column else None,
                environment=None,
                author=None,
                title=facts.at("sentence", *cells, column["title"]) if "title" in column else None,
                expected_impact=None,
                began=facts.at("moment", *cells, column["time"]),
                ended=facts.at("moment", *cells, column["ended_at"]) if "ended_at" in column else None,
            ),
        )


def _onset(facts: Facts, case: CaseFile) -> Iterator[Event]:
    path = ("case", "diagnoses", len(case.diagnoses) - 1, "scope")
    since = facts.at("moment", *path, "since")
    if since is not None:
        yield Event(since, "onset", uncertainty=facts.at("duration", *path, "onset_uncertainty_seconds"))


def _alarms(facts: Facts, case: CaseFile) -> Iterator[Event]:
    first = first_alarm(case)
    for place in range(len(case.incident.signals)):
        path = ("case", "incident", "signals", place)
        at = facts.at("moment", *path, "at")
        if at is not None:
            yield Event(
                at,
                "first-alarm" if place == first else "alarm",
                text=facts.at("sentence", *path, "text"),
                occasion=facts.at("word", *path, "kind"),
            )


def _diagnoses(facts: Facts, case: CaseFile) -> Iterator[Event]:
    for number in range(len(case.diagnoses)):
        path = ("case", "diagnoses", number)
        at = facts.at("moment", *path, "at")
        if at is not None:
            yield Event(
                at,
                "diagnosis",
                text=facts.at("sentence", *path, "headline"),
                occasion=facts.at("word", *path, "occasion"),
                changed=facts.each("sentence", *path, "changed"),
            )


def _verdicts(facts: Facts, case: CaseFile) -> Iterator[Event]:
    for place in range(len(case.verdicts)):
        path = ("case", "verdicts", place)
        at = facts.at("moment", *path, "at")
        if at is not None:
            yield Event(
                at,
                "verdict",
                judged=facts.at("word", *path, "judged"),
                true_cause=facts.at("sentence", *path, "true_cause"),
            )


def _time(fact: Fact) -> datetime:
    if not isinstance(fact.value, datetime):
        raise TypeError(f"{fact.name} is not a time")
    return fact.value
