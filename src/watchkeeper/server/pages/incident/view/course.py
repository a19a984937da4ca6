"""The course of the incident in one list: changes, the first symptom, alerts, diagnoses, deliveries, deeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from watchkeeper.domain import CaseFile, Change, Evidence, KeptAlert, KeptParcel
from watchkeeper.records.summaries import Deed
from watchkeeper.server.pages.incident.view import phrases

Kind = Literal["change", "onset", "signal", "alert", "diagnosis", "delivery", "verdict", "deed"]
_RANK: tuple[Kind, ...] = ("change", "onset", "signal", "alert", "diagnosis", "delivery", "verdict", "deed")
_CHANGE = ("id", "kind", "service_name", "time")
LONGEST = 200
"""Moments that are shown; the first and the latest where there are more."""


@dataclass(frozen=True)
class Moment:
    """One line of the course."""

    at: datetime
    kind: Kind
    text: str
    detail: tuple[str, ...] = ()
    is_cause: bool = False

    @property
    def clock(self) -> str:
        """The time of the day."""
        return phrases.clock(self.at)


@dataclass(frozen=True)
class Day:
    """The moments of one day."""

    date: str
    moments: tuple[Moment, ...]


@dataclass(frozen=True)
class Known:
    """A change as far as the case knows it."""

    id: str
    kind: str
    service: str
    version: str
    title: str
    author: str
    began: datetime

    @property
    def text(self) -> str:
        """`deploy 1.3.6 of checkout`."""
        return phrases.line(f"{self.kind} {self.version or self.id} of {self.service}")


def course_of(
    case: CaseFile, alerts: Sequence[KeptAlert], parcels: Sequence[KeptParcel], deeds: Sequence[Deed]
) -> tuple[Day, ...]:
    """Everything whose time is known, in order, by day."""
    moments = [*_changes(case), *_onset(case), *_signals(case, alerts), *_alerts(alerts), *_diagnoses(case)]
    moments += [*_deliveries(parcels), *_verdicts(case), *_deeds(deeds)]
    moments.sort(key=lambda moment: (moment.at, _RANK.index(moment.kind)))
    if len(moments) > LONGEST:
        moments = [*moments[: LONGEST // 2], *moments[-LONGEST // 2 :]]
    days: dict[str, list[Moment]] = {}
    for moment in moments:
        days.setdefault(phrases.moment(moment.at)[:10], []).append(moment)
    return tuple(Day(date, tuple(found)) for date, found in days.items())


def changes_known(case: CaseFile) -> tuple[Known, ...]:
    """The changes that the case names or was shown, each once."""
    found = {change.id: _known(change) for change in _named(case)}
    for item in case.evidence:
        if item.source == "changes" and set(_CHANGE) <= set(item.rows.columns):
            found = {**{each.id: each for each in _listed(item)}, **found}
    return tuple(sorted(found.values(), key=lambda change: change.began))


def _named(case: CaseFile) -> Iterator[Change]:
    for diagnosis in case.diagnoses:
        named = (diagnosis.release.change, *(hypothesis.change for hypothesis in diagnosis.hypotheses))
        yield from (change for change in named if change is not None)


def _known(change: Change) -> Known:
    version, title, author = change.version or "", change.title or "", change.author or ""
    return Known(change.id, change.kind, change.service, version, title, author, change.began_at)


def _listed(item: Evidence) -> Iterator[Known]:
    for row in item.rows.values:
        told = dict(zip(item.rows.columns, row, strict=True))
        began = phrases.time_of(told["time"])
        if began is not None:
            version, title, author = (str(told.get(name) or "") for name in ("version", "title", "author"))
            yield Known(str(told["id"]), str(told["kind"]), str(told["service_name"]), version, title, author, began)


def _changes(case: CaseFile) -> Iterator[Moment]:
    blamed = case.latest.release.change if case.latest else None
    for change in changes_known(case):
        by = f"by {change.author}" if change.author else ""
        detail = tuple(phrases.line(text) for text in (change.title, by) if text)
        is_cause = blamed is not None and blamed.id == change.id
        yield Moment(change.began, "change", change.text[:1].upper() + change.text[1:], detail, is_cause)


def _onset(case: CaseFile) -> Iterator[Moment]:
    if case.latest and case.latest.scope.since:
        give = case.latest.scope.onset_uncertainty_seconds
        yield Moment(case.latest.scope.since, "onset", "First symptom" + (f" (± {give:g} s)" if give else ""))


def _signals(case: CaseFile, alerts: Sequence[KeptAlert]) -> Iterator[Moment]:
    """What was noticed; alerts that came in are told as such."""
    came_in = {each.alert.fingerprint for each in alerts}
    for signal in case.incident.signals:
        if signal.kind != "alert" or signal.fingerprint not in came_in or not alerts:
            parts = (phrases.line(signal.service, phrases.NAME), phrases.foreign(signal.text, 300))
            told = ": ".join(part for part in (f"Noticed ({signal.kind})", *parts) if part)
            yield Moment(signal.at, "signal", told)


def _alerts(alerts: Sequence[KeptAlert]) -> Iterator[Moment]:
    """Each alert where it came first and, where it was told more than once, where it was told last."""
    groups: dict[tuple[str, str], list[KeptAlert]] = {}
    for each in alerts:
        groups.setdefault((each.alert.source, each.alert.fingerprint), []).append(each)
    for group in groups.values():
        group.sort(key=lambda kept: (kept.received_at, kept.id))
        first, last = group[0], group[-1]
        name = phrases.foreign(first.alert.name, phrases.NAME)
        source = phrases.line(first.alert.source, phrases.NAME)
        text = phrases.foreign(first.alert.text, 300)
        labels = ", ".join(f"{key}={value}" for key, value in list(first.alert.labels.items())[:8])
        detail = tuple(part for part in (text, phrases.foreign(labels, 300), phrases.line(first.reason)) if part)
        yield Moment(first.received_at, "alert", f"Alert {name} ({source})", detail)
        if len(group) > 1:
            ended = "resolved" if last.alert.status == "resolved" else "still firing"
            yield Moment(last.received_at, "alert", f"Alert {name}, told {len(group)} times: {ended}")


def _diagnoses(case: CaseFile) -> Iterator[Moment]:
    for number, diagnosis in enumerate(case.diagnoses, start=1):
        why = f" ({phrases.line(diagnosis.occasion, 80)})"
        changed = tuple(f"Changed: {phrases.line(text)}" for text in diagnosis.changed)
        yield Moment(diagnosis.at, "diagnosis", f"Diagnosis {number}{why}: {phrases.line(diagnosis.headline)}", changed)


def _deliveries(parcels: Sequence[KeptParcel]) -> Iterator[Moment]:
    for each in parcels:
        reference = each.receipt.reference if each.receipt and each.receipt.reference else ""
        as_what = f" as {phrases.line(reference, phrases.NAME)}" if reference else ""
        what = f"{each.parcel.kind.capitalize()} to {phrases.line(each.parcel.target, phrases.NAME)}"
        detail = (phrases.foreign(each.error),) if each.error else ()
        yield Moment(each.updated_at, "delivery", f"{what}: {each.state}{as_what}", detail)


def _verdicts(case: CaseFile) -> Iterator[Moment]:
    for verdict in case.verdicts:
        cause = f"; true cause: {phrases.line(verdict.true_cause)}" if verdict.true_cause else ""
        text = f"Diagnosis {verdict.diagnosis + 1} judged {verdict.judged} by {phrases.line(verdict.by, phrases.NAME)}"
        yield Moment(verdict.at, "verdict", f"{text}{cause}")


def _deeds(deeds: Sequence[Deed]) -> Iterator[Moment]:
    for deed in deeds:
        if deed.deed != "judged":
            yield Moment(deed.at, "deed", said(deed), (phrases.line(deed.reason),) if deed.reason else ())


def said(deed: Deed) -> str:
    """`ada approved draft 2 (ticket)`."""
    return phrases.line(f"{deed.by} {deed.deed} {deed.subject}")
