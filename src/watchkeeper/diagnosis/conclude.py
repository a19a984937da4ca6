"""From suspects to a Diagnosis: probabilities, the release verdict, who is affected, or why nothing can be said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.symptoms import Symptom
from watchkeeper.diagnosis.blame import parts_of, reachable
from watchkeeper.diagnosis.suspects import Suspect
from watchkeeper.diagnosis.timing import Timing
from watchkeeper.diagnosis.wording import fix, headline, open_headline, say_fanout, say_input, settled_by
from watchkeeper.domain import Affected, Claim, Cost, Diagnosis, Hypothesis, ReleaseVerdict, Scope
from watchkeeper.evidence.details import Details
from watchkeeper.evidence.vitals import Vitals

UNKNOWN = 0.15
"""The score that stands for a cause that is not among the suspects."""
SURE = 0.45
"""The least probability of the first hypothesis that is stated as a diagnosis."""
HYPOTHESES = 5
WORTH_TELLING = 0.02
LEAST_PAST_SECONDS = 30.0
"""Telemetry before the onset without which nothing can be called unusual."""
SHARED_SLOWDOWN = 1.5
"""How much slower the median service must be before an inconclusive diagnosis points at what all share."""


@dataclass(frozen=True)
class Seen:
    """Everything that a conclusion rests on."""

    vitals: Vitals
    details: Details
    timing: Timing
    symptoms: list[Symptom]
    gaps: tuple[str, ...]


def conclude(seen: Seen, suspects: Sequence[Suspect], at: datetime, cost: Cost) -> Diagnosis:
    """Rank the suspects; inconclusive where the first is not probable enough."""
    total = sum(s.score for s in suspects) + UNKNOWN
    ranked = [(s, s.score / total) for s in suspects[:HYPOTHESES] if s.claims and s.score / total >= WORTH_TELLING]
    hypotheses = tuple(_hypothesis(s, p, seen) for s, p in ranked)
    scope = Scope(
        since=seen.timing.onset.at,
        onset_uncertainty_seconds=seen.timing.onset.uncertainty_seconds,
        affected=_affected(seen, ranked[0][0].component if ranked else None),
    )
    if not ranked or ranked[0][1] < SURE or _has_no_good_past(seen):
        return _inconclusive(seen, hypotheses, scope, at, cost)
    top = ranked[0][0]
    return Diagnosis(
        at=at,
        status="diagnosed",
        headline=headline(top, ranked[0][1], seen.symptoms, seen.timing),
        hypotheses=hypotheses,
        release=_release(top, seen),
        scope=scope,
        suggested_fix=fix(top, seen.details),
        gaps=seen.gaps,
        cost=cost,
    )


def nothing_wrong(at: datetime, looked_at: Sequence[str], gaps: tuple[str, ...], cost: Cost) -> Diagnosis:
    """The diagnosis that nothing is wrong with what was looked at."""
    names = ", ".join(looked_at[:8]) + (" …" if len(looked_at) > 8 else "")
    return Diagnosis(
        at=at,
        status="nothing-wrong",
        headline=f"Nothing wrong is to be seen: errors, latency, resources and reporting of {names} are as usual.",
        release=ReleaseVerdict(status="not-release-related", reason="there is no symptom to blame a change for"),
        gaps=gaps,
        cost=cost,
    )


def cannot_tell(at: datetime, because: str, gaps: tuple[str, ...], cost: Cost) -> Diagnosis:
    """The diagnosis where what can be seen is too little: absence of telemetry is not health."""
    return _undecided(at, because, (), Scope(), gaps, cost)


def _inconclusive(seen: Seen, hypotheses: tuple[Hypothesis, ...], scope: Scope, at: datetime, cost: Cost) -> Diagnosis:
    slowdown = parts_of(seen.vitals, seen.timing).slowdown
    if _has_no_good_past(seen):
        because = "there is no good past in this window to compare with: it was so from the first telemetry on"
    elif slowdown >= SHARED_SLOWDOWN:
        because = f"everything became {slowdown:.1f} times slower together: look at the host they share"
    elif not hypotheses:
        because = "there are symptoms, and nothing that was looked at explains them"
    else:
        names = " or ".join(f"{h.component} ({h.probability:.0%})" for h in hypotheses[:3])
        because = f"no cause stands out: {names}"
    undecided = _undecided(at, because, hypotheses, scope, seen.gaps, cost)
    return undecided.model_copy(update={"headline": open_headline(seen.symptoms, seen.timing)})


def _has_no_good_past(seen: Seen) -> bool:
    """Whether all that is wrong was as wrong before, or there is no before."""
    usual = seen.timing.usual
    reported = [(rows[: seen.vitals.grid.index_of(usual.end)] > 0).sum() for rows in seen.vitals.presence.values()]
    if max(reported, default=0) * seen.vitals.grid.step_seconds < LEAST_PAST_SECONDS:
        return True
    return all(s.measure == "error ratio" and s.observed < 1.5 * s.expected for s in seen.symptoms)


def _undecided(
    at: datetime, because: str, hypotheses: tuple[Hypothesis, ...], scope: Scope, gaps: tuple[str, ...], cost: Cost
) -> Diagnosis:
    return Diagnosis(
        at=at,
        status="inconclusive",
        headline=f"Inconclusive: {because}",
        hypotheses=hypotheses,
        inconclusive_because=because,
        release=ReleaseVerdict(status="undetermined", reason="no cause is established"),
        scope=scope,
        gaps=gaps,
        cost=cost,
    )


def _hypothesis(suspect: Suspect, probability: float, seen: Seen) -> Hypothesis:
    guilty = suspect.trial.change if suspect.trial is not None and suspect.kind == "bad-change" else None
    began = seen.timing.services.get(suspect.component)
    return Hypothesis(
        component=suspect.component,
        kind=suspect.kind,
        probability=round(probability, 3),
        claims=tuple(suspect.claims + _inside(suspect, seen.details)),
        against=tuple(suspect.against),
        change=guilty,
        dependency=suspect.dependency,
        onset=began.at if began is not None else None,
        settled_by=settled_by(suspect),
    )


def _inside(suspect: Suspect, details: Details) -> list[Claim]:
    """What the inside of requests says about a component."""
    spans, name = details.evidence["spans"], suspect.component
    texts = [say_fanout(f) for f in details.fanouts if f.service == name][:2]
    texts += [say_input(i) for s, i in details.failing_inputs.items() if s == name]
    texts += [
        f"{o.count} failures begin in “{o.name}” (before: {o.before}): {o.exception} {o.message}".strip()
        for o in details.origins[:10]
        if o.service == name and o.count > 2 * o.before
    ][:2]
    texts += [
        f"own time in “{o.name}”: {o.before_ms:.1f} → {o.after_ms:.1f} ms a request"
        for o in details.own_times[:5]
        if o.service == name and o.gain_ms > 2 and o.after_ms > 1.3 * o.before_ms
    ][:2]
    return [Claim(text=text[:400], evidence=spans) for text in texts]


def _release(top: Suspect, seen: Seen) -> ReleaseVerdict:
    if top.kind == "bad-change" and top.trial is not None:
        return ReleaseVerdict(status="caused", change=top.trial.change, reason=top.trial.reason)
    if top.trial is not None:
        return ReleaseVerdict(status="not-release-related", reason=top.trial.reason)
    if not seen.details.changes:
        return ReleaseVerdict(
            status="not-release-related", reason="nothing was changed in the two hours before it began"
        )
    return ReleaseVerdict(status="not-release-related", reason=f"no change of {top.component} came before it")


def _affected(seen: Seen, cause: str | None) -> tuple[Affected, ...]:
    """Services with symptoms, and who calls the cause, with what they suffered; most failures, then slowest, first."""
    parts = parts_of(seen.vitals, seen.timing)
    edges = {(callee, caller) for caller, callee, _ in seen.vitals.calls}
    names = {s.service for s in seen.symptoms} | (reachable(cause, edges) if cause else set())
    found = []
    for name in sorted(names & set(seen.vitals.services)):
        red = seen.vitals.services[name]
        requests, errors = red.total(parts.incident)
        now, usual = (location_scale(red.p95_ms[part])[0] for part in (parts.incident, parts.usual))
        found.append(
            Affected(
                service=name,
                requests=int(requests),
                errors=int(errors),
                p95_ms=round(now, 1) if now == now else None,
                usual_p95_ms=round(usual, 1) if usual == usual else None,
            )
        )
    return tuple(sorted(found, key=lambda a: (-a.errors, -(a.p95_ms or 0) / (a.usual_p95_ms or 1), a.service)))
