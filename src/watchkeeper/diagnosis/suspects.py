"""Every component that may be the cause, with a score and what speaks for and against it."""

from dataclasses import dataclass, field

import numpy as np

from watchkeeper.analysis.lognews import ERROR, WARN
from watchkeeper.analysis.resources import ResourceKind
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.symptoms import Symptom, say_symptom
from watchkeeper.diagnosis.blame import Share, parts_of, shares_of
from watchkeeper.diagnosis.releases import Trial, try_change
from watchkeeper.diagnosis.timing import Timing
from watchkeeper.domain import Change, Claim, FaultKind
from watchkeeper.evidence.details import Details
from watchkeeper.evidence.vitals import Vitals

WEIGHTS = {
    "errors": 1.0,
    "latency": 0.7,
    "silence": 1.0,
    "restarts": 0.6,
    "cpu": 0.4,
    "memory": 0.4,
    "pool": 0.4,
    "logs": 0.1,
    "fanout": 0.2,
    "change": 0.2,
}
"""What each kind of evidence adds to a score, by judgement; blame counts in proportion to its share."""
BLAMED = 0.2
"""Share of the blame from which a component's resources are looked at more closely."""
RISES: dict[ResourceKind, float] = {"cpu": 0.15, "pool": 0.5}
"""The least rise that says something: a share of a core, requests that wait."""
FAINT = 0.2
"""What blame without a symptom of its unit counts."""


@dataclass
class Suspect:
    """One component on trial."""

    component: str
    score: float = 0.0
    share: Share = field(default_factory=Share)
    traits: set[str] = field(default_factory=set)
    """Which of `WEIGHTS` spoke for it."""
    claims: list[Claim] = field(default_factory=list)
    against: list[Claim] = field(default_factory=list)
    trial: Trial | None = None
    """The change that is blamed, or the last one that was cleared."""
    callers: tuple[int, int] = (0, 0)
    """Calls to it in the incident as its callers saw them, and how many of these failed."""
    surge: float = 1.0
    """Requests a second in the incident, as a multiple of the usual."""

    @property
    def dependency(self) -> str | None:
        """What it mostly waits for, where that is more than half of its blame."""
        total = self.share.errors + self.share.latency
        name = max(self.share.waits_for, key=lambda n: self.share.waits_for[n], default=None)
        return name if name is not None and self.share.waits_for[name] > 0.5 * total else None

    @property
    def kind(self) -> FaultKind:
        """What is wrong with it, by the most specific thing that speaks for it."""
        if "silence" in self.traits:
            return "silence"
        if "restarts" in self.traits:
            return "crash"
        if self.trial is not None and self.trial.is_guilty:
            return "bad-change"
        for trait, kind in (("pool", "pool-exhaustion"), ("memory", "memory"), ("cpu", "cpu")):
            if trait in self.traits:
                return kind  # type: ignore[return-value]
        if self.dependency is not None:
            return "slow-dependency"
        return "errors" if self.share.errors >= self.share.latency else "latency"


def suspects_of(vitals: Vitals, details: Details, timing: Timing, symptoms: list[Symptom]) -> list[Suspect]:
    """All components with any evidence against them, the strongest suspicion first."""
    found: dict[str, Suspect] = {}
    _add_blame(found, vitals, timing, symptoms)
    _add_symptoms(found, vitals, symptoms)
    _add_resources(found, vitals, timing)
    _add_restarts(found, vitals, details, timing)
    _add_logs(found, details)
    _add_fanouts(found, details)
    for suspect in found.values():
        suspect.surge = _surge(vitals, timing, suspect.component)
        suspect.callers = _seen_by_callers(vitals, timing, suspect.component)
        _try_changes(suspect, vitals, details, timing)
    return sorted((s for s in found.values() if s.score > 0), key=lambda s: (-s.score, s.component))


def _suspect(found: dict[str, Suspect], component: str) -> Suspect:
    return found.setdefault(component, Suspect(component))


def _add_blame(found: dict[str, Suspect], vitals: Vitals, timing: Timing, symptoms: list[Symptom]) -> None:
    measures = {s.measure for s in symptoms}
    heavy = {
        "errors": WEIGHTS["errors"] * (1.0 if "error ratio" in measures else FAINT),
        "latency": WEIGHTS["latency"] * (1.0 if measures & {"mean latency", "p95 latency"} else FAINT),
    }
    for component, share in shares_of(vitals, timing, symptoms).items():
        suspect = _suspect(found, component)
        suspect.share = share
        for unit, amount in (("errors", share.errors), ("latency", share.latency)):
            suspect.score += heavy[unit] * amount
            if amount >= 0.1 and heavy[unit] > FAINT:
                what = "failures" if unit == "errors" else "extra time"
                text = f"{amount:.0%} of the {what} is left at {component} after what its callees explain"
                suspect.claims.append(Claim(text=text, evidence=vitals.evidence["calls"]))


def _add_symptoms(found: dict[str, Suspect], vitals: Vitals, symptoms: list[Symptom]) -> None:
    for symptom in symptoms:
        evidence = vitals.evidence["services"]
        suspect = _suspect(found, symptom.service)
        if symptom.measure in ("cpu", "memory", "pool"):
            evidence = vitals.evidence["resources"]
            _speak(suspect, symptom.measure)
        elif symptom.measure == "silence":
            evidence = vitals.evidence["logs"]
            _speak(suspect, "silence")
        suspect.claims.append(Claim(text=say_symptom(symptom), evidence=evidence))


def _add_resources(found: dict[str, Suspect], vitals: Vitals, timing: Timing) -> None:
    """Of those that carry blame: resources that rose with it, though not so far as to raise an alarm by themselves."""
    parts = parts_of(vitals, timing)
    for (service, kind), usage in sorted(vitals.resources.items()):
        suspect = found.get(service)
        if suspect is None or not _is_blamed(suspect) or kind not in RISES:
            continue
        before, now = (_level(kind, usage.values[part]) for part in (parts.usual, parts.incident))
        if before >= 0 and now - before >= RISES[kind] and now >= 3 * before and kind not in suspect.traits:
            _speak(suspect, kind)
            text = f"{usage.metric} of {service} rose with it: {now:.2g}, usually {before:.2g}"
            suspect.claims.append(Claim(text=text, evidence=vitals.evidence["resources"]))


def _level(kind: ResourceKind, values: Floats) -> float:
    """What a resource is usually at; a queue is empty at most moments that it is looked at, so its mean counts."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return float("nan")
    return float(known.mean()) if kind == "pool" else location_scale(known)[0]


def _speak(suspect: Suspect, trait: str) -> None:
    if trait not in suspect.traits:
        suspect.traits.add(trait)
        suspect.score += WEIGHTS[trait]


def _add_restarts(found: dict[str, Suspect], vitals: Vitals, details: Details, timing: Timing) -> None:
    """Processes that came up around or after the onset though nobody deployed them."""
    grid = vitals.grid
    since = grid.position_of(timing.onset.at) - (timing.onset.uncertainty_seconds + 15) / grid.step_seconds
    for service, instances in vitals.instances.items():
        born = [first for first, _ in instances.values() if first >= max(since, 3)]
        own = [c for c in details.changes if c.service == service]
        unexplained = [step for step in born if not any(_explains(c, grid.time_of(step).timestamp()) for c in own)]
        if unexplained and len(instances) > 1:
            suspect = _suspect(found, service)
            _speak(suspect, "restarts")
            text = f"{service} started anew {len(unexplained)} times since the onset, and nobody deployed it"
            suspect.claims.append(Claim(text=text, evidence=vitals.evidence["resources"]))


def _explains(change: Change, moment: float) -> bool:
    end = change.ended_at or change.began_at
    return change.began_at.timestamp() - 15 <= moment <= end.timestamp() + 30


def _add_logs(found: dict[str, Suspect], details: Details) -> None:
    for news in details.logs[:20]:
        suspect = _suspect(found, news.service)
        if news.severity < WARN or (news.severity < ERROR and suspect.score == 0):
            continue
        if news.severity >= ERROR and news.is_new:
            _speak(suspect, "logs")
        text = f"{'new' if news.is_new else 'surging'} line ({news.before} → {news.after}): {news.example[:160]}"
        if sum(c.evidence == details.evidence["logs"] for c in suspect.claims) < 3:
            suspect.claims.append(Claim(text=text, evidence=details.evidence["logs"]))


def _add_fanouts(found: dict[str, Suspect], details: Details) -> None:
    """Of those that carry blame: the ones that make many more calls per request than they did."""
    for fanout in details.fanouts:
        suspect = found.get(fanout.service)
        if suspect is not None and suspect.share.latency >= BLAMED:
            _speak(suspect, "fanout")


def _surge(vitals: Vitals, timing: Timing, component: str) -> float:
    red = vitals.services.get(component)
    if red is None:
        return 1.0
    parts = parts_of(vitals, timing)
    seconds = [(part.stop - part.start) for part in (parts.usual, parts.incident)]
    known = red.requests[parts.usual]
    usual = float(known[known > 0].mean()) if (known > 0).any() else 0.0
    return red.total(parts.incident)[0] / max(1, seconds[1]) / usual if usual > 0 else 1.0


def _is_blamed(suspect: Suspect) -> bool:
    return max(suspect.share.latency, suspect.share.errors) >= BLAMED


def _seen_by_callers(vitals: Vitals, timing: Timing, component: str) -> tuple[int, int]:
    part = parts_of(vitals, timing).incident
    totals = [red.total(part) for (_, callee, _), red in vitals.calls.items() if callee == component]
    return int(sum(requests for requests, _ in totals)), int(sum(errors for _, errors in totals))


def _try_changes(suspect: Suspect, vitals: Vitals, details: Details, timing: Timing) -> None:
    """Put every change of the component on trial; the guilty one nearest to the onset counts."""
    began = timing.services.get(suspect.component, timing.onset)
    trials = [try_change(c, began, vitals, details) for c in details.changes if c.service == suspect.component]
    trials.sort(key=lambda t: (not t.is_guilty, abs((t.change.began_at - began.at).total_seconds())))
    suspect.trial = trials[0] if trials else None
    if suspect.trial is not None and suspect.trial.is_guilty and _is_blamed(suspect):
        _speak(suspect, "change")
    evidence = details.evidence["changes"]
    for trial in trials[:3]:
        (suspect.claims if trial.is_guilty else suspect.against).append(Claim(text=trial.reason, evidence=evidence))
