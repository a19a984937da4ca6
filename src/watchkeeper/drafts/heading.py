"""What is wrong and where, in the few words that a title and an opening need."""

from dataclasses import dataclass
from typing import Literal

from watchkeeper.domain import CaseFile, Severity, Signal
from watchkeeper.drafts.facts import Fact, Facts, Path
from watchkeeper.drafts.impact import effect_of

Trouble = Literal["down", "failing", "slow", "memory", "cpu", "pool", "silence", "complaints", "figure", "unknown"]
MENDED = {"mitigated", "resolved", "closed"}
_MEASURES: tuple[tuple[str, Trouble], ...] = (
    ("error", "failing"),
    ("fail", "failing"),
    ("latency", "slow"),
    ("duration", "slow"),
    ("p95", "slow"),
    ("memory", "memory"),
    ("cpu", "cpu"),
    ("pool", "pool"),
    ("connection", "pool"),
)
_BY_KIND: dict[str, Trouble] = {"memory": "memory", "cpu": "cpu", "pool-exhaustion": "pool", "silence": "silence"}
_BY_SIGNAL: dict[str, Trouble] = {"silence": "silence", "complaints": "complaints", "business": "figure"}


@dataclass(frozen=True)
class Struck:
    """A claim that did not hold, and why."""

    text: Fact | None
    because: Fact | None


@dataclass(frozen=True)
class Head:
    """What a reader wants to know first, and what limits how it is to be read."""

    incident: Fact | None
    state: Fact | None
    is_mended: bool
    now: Fact | None
    severity: Fact | None
    severity_word: Fact | None
    priority: Fact | None
    reason: Fact | None
    """Why that severity."""
    status: str
    headline: Fact | None
    because: Fact | None
    """Why it is inconclusive."""
    at: Fact | None
    trouble: Trouble
    noticed: Fact | None
    """The symptom that the cause is stated for; else what the first alarm said; None where nothing says it."""
    place: Fact | None
    """The service in which the trouble shows."""
    changed: tuple[Fact, ...]
    struck: tuple[Struck, ...]
    gaps: tuple[Fact, ...]
    notes: tuple[Fact, ...]


def head_of(facts: Facts, case: CaseFile, number: int) -> Head:
    """The opening of every draft."""
    path: Path = ("case", "diagnoses", number)
    severity = severity_of(case)
    return Head(
        incident=facts.at("name", "case", "incident", "id"),
        state=facts.at("word", "case", "incident", "state"),
        is_mended=case.incident.state in MENDED,
        now=facts.at("moment", "now"),
        severity=_severity(facts, case),
        severity_word=facts.at("word", "policy", "words", severity or ""),
        priority=facts.at("word", "policy", "priorities", severity or ""),
        reason=facts.at("sentence", "case", "assignment", "reason"),
        status=case.diagnoses[number].status,
        headline=facts.at("sentence", *path, "headline"),
        because=facts.at("sentence", *path, "inconclusive_because"),
        at=facts.at("moment", *path, "at"),
        trouble=trouble_of(case, number),
        noticed=_symptom(facts, case, number) or _noticed(facts, case),
        place=_place(facts, case, number),
        changed=facts.each("sentence", *path, "changed"),
        struck=tuple(
            Struck(
                facts.at("sentence", *path, "struck", place, "claim", "text"),
                facts.at("sentence", *path, "struck", place, "because"),
            )
            for place in range(len(case.diagnoses[number].struck))
        ),
        gaps=facts.each("sentence", *path, "gaps"),
        notes=facts.each("sentence", *path, "notes"),
    )


def severity_of(case: CaseFile) -> Severity | None:
    """What routing judged, else what the incident says, else nothing."""
    return case.assignment.severity if case.assignment else case.incident.severity


def trouble_of(case: CaseFile, number: int) -> Trouble:
    """By what the first alarm measured, else by what users meet, else by the kind of the cause."""
    first = min(case.incident.signals, key=lambda signal: signal.at)
    effect = effect_of(case, number)
    if effect == "down":
        return "down"
    for found in (_measured(first), _BY_SIGNAL.get(first.kind), effect):
        if found is not None:
            return found
    hypotheses = case.diagnoses[number].hypotheses
    return _BY_KIND.get(hypotheses[0].kind, "unknown") if hypotheses else "unknown"


def _measured(signal: Signal) -> Trouble | None:
    measure = (signal.measure or "").lower()
    return next((trouble for word, trouble in _MEASURES if word in measure), None)


def _severity(facts: Facts, case: CaseFile) -> Fact | None:
    return facts.at("word", "case", "assignment" if case.assignment else "incident", "severity")


def _symptom(facts: Facts, case: CaseFile, number: int) -> Fact | None:
    diagnosis = case.diagnoses[number]
    claims = diagnosis.hypotheses[0].claims if diagnosis.status == "diagnosed" else ()
    at = next((place for place, claim in enumerate(claims) if claim.role == "symptom"), None)
    path = ("case", "diagnoses", number, "hypotheses", 0, "claims")
    return None if at is None else facts.at("sentence", *path, at, "text", evidence=claims[at].evidence)


def _noticed(facts: Facts, case: CaseFile) -> Fact | None:
    signals = case.incident.signals
    first = min(range(len(signals)), key=lambda place: signals[place].at)
    if signals[first].kind == "question":
        return None
    return facts.at("sentence", "case", "incident", "signals", first, "text")


def _place(facts: Facts, case: CaseFile, number: int) -> Fact | None:
    """Where an alarm was raised; for a question, which may be about the wrong service, where the cause is."""
    signals = case.incident.signals
    first = min(range(len(signals)), key=lambda place: signals[place].at)
    noticed = facts.at("name", "case", "incident", "signals", first, "service")
    diagnosis, path = case.diagnoses[number], ("case", "diagnoses", number)
    if signals[first].kind != "question" and noticed is not None:
        return noticed
    if diagnosis.status == "diagnosed":
        return facts.at("name", *path, "hypotheses", 0, "component")
    if diagnosis.scope.affected:
        return facts.at("name", *path, "scope", "affected", 0, "service")
    return noticed
