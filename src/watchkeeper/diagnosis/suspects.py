"""Every component that may be the cause, and what speaks for and against it."""

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watchkeeper.analysis.lognews import ERROR, WARN
from watchkeeper.analysis.resources import ResourceKind
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats
from watchkeeper.diagnosis.blame import Share, parts_of
from watchkeeper.diagnosis.fusion import squashed
from watchkeeper.diagnosis.releases import Trial
from watchkeeper.diagnosis.restarts import restarts_of
from watchkeeper.diagnosis.seen import Seen
from watchkeeper.diagnosis.strengths import hushes, leaving_out, own_work, processors, surges, ways
from watchkeeper.diagnosis.timing import Timing
from watchkeeper.domain import FaultKind
from watchkeeper.evidence.claims import Statement
from watchkeeper.evidence.vitals import Vitals

BLAMED = 0.2
"""Share of the blame from which a component's resources are looked at more closely."""
RISES: dict[ResourceKind, float] = {"pool": 0.5}
"""The least rise that says something: requests that wait."""
BLAME_TOLD = 0.1
"""Share of the blame from which it is told, where a symptom of its unit shows."""
UNITS = {"failures": frozenset({"error ratio"}), "extra time": frozenset({"mean latency", "p95 latency"})}
"""By unit of blame, the symptoms that show in it."""
LOST_SHARE = 0.1
"""Share of the calls to a component that failed without its knowledge, from which on it may have been gone."""
GONE_STEPS = 2
"""Steps in a row without any telemetry of a component that reports in nearly every step, for it to have been gone."""
REFUSED = re.compile(
    r"connect\w*[ _]?(error|refused|reset|failed)|refused|econn|unavailable|unreachable|no route", re.IGNORECASE
)
"""How exceptions and messages name a connection that nobody took."""
QUEUEING = re.compile(
    r"(acquir|wait|borrow|get|check.?out)\w*.{0,12}(conn|pool)|pool.{0,12}(acquir|wait|borrow|get)", re.IGNORECASE
)
"""How spans are called in which a request waits for a connection of a pool."""
AGAINST = frozenset({"late", "untimed"})
"""Strengths that speak against a component."""
PLAIN = 0.4
"""The strength from which something is told, and the kind of fault may be called after it."""
SHOWN = 0.5
"""The least strength of a busy processor that is a symptom by itself."""
LATE_SECONDS = 15.0
"""So much after the latest moment at which a cause began counts half as late."""
REPORTS_SHARE = 0.9
"""Share of the usual steps in which it reports."""


@dataclass
class Suspect:
    """One component on trial."""

    component: str
    share: Share = field(default_factory=Share)
    traits: set[str] = field(default_factory=set)
    """What else than blame speaks for it, or against (`late`): features of `fusion`, by name."""
    strengths: dict[str, float] = field(default_factory=dict)
    """The same where it is a question of how much, from 0 to 1."""
    moved: float = 0.0
    """Share of the failures that it takes over from callers, which fail over what it leaves out; negative of those."""
    inside: FaultKind | None = None
    """What the change inside its requests looks like, where that speaks for it."""
    claims: list[Statement] = field(default_factory=list)
    """What can be said for it, not checked yet."""
    against: list[Statement] = field(default_factory=list)
    trial: Trial | None = None
    """The change that is blamed, or the last one that was cleared."""
    callers: tuple[int, int] = (0, 0)
    """Calls to it in the incident as its callers saw them, and how many of these failed."""
    unanswered: float = 0.0
    """Share of the calls to it that failed and of which it knows nothing itself; 0 where it never reports."""
    was_gone: bool = False
    """Whether it reported nothing at all for a moment, though it usually does all the time; or calls were refused."""
    is_failing: bool = False
    """Whether failures are a symptom of its own, and slowness is none."""
    surge: float = 1.0
    """Requests a second in the incident, as a multiple of the usual."""

    @property
    def dependency(self) -> str | None:
        """What it mostly waits for, where that is more than half of its blame."""
        total = self.share.errors + self.share.latency
        name = max(self.share.waits_for, key=lambda n: self.share.waits_for[n], default=None)
        return name if name is not None and self.share.waits_for[name] > 0.5 * total else None

    @property
    def speaks(self) -> bool:
        """Whether anything speaks for it."""
        told = self.traits - {"late"} or self.strengths.keys() - AGAINST
        return self.share.errors > 0 or self.share.latency > 0 or self.inside is not None or bool(told)

    @property
    def is_crashing(self) -> bool:
        """Whether its processes end: they start anew, or it is gone and nobody gets an answer."""
        return "restarts" in self.traits or (self.was_gone and self.unanswered >= LOST_SHARE)

    @property
    def kind(self) -> FaultKind:
        """What is wrong with it, by the most specific thing that speaks for it."""
        if "silence" in self.traits:
            return "silence"
        if "restarts" in self.traits:
            return "crash"
        if self.trial is not None and self.trial.is_guilty:
            return "bad-change"
        if self.is_crashing:
            return "crash"
        for strength, kind in (("silence", "silence"), ("surge", "surge")):
            if self.strengths.get(strength, 0.0) >= PLAIN:
                return kind  # type: ignore[return-value]
        for trait, kind in (("pool", "pool-exhaustion"), ("memory", "memory"), ("cpu", "cpu")):
            if trait in self.traits:
                return kind  # type: ignore[return-value]
        if self.inside is not None and not self.share.errors and not self.share.latency:
            return self.inside
        if self.dependency is not None:
            return "slow-dependency"
        return "errors" if self.share.errors >= self.share.latency or self.is_failing else "latency"


def suspects_of(seen: Seen) -> list[Suspect]:
    """All components with any evidence against them, by name."""
    found: dict[str, Suspect] = {}
    _add_blame(found, seen)
    _add_symptoms(found, seen)
    _add_resources(found, seen)
    _add_strengths(found, seen)
    _move_failures(found, seen)
    _add_restarts(found, seen)
    _add_logs(found, seen)
    _add_fanouts(found, seen)
    # Recordings may hold spans of a service without a name: nobody can be told to look there.
    found.pop("", None)
    for suspect in found.values():
        suspect.surge = _surge(seen.vitals, seen.timing, suspect.component)
        suspect.callers = _seen_by_callers(seen.vitals, seen.timing, suspect.component)
        _look_for_gaps(suspect, seen)
        _try_changes(suspect, seen)
        _look_inside(suspect, seen)
        _say_when(suspect, seen)
    return sorted((s for s in found.values() if s.speaks), key=lambda s: s.component)


def _suspect(found: dict[str, Suspect], component: str) -> Suspect:
    return found.setdefault(component, Suspect(component))


def _say(suspect: Suspect, statement: Statement | None) -> None:
    if statement is not None:
        suspect.claims.append(statement)


def _say_when(suspect: Suspect, seen: Seen) -> None:
    """When its trouble began; where its requests do not tell, by its restarts or the change that fits."""
    saying, latest = seen.saying, seen.latest_onset
    statement = saying.onset(suspect.component, latest)
    if "restarts" in suspect.traits and (statement is None or statement.operator == "after"):
        statement = saying.started(suspect.component, latest) or statement
    if statement is None and suspect.trial is not None:
        statement = saying.changed_in_time(suspect.trial, latest)
    if statement is None:
        suspect.strengths["untimed"] = 1.0
    elif statement.operator == "after":
        began = seen.timing.services[suspect.component].earliest
        suspect.strengths["late"] = squashed((began - latest).total_seconds(), LATE_SECONDS)
        suspect.against.append(statement)
    else:
        suspect.claims.append(statement)


def _add_blame(found: dict[str, Suspect], seen: Seen) -> None:
    measures = {s.measure for s in seen.symptoms}
    for component, share in seen.shares.items():
        suspect = _suspect(found, component)
        suspect.share = share
        for unit, amount in (("failures", share.errors), ("extra time", share.latency)):
            if amount >= BLAME_TOLD and measures & UNITS[unit]:
                _say(suspect, seen.saying.blame(component, unit, amount))


def _add_symptoms(found: dict[str, Suspect], seen: Seen) -> None:
    for symptom in seen.symptoms:
        suspect = _suspect(found, symptom.service)
        if symptom.measure in ("cpu", "memory", "pool", "silence"):
            suspect.traits.add(symptom.measure)
        if symptom.measure == "cpu":
            suspect.strengths["cpu"] = SHOWN
        _say(suspect, seen.saying.symptom(symptom))
    for suspect in found.values():
        shown = {s.measure for s in seen.symptoms if s.service == suspect.component}
        suspect.is_failing = "error ratio" in shown and not shown & {"mean latency", "p95 latency"}


def _add_strengths(found: dict[str, Suspect], seen: Seen) -> None:
    """What speaks for a component by how much it does, whether it carries blame or not."""
    vitals, parts = seen.vitals, parts_of(seen.vitals, seen.timing)
    missing = leaving_out(seen.details.missing)
    told = {
        "silence": hushes(vitals, parts),
        "missing": {component: plain for component, (plain, _) in missing.items()},
        "cpu": processors(vitals, parts),
        "surge": surges(vitals, parts),
        "own_time": own_work(seen.details.own_times, vitals, parts),
        "way": ways(vitals, parts),
    }
    for name, by_component in told.items():
        for component, strength in by_component.items():
            strengths = _suspect(found, component).strengths
            strengths[name] = max(strength, strengths.get(name, 0.0))
    for component, (_, each) in missing.items():
        _say(found[component], seen.saying.missing(component, each.operation, each.call))
    for suspect in found.values():
        _tell_strengths(suspect, seen)


def _move_failures(found: dict[str, Suspect], seen: Seen) -> None:
    """Failures that no call explains are a callee's doing as far as that answers well and leaves out what it did."""
    for caller, callee in sorted(seen.edges):
        if caller != callee and caller in found and callee in found:
            amount = found[caller].share.errors * found[callee].strengths.get("missing", 0.0)
            amount = min(amount, found[caller].share.errors + min(0.0, found[caller].moved))
            found[caller].moved -= amount
            found[callee].moved += amount


def _tell_strengths(suspect: Suspect, seen: Seen) -> None:
    """Claims of what is plain and not told as a symptom."""
    name, saying = suspect.component, seen.saying
    plain = {each for each, strength in suspect.strengths.items() if strength >= PLAIN} - suspect.traits
    if "cpu" in plain:
        suspect.traits.add("cpu")
        _say(suspect, saying.resource(name, "cpu", seen.vitals.resources[name, "cpu"].metric))
    if "silence" in plain:
        _say(suspect, saying.silence(name))
    if "surge" in plain:
        _say(suspect, saying.surge(name))


def _add_resources(found: dict[str, Suspect], seen: Seen) -> None:
    """Of those that carry blame: resources that rose with it, though not so far as to raise an alarm by themselves."""
    parts = parts_of(seen.vitals, seen.timing)
    for (service, kind), usage in sorted(seen.vitals.resources.items()):
        suspect = found.get(service)
        if suspect is None or not _is_blamed(suspect) or kind not in RISES:
            continue
        before, now = (_level(kind, usage.values[part]) for part in (parts.usual, parts.incident))
        if before >= 0 and now - before >= RISES[kind] and now >= 3 * before and kind not in suspect.traits:
            suspect.traits.add(kind)
            _say(suspect, seen.saying.resource(service, kind, usage.metric))


def _level(kind: ResourceKind, values: Floats) -> float:
    """What a resource is usually at; a queue is empty at most moments that it is looked at, so its mean counts."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return float("nan")
    return float(known.mean()) if kind == "pool" else location_scale(known)[0]


def _add_restarts(found: dict[str, Suspect], seen: Seen) -> None:
    for service in restarts_of(seen.vitals, seen.details.changes, seen.timing):
        suspect = _suspect(found, service)
        suspect.traits.add("restarts")
        _say(suspect, seen.saying.restarts(service))


def _add_logs(found: dict[str, Suspect], seen: Seen) -> None:
    logs = seen.details.evidence["logs"]
    for news in (each for each in seen.details.logs[:20] if each.service):
        suspect = _suspect(found, news.service)
        if news.severity < WARN or (news.severity < ERROR and not suspect.speaks):
            continue
        if news.severity >= ERROR and news.is_new:
            suspect.traits.add("logs")
        if sum(c.evidence == logs for c in suspect.claims) < 3:
            _say(suspect, seen.saying.line(news.service, news.template, is_new=news.is_new))


def _add_fanouts(found: dict[str, Suspect], seen: Seen) -> None:
    """Of those that carry blame: the ones that make many more calls per request than they did."""
    for fanout in seen.details.fanouts:
        suspect = found.get(fanout.service)
        if suspect is not None and suspect.share.latency >= BLAMED:
            suspect.traits.add("fanout")


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


def _look_for_gaps(suspect: Suspect, seen: Seen) -> None:
    """Whether it was gone: nothing of it for a moment, and calls that nobody answered."""
    vitals, name, parts = seen.vitals, suspect.component, parts_of(seen.vitals, seen.timing)
    rows = vitals.presence.get(name)
    if rows is None:
        return
    usual, now = rows[parts.usual] > 0, rows[parts.incident] > 0
    if usual.size and usual.mean() >= REPORTS_SHARE:
        suspect.was_gone = _longest(~now) >= GONE_STEPS
    lost, calls = 0.0, 0.0
    for key, red in vitals.calls.items():
        if key[1] == name:
            answered = vitals.answered.get(key)
            known = answered.errors if answered is not None else np.zeros(red.errors.size)
            lost += float(np.maximum(red.errors - known, 0.0)[parts.incident].sum())
            calls += red.total(parts.incident)[0]
    suspect.unanswered = lost / calls if calls else 0.0
    suspect.was_gone = suspect.was_gone or _is_refused(name, lost, seen)


def _is_refused(name: str, lost: float, seen: Seen) -> bool:
    """Whether most of the calls to it that were lost are connections that nobody took, as its callers tell."""
    callers = {key[0] for key in seen.vitals.calls if key[1] == name} - {name}
    found = [o for o in seen.details.origins if o.service in callers and o.count > 2 * o.before]
    refused = sum(o.count for o in found if REFUSED.search(f"{o.exception} {o.message}"))
    return 0 < lost <= 2 * refused


def _longest(flags: NDArray[np.bool_]) -> int:
    """How many are true in a row at most."""
    ends = np.flatnonzero(np.diff(np.r_[False, flags, False]))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def _try_changes(suspect: Suspect, seen: Seen) -> None:
    """Put every change of the component on trial; the guilty one nearest to the onset counts."""
    trials = [trial for trial in seen.trials if trial.change.service == suspect.component]
    trials.sort(key=lambda t: (not t.is_guilty, abs(t.gap_seconds)))
    suspect.trial = trials[0] if trials else None
    if suspect.trial is not None and suspect.trial.is_guilty and _is_blamed(suspect):
        suspect.traits.add("change")
    for trial in trials[:3]:
        (suspect.claims if trial.is_guilty else suspect.against).append(seen.saying.trial(trial))


def _look_inside(suspect: Suspect, seen: Seen) -> None:
    """What the inside of requests says about a component."""
    details, name, saying = seen.details, suspect.component, seen.saying
    for fanout in [f for f in details.fanouts if f.service == name][:2]:
        _say(suspect, saying.fanout(name, fanout.name))
    if name in details.failing_inputs:
        _say(suspect, saying.failing_input(name))
    origins = [o for o in details.origins[:10] if o.service == name and o.count > 2 * o.before]
    for origin in origins[:2]:
        suspect.traits.add("origin")
        _say(suspect, saying.origin(name, origin.name, origin.exception, origin.message))
    slower = (o for o in details.own_times[:5] if o.gain_ms > 2 and o.after_ms > 1.3 * o.before_ms)
    mine = [o for o in slower if o.service == name][:2]
    if mine and QUEUEING.search(mine[0].name) and _is_blamed(suspect):
        suspect.traits.add("pool")
    for own in mine:
        _say(suspect, saying.own_time(name, own.name))
