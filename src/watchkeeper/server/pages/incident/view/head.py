"""The opening of the page: one sentence, how sure, which release, what changed, what can be done about it now."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from watchkeeper.domain import CaseFile, Diagnosis, IncidentState, KeptAlert, ReleaseVerdict, Scope, Severity
from watchkeeper.records.summaries import OVER, Deed
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
    standing: str
    """Where it is, in a word or two."""
    sure: str
    """How sure the diagnosis is; empty where it names no cause."""
    probability: float | None
    release: str
    release_reason: str
    release_kind: Literal["caused", "cleared", "unknown"]
    facts: tuple[Fact, ...]
    changed: tuple[str, ...]
    inconclusive_because: str
    """Empty where the sentence says it already."""
    settling: tuple[str, ...]
    """What would decide it, where it is inconclusive."""
    gaps: tuple[str, ...]
    waits_for: tuple[str, ...]
    """What is not there yet and would make it surer; empty once the incident is over."""
    notes: tuple[str, ...]
    moves: tuple[IncidentState, ...]
    told: str
    """Which diagnosis of how many, when, by whom, at what cost."""
    looking: str = ""
    """That it is being looked at now, since when and why; empty while it is not."""
    over: str = ""
    """That it has ended, when and by whom; empty while it is open."""

    @property
    def text(self) -> str:
        """The sentence without its weights."""
        return "".join(part.text for part in self.sentence)


def head_of(
    case: CaseFile, alerts: tuple[KeptAlert, ...], deeds: Sequence[Deed] = (), looking: str | None = None
) -> Head:
    """The opening of a case, whether it has been diagnosed or not."""
    incident, latest = case.incident, case.latest
    severity = case.assignment.severity if case.assignment else incident.severity
    top = latest.hypotheses[0] if latest and latest.hypotheses else None
    is_open = latest is not None and latest.status == "inconclusive"
    return Head(
        incident_id=incident.id,
        sentence=_sentence(latest, case, alerts) if latest else _waiting(case, alerts),
        kind=latest.status if latest else "waiting",
        severity=severity,
        severity_word=phrases.SEVERITIES[severity] if severity else "not judged",
        severity_reason=phrases.line(case.assignment.reason) if case.assignment else "",
        state=incident.state,
        standing=words.standing(incident.state, latest.status if latest else None),
        sure=words.sure(top.probability) if top and latest and latest.status == "diagnosed" else "",
        probability=top.probability if top and latest and latest.status == "diagnosed" else None,
        release=_release(latest.release) if latest and latest.status != "nothing-wrong" else "",
        release_reason=phrases.line(latest.release.reason) if latest else "",
        release_kind=_release_kind(latest.release) if latest else "unknown",
        facts=tuple(_facts(latest, "Fix" if incident.state in OVER else "Do")) if latest else (),
        changed=_lines(latest.changed) if latest else (),
        inconclusive_because=phrases.line(latest.inconclusive_because) if latest and not _is_bare(latest) else "",
        settling=_settling(latest) if is_open and latest else (),
        gaps=_lines(latest.gaps) if latest else (),
        waits_for=_lines(latest.waits_for) if latest and incident.state not in OVER else (),
        notes=_lines(latest.notes) if latest else (),
        moves=MOVES[incident.state],
        told=_told(case, latest) if latest else "",
        looking=phrases.line(looking),
        over=_over(case, alerts, deeds),
    )


def _lines(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(phrases.line(text) for text in texts)


def _is_bare(diagnosis: Diagnosis) -> bool:
    """Whether its headline says no more than why it is inconclusive: then what was noticed is to be said first."""
    because = diagnosis.inconclusive_because
    return because is not None and diagnosis.headline in (f"Inconclusive: {because}", because)


def _sentence(diagnosis: Diagnosis, case: CaseFile, alerts: tuple[KeptAlert, ...]) -> tuple[Part, ...]:
    """The headline; where it has the usual form, what is wrong and why are set off."""
    if _is_bare(diagnosis):
        what, at = _noticed(case, alerts)
        because = phrases.line(diagnosis.inconclusive_because).rstrip(".")
        return (Part(what, "strong"), Part(f", noticed at {at} UTC. Why is not clear: "), Part(because), Part("."))
    if diagnosis.status == "nothing-wrong":
        begin, colon, rest = phrases.line(diagnosis.headline).partition(":")
        return (Part(begin[:1].upper() + begin[1:], "strong"), Part(f"{colon}{rest}"))
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
    what, at = _noticed(case, alerts)
    return (Part(what, "strong"), Part(f", noticed at {at} UTC. Why is not known yet."))


def _noticed(case: CaseFile, alerts: tuple[KeptAlert, ...]) -> tuple[str, str]:
    """What was noticed first, of whom, and the time of the day."""
    first = min(case.incident.signals, key=lambda signal: signal.at)
    since = min((first.at, *(each.received_at for each in alerts)))
    named = phrases.foreign(alerts[-1].alert.name) if alerts else ""
    what = phrases.foreign(first.text, 300).rstrip(".") or named or "something is wrong"
    name = phrases.line(case.incident.service or first.service, phrases.NAME)
    told = f"{name}: {what}" if name and name not in what else f"{what[:1].upper()}{what[1:]}"
    return (what if name and what.startswith(name) else told), phrases.clock(since)


def _over(case: CaseFile, alerts: Sequence[KeptAlert], deeds: Sequence[Deed]) -> str:
    state = case.incident.state
    if state not in OVER:
        return ""
    done = max((deed for deed in deeds if deed.deed == state), key=lambda deed: deed.at, default=None)
    if done is not None:
        return f"It is over: {state} at {phrases.moment(done.at)} by {phrases.line(done.by, phrases.NAME)}."
    ends = [kept.alert.ends_at for kept in alerts if kept.alert.ends_at is not None]
    return f"It is over: its last alert ended at {phrases.moment(max(ends))}." if ends else f"It is over: {state}."


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


def _facts(diagnosis: Diagnosis, fix: str) -> list[Fact]:
    found = []
    if diagnosis.suggested_fix:
        found.append(Fact(fix, phrases.line(diagnosis.suggested_fix)))
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
    return tuple(phrases.line(text) for text in diagnosis.settling[:SETTLING])


def _told(case: CaseFile, diagnosis: Diagnosis) -> str:
    cost = diagnosis.cost
    number = len(case.diagnoses)
    which = f"Diagnosis {number}" if number > 1 else "Diagnosed"
    model = f"{phrases.line(cost.model or 'a model', 60)}, {cost.calls} calls" if cost.engine == "model" else "rules"
    why = f" ({phrases.line(diagnosis.occasion, 80)})" if diagnosis.occasion != "signal" else ""
    asked = phrases.counted(cost.queries, "query").replace("querys", "queries")
    return f"{which} at {phrases.moment(diagnosis.at)}{why}, by {model}, {asked} in {cost.seconds:.1f} s"
