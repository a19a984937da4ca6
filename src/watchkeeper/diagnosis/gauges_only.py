"""The conclusion where only gauges speak: whose resources, errors and latency changed most."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from watchkeeper.diagnosis.fusion import Bearing, Fused, Values, squashed
from watchkeeper.diagnosis.ranked import Candidate, Telling, conclude_ranked
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.diagnosis.traits import crowd
from watchkeeper.domain import Cost, Diagnosis, FaultKind, ReleaseVerdict, Scope, Window
from watchkeeper.evidence.claims import Ground, Statement
from watchkeeper.evidence.gauges import STEP_SECONDS, GaugesChanged
from watchkeeper.evidence.prose import number_of
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import Selector, select

TOLD, CLAIMED = 10, 3
"""Components, and changes of each, that are told."""
HALF_CLEAR = 0.5
"""A component's score (a role's change counts one at most) that is half clear."""
ONSET_STEPS = 12
"""Steps by which the common onset may be off, with gauges that are smoothed where they are made."""
KINDS: Mapping[str, FaultKind] = {
    "cpu": "cpu",
    "memory": "memory",
    "disk": "slow-dependency",
    "pool": "pool-exhaustion",
    "errors": "errors",
    "latency": "latency",
    "requests": "surge",
}
"""The kind of fault that the heaviest change of a role speaks for; slow disks are what a service depends on."""
WORDS: Mapping[str, str] = {
    "cpu": "processor use",
    "memory": "memory",
    "disk": "disk traffic",
    "pool": "open connections",
    "errors": "errors",
    "latency": "latency",
    "requests": "workload",
}
RESOURCES = frozenset({"cpu", "memory", "pool"})
"""Roles that are features of their own."""
UNITS: Mapping[str, str] = {"s": "time"}


def of_gauges(seen: GaugesChanged, missing: Values) -> Bearing:
    """What gauges say of every component; `missing` are features of the unseen."""
    scores = seen.found.scores
    total = sum(scores.values())
    heaviest = {name: _changes(seen, name)[0] for name, score in scores.items() if score > 0}
    candidates = {
        name: {
            "changed": score / total,
            "clear": squashed(score, HALF_CLEAR),
            **({str(row["role"]): _figure(row, "weight")} if row["role"] in RESOURCES else {}),
        }
        for name, score in scores.items()
        if (row := heaviest.get(name)) is not None
    }
    faint = 1.0 - squashed(max(scores.values()), HALF_CLEAR)
    return Bearing(candidates, {**missing, "coarse": 1.0, "faint": faint, "crowd": crowd(seen.services)})


def conclude_gauges(
    seen: GaugesChanged, fused: Fused, recheck: Recheck, window: Window, gaps: tuple[str, ...], at: datetime, cost: Cost
) -> Diagnosis:
    """Rank the components by how their gauges changed; inconclusive where none is clearly first."""
    ground = ground_of_gauges(seen, recheck, window)
    began = number_of(seen.evidence, select("first", "began"), "clock")
    ranked = [(name, p) for name, p in fused.probabilities.items() if seen.found.scores.get(name, 0.0) > 0]
    telling = Telling(
        what=f"Gauges run otherwise than they did, from about {began} on",
        plain_what="Gauges run otherwise than they did",
        why=lambda top: f"they changed most at {quoted(top.component)}",
        release=ReleaseVerdict(status="undetermined", reason="changes cannot be tested without requests to compare"),
        scope=_scope(seen),
        settled_by=lambda top: f"Traces or logs of {top.component} itself, or who calls it.",
    )
    candidates = [_candidate(seen, name, probability, ground) for name, probability in ranked[:TOLD]]
    return conclude_ranked(candidates, telling, ground, gaps=gaps, at=at, cost=cost)


def ground_of_gauges(seen: GaugesChanged, recheck: Recheck, window: Window) -> Ground:
    """What claims about gauges are checked against."""
    metrics = frozenset(seen.found.rows["metric"].to_pylist())
    return Ground(
        recheck=recheck,
        usual=Window(start=window.start, end=max(seen.found.began, window.start + timedelta(seconds=STEP_SECONDS))),
        latest_onset=seen.found.began + timedelta(seconds=ONSET_STEPS * STEP_SECONDS),
        names=seen.services | metrics,
        components=seen.services,
    )


def _scope(seen: GaugesChanged) -> Scope:
    """Since when; whom it hit cannot be counted without requests."""
    return Scope(since=seen.found.began, onset_uncertainty_seconds=ONSET_STEPS * STEP_SECONDS)


def _candidate(seen: GaugesChanged, component: str, probability: float, ground: Ground) -> Candidate:
    rows = _changes(seen, component)
    said = [_said(seen, row) for row in rows[:CLAIMED]]
    kind = KINDS[str(rows[0]["role"])]
    if kind == "surge" and _figure(rows[0], "level") < _figure(rows[0], "level_before"):
        kind = "unknown"
    statements = (*said, _timing(seen, component, ground))
    return Candidate(component, kind, probability, statements, seen.found.began)


def _changes(seen: GaugesChanged, component: str) -> list[dict[str, object]]:
    """A component's changes, the heaviest first."""
    return [row for row in seen.found.rows.to_pylist() if row["component"] == component]


def _said(seen: GaugesChanged, row: dict[str, object]) -> Statement:
    """That a gauge runs higher, or lower, than before the onset."""
    component, metric, role = str(row["component"]), str(row["metric"]), str(row["role"])
    unit = UNITS.get(str(row["unit"]), "")
    now, before = (
        number_of(seen.evidence, _row(column, component, metric), unit) for column in ("level", "level_before")
    )
    level, past = _figure(row, "level"), _figure(row, "level_before")
    text = f"{WORDS[role]} of {quoted(component)} ({quoted(metric)}): {now}, {before} before"
    selector, middle = _row("level", component, metric), float(f"{(level + past) / 2:.4g}")
    return Statement(text, seen.evidence, selector, ">" if level > past else "<", middle, component, "cause")


def _timing(seen: GaugesChanged, component: str, ground: Ground) -> Statement:
    selector = select("first", "began", component=component)
    at = number_of(seen.evidence, selector, "clock")
    text = f"it changed at {quoted(component)} at about {at}, when most changed"
    limit = ground.latest_onset + timedelta(seconds=1)
    return Statement(text, seen.evidence, selector, "before", limit, component, "timing")


def _figure(row: Mapping[str, object], column: str) -> float:
    value = row[column]
    assert isinstance(value, float), "figures of rows are never null"
    return value


def _row(column: str, component: str, metric: str) -> Selector:
    return select("first", column, component=component, metric=metric)
