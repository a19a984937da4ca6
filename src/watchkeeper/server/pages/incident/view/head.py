"""The opening of the page: one sentence, how sure, which release, what changed, what can be done about it now."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from watchkeeper.domain import CaseFile, Diagnosis, IncidentState, KeptAlert, ReleaseVerdict, Scope, Severity
from watchkeeper.server.pages import words
from watchkeeper.server.pages.incident.view import phrases

Weight = Literal["plain", "strong", "cause"]
_SENTENCE = re.compile(
    r"(?P<what>.+?)(?P<also> \(also affected: .+?\))? since (?P<since>\d\d:\d\d:\d\d UTC): (?P<why>.+?)"
    r"(?P<sure> \(\d+% sure\))?\.?"
)
MOVES: dict[IncidentState, tuple[IncidentState, ...]] = {
    "open": ("mitigated", "resolved"),
    "investigating": ("mitigated", "resolved"),
    "diagnosed": ("mitigated", "resolved"),
    "reopened": ("mitigated", "resolved"),
    "mitigated": ("resolved", "reopened"),
    "resolved": ("closed", "reopened"),
    "closed": ("reopened",),
}
"""What can be said of an incident next; the other way round it is opened again first."""
SETTLING = 3


@dataclass(frozen=True)
class Part:
    """A stretch of the sentence, and how it is set off."""

    text: str
    weight: Weight = "plain"


@dataclass(frozen=True)
class Fact:
    """One line under the sentence: what it answers, and the answer."""

    label: str
    text: str
    evidence: str | None = None


@dataclass(frozen=True)
class Head:
    """What a tired person reads first."""

    incident_id: str
    sentence: tuple[Part, ...]
    kind: Literal["waiting", "diagnosed", "nothing-wrong", "inconclusive"]
    severity: Severity | None
    severity_word: str
    severity_reason: str
    state: IncidentState
    sure: str
    probability: float | None
    release: str
    release_reason: str
    release_kind: Literal["caused", "cleared", "unknown"]
    facts: tuple[Fact, ...]
    changed: tuple[str, ...]
    inconclusive_because: str
    settling: tuple[str, ...]
    """What would decide it, where it is inconclusive."""
    gaps: tuple[str, ...]
    notes: tuple[str, ...]
    moves: tuple[IncidentState, ...]
    told: str
    """Which diagnosis of how many, when, by whom, at what cost."""

    @property
    def text(self) -> str:
        """The sentence without its weights."""
        return "".join(part.text for part in self.sentence)


def head_of(case: CaseFile, alerts: tuple[KeptAlert, ...]) -> Head:
    """The opening of a case, whether it has been diagnosed or not."""
    incident, latest = case.incident, case.latest
    severity = case.assignment.severity if case.assignment else incident.severity
    top = latest.hypotheses[0] if latest and latest.hypotheses else None
    is_open = latest is not None and latest.status == "inconclusive"
    return Head(
        incident_id=incident.id,
        sentence=_sentence(latest) if latest else _waiting(case, alerts),
        kind=latest.status if latest else "waiting",
        severity=severity,
        severity_word=phrases.SEVERITIES[severity] if severity else "not judged",
        severity_reason=phrases.line(case.assignment.reason) if case.assignment else "",
        state=incident.state,
        sure=_sure(latest),
        probability=top.probability if top and latest and latest.status == "diagnosed" else None,
        release=_release(latest.release) if latest else "",
        release_reason=phrases.line(latest.release.reason) if latest else "",
        release_kind=_release_kind(latest.release) if latest else "unknown",
        facts=tuple(_facts(latest)) if latest else (),
        changed=_lines(latest.changed) if latest else (),
        inconclusive_because=phrases.line(latest.inconclusive_because) if latest else "",
        settling=_settling(latest) if is_open and latest else (),
        gaps=_lines(latest.gaps) if latest else (),
        notes=_lines(latest.notes) if latest else (),
        moves=MOVES[incident.state],
        told=_told(case, latest) if latest else "",
    )


def _lines(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(phrases.line(text) for text in texts)


def _sentence(diagnosis: Diagnosis) -> tuple[Part, ...]:
    """The headline; where it has the usual form, what is wrong and why are set off."""
    text = phrases.line(diagnosis.headline)
    text = text[:1].upper() + text[1:]
    form = _SENTENCE.fullmatch(text)
    if form is None:
        return (Part(text),)
    return (
        Part(form["what"], "strong"),
        Part(f"{form['also'] or ''} since {form['since']}: "),
        Part(form["why"], "cause"),
        Part(f"{form['sure'] or ''}."),
    )


def _waiting(case: CaseFile, alerts: tuple[KeptAlert, ...]) -> tuple[Part, ...]:
    first = min(case.incident.signals, key=lambda signal: signal.at)
    since = min((first.at, *(each.received_at for each in alerts)))
    what = phrases.foreign(first.text, 300) or (alerts and phrases.foreign(alerts[-1].alert.name)) or "something"
    return (Part("Being looked into", "strong"), Part(f" since {phrases.clock(since)} UTC: {what}"))


def _sure(diagnosis: Diagnosis | None) -> str:
    if diagnosis is None:
        return "not diagnosed yet"
    if diagnosis.status == "nothing-wrong":
        return "nothing wrong found"
    if diagnosis.status == "inconclusive":
        return "inconclusive"
    return words.sure(diagnosis.hypotheses[0].probability)


def _release(verdict: ReleaseVerdict) -> str:
    change = verdict.change
    if change is None:
        return (
            "no release did it" if verdict.status == "not-release-related" else "cannot tell whether a release did it"
        )
    kind = "release" if change.kind == "deploy" else change.kind
    name = phrases.line(change.version or change.id, phrases.NAME)
    return f"{kind} {name} of {phrases.line(change.service, phrases.NAME)} did it"


def _release_kind(verdict: ReleaseVerdict) -> Literal["caused", "cleared", "unknown"]:
    if verdict.status == "caused":
        return "caused"
    return "cleared" if verdict.status == "not-release-related" else "unknown"


def _facts(diagnosis: Diagnosis) -> list[Fact]:
    found = []
    if diagnosis.suggested_fix:
        found.append(Fact("Do", phrases.line(diagnosis.suggested_fix)))
    if who := _who(diagnosis.scope):
        found.append(Fact("Who", who, diagnosis.scope.users.evidence if diagnosis.scope.users else None))
    if diagnosis.scope.since:
        found.append(Fact("Since", _since(diagnosis.scope.since, diagnosis)))
    return found


def _since(since: datetime, diagnosis: Diagnosis) -> str:
    give = diagnosis.scope.onset_uncertainty_seconds
    around = f" ± {give:g} s" if give is not None else ""
    before = (diagnosis.at - since).total_seconds()
    seen = f", {phrases.lasted(before)} before this diagnosis" if before > 0 else ""
    return f"{phrases.moment(since)}{around}{seen}"


def _who(scope: Scope) -> str:
    parts = []
    if scope.users is not None and scope.users.seen:
        users = scope.users
        parts.append(f"{users.affected:,} of {phrases.counted(users.seen, 'user')} met trouble")
    names = dict.fromkeys(phrases.line(row.service, phrases.NAME) for row in scope.affected)
    if names:
        parts.append(", ".join(list(names)[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else ""))
    return "; ".join(parts)


def _settling(diagnosis: Diagnosis) -> tuple[str, ...]:
    texts = dict.fromkeys(h.settled_by for h in diagnosis.hypotheses if h.settled_by)
    return tuple(phrases.line(text) for text in list(texts)[:SETTLING])


def _told(case: CaseFile, diagnosis: Diagnosis) -> str:
    cost = diagnosis.cost
    number = len(case.diagnoses)
    which = f"Diagnosis {number}" if number > 1 else "Diagnosed"
    model = f"{phrases.line(cost.model or 'a model', 60)}, {cost.calls} calls" if cost.engine == "model" else "rules"
    why = f" ({phrases.line(diagnosis.occasion, 80)})" if diagnosis.occasion != "signal" else ""
    asked = phrases.counted(cost.queries, "query").replace("querys", "queries")
    return f"{which} at {phrases.moment(diagnosis.at)}{why}, by {model}, {asked} in {cost.seconds:.1f} s"
