"""From suspects to a Diagnosis: probabilities, claims that were checked, the release verdict, or why it is open."""

from collections.abc import Sequence
from datetime import datetime

from watchkeeper.diagnosis import wording
from watchkeeper.diagnosis.blame import parts_of
from watchkeeper.diagnosis.fusion import Fused, stated_from
from watchkeeper.diagnosis.releases import describe
from watchkeeper.diagnosis.scope import affected
from watchkeeper.diagnosis.seen import Seen
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.diagnosis.suspects import Suspect
from watchkeeper.diagnosis.verify import Verified, Writer, ground_of, verify
from watchkeeper.domain import Cost, Diagnosis, Hypothesis, ReleaseVerdict, Scope
from watchkeeper.evidence.prose import given, number_of
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import select

SURE = stated_from()
"""The least probability of the first hypothesis that is stated as a diagnosis, by what a wrong answer costs."""
HYPOTHESES, LEAST_TOLD = 10, 3
WORTH_TELLING = 0.02
LEAST_PAST_SECONDS = 30.0
"""Telemetry before the onset without which nothing can be called unusual."""
SHARED_SLOWDOWN = 1.5
"""How much slower the median service must be before an inconclusive diagnosis points at what all share."""
NO_CHANGE = (
    "no change of anything is on record for the two hours before it began; if changes are reported, none was made"
)


def conclude(
    seen: Seen, suspects: Sequence[Suspect], fused: Fused, recheck: Recheck, at: datetime, cost: Cost
) -> Diagnosis:
    """Rank the suspects whose claims hold; inconclusive where the first is not probable or not grounded enough."""
    ground = ground_of(seen, recheck)
    by_name = {s.component: s for s in suspects if s.claims}
    ranked_names = [name for name in fused.probabilities if name in by_name][:HYPOTHESES]
    checked = [
        (verify(by_name[name], ground), fused.probabilities[name])
        for place, name in enumerate(ranked_names)
        if place < LEAST_TOLD or fused.probabilities[name] >= WORTH_TELLING
    ]
    ranked = [(found, probability) for found, probability in checked if found.is_told]
    writer = Writer(recheck, ground.names)
    because = _open_because(seen, ranked, writer)
    hypotheses = tuple(_hypothesis(found, p, seen) for found, p in ranked)
    diagnosis = (
        _stated(seen, ranked[0], writer, at, cost) if because is None else _open(seen, because, writer, at, cost)
    )
    return diagnosis.model_copy(
        update={
            "hypotheses": hypotheses,
            "struck": tuple(dict.fromkeys(struck for found, _ in checked for struck in found.struck)),
            "figures": tuple(dict.fromkeys(writer.figures)),
            "scope": _scope(seen, ranked[0][0].suspect.component if ranked else None),
        }
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
    return Diagnosis(
        at=at,
        status="inconclusive",
        headline=f"Inconclusive: {because}",
        inconclusive_because=because,
        release=ReleaseVerdict(status="undetermined", reason="no cause is established"),
        gaps=gaps,
        cost=cost,
    )


Ranked = Sequence[tuple[Verified, float]]


def _stated(seen: Seen, first: tuple[Verified, float], writer: Writer, at: datetime, cost: Cost) -> Diagnosis:
    top, probability = first[0].suspect, round(first[1], 3)
    fields = {"probability": probability, "others": wording.others_affected(seen, top.component)}
    headline = writer.write(wording.headline(top, seen), fields, wording.plain_headline(top, seen))
    fix = writer.write(wording.fix(top, seen), None, f"{wording.plain_fix(top, seen.details.versions)}.")
    return Diagnosis(
        at=at,
        status="diagnosed",
        headline=headline,
        # The ranking is put in by whoever has it whole; a diagnosis cannot be made without its first.
        hypotheses=(_hypothesis(first[0], first[1], seen),),
        release=_release(top, seen, writer),
        suggested_fix=fix,
        gaps=seen.gaps,
        cost=cost,
    )


def _open(seen: Seen, because: str, writer: Writer, at: datetime, cost: Cost) -> Diagnosis:
    undecided = cannot_tell(at, because, seen.gaps, cost)
    fields = {"others": wording.others_affected(seen, None)}
    headline = writer.write(wording.open_headline(seen), fields, undecided.headline)
    return undecided.model_copy(update={"headline": headline})


def _open_because(seen: Seen, ranked: Ranked, writer: Writer) -> str | None:
    """Why no cause may be stated; None where the first may."""
    if _has_no_good_past(seen):
        return "there is no good past in this window to compare with: it was so from the first telemetry on"
    if ranked and ranked[0][1] >= SURE:
        return ranked[0][0].not_grounded_because
    if parts_of(seen.vitals, seen.timing).slowdown >= SHARED_SLOWDOWN:
        times = number_of(seen.saying.evidence["first onset"], select("first", "slowdown_of_all"), "x")
        text = "became {} slower together: look at the host they share"
        return writer.write(f"everything {text.format(f'{times} times')}", None, f"everything {text.format('much')}")
    if not ranked:
        return "there are symptoms, and nothing that was looked at explains them"
    fields = {found.suspect.component: round(probability, 3) for found, probability in ranked[:3]}
    places = {f"place_{i}": p for i, p in enumerate(fields.values())}
    names = [f"{quoted(name)} ({given(f'place_{i}', '%0')})" for i, name in enumerate(fields)]
    return writer.write(
        f"no cause stands out: {' or '.join(names)}",
        places,
        f"no cause stands out: {' or '.join(map(quoted, fields))}",
    )


def _has_no_good_past(seen: Seen) -> bool:
    """Whether all that is wrong was as wrong before, or there is no before."""
    usual = seen.timing.usual
    reported = [(rows[: seen.vitals.grid.index_of(usual.end)] > 0).sum() for rows in seen.vitals.presence.values()]
    if max(reported, default=0) * seen.vitals.grid.step_seconds < LEAST_PAST_SECONDS:
        return True
    return all(s.measure == "error ratio" and s.observed < 1.5 * s.expected for s in seen.symptoms)


def _scope(seen: Seen, cause: str | None) -> Scope:
    return Scope(
        since=seen.timing.onset.at,
        onset_uncertainty_seconds=seen.timing.onset.uncertainty_seconds,
        affected=affected(seen, cause),
    )


def _hypothesis(found: Verified, probability: float, seen: Seen) -> Hypothesis:
    suspect = found.suspect
    began = seen.timing.services.get(suspect.component)
    return Hypothesis(
        component=suspect.component,
        kind=suspect.kind,
        probability=round(probability, 3),
        claims=found.claims,
        against=found.against,
        change=suspect.trial.change if suspect.trial is not None and suspect.kind == "bad-change" else None,
        dependency=suspect.dependency,
        onset=began.at if began is not None else None,
        settled_by=wording.settled_by(suspect),
    )


def _release(top: Suspect, seen: Seen, writer: Writer) -> ReleaseVerdict:
    if top.trial is not None:
        is_guilty = top.kind == "bad-change"
        otherwise = "its time fits the onset" if is_guilty else "its time does not fit the onset"
        reason = writer.write(seen.saying.trial_text(top.trial), None, otherwise)
        if is_guilty:
            return ReleaseVerdict(status="caused", change=top.trial.change, reason=reason)
        return ReleaseVerdict(status="not-release-related", reason=reason)
    if not seen.details.changes:
        return ReleaseVerdict(status="not-release-related", reason=NO_CHANGE)
    others = sorted(seen.trials, key=lambda t: abs(t.gap_seconds))[:1]
    name = quoted(top.component)
    if not others:
        return ReleaseVerdict(status="not-release-related", reason=f"no change of {name} came before it")
    nearest = quoted(describe(others[0].change))
    reason = f"no change of {name} is on record; the nearest one, {nearest}, is of another service"
    return ReleaseVerdict(status="not-release-related", reason=reason)
