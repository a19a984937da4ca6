"""The conclusion from what changed inside visits: what requests do, wait for, and use that they did not before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from watchkeeper.analysis.visit_findings import Blamed
from watchkeeper.diagnosis.fusion import Fused
from watchkeeper.diagnosis.ranked import Candidate, Telling, conclude_ranked
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.domain import Cost, Diagnosis, EvidenceId, FaultKind, ReleaseVerdict, Scope, Window
from watchkeeper.evidence.claims import Ground, Statement
from watchkeeper.evidence.prose import number_of
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import select
from watchkeeper.evidence.visits import STEP_OF_ONSETS

LEAST = 4.0
"""The score (about chi-squared with one degree of freedom) below which nothing is said to have changed; as much always
speaks for a component of which nothing was measured."""
TOLD, FINDINGS_TOLD = 10, 4
"""Components, and findings of each, that are told."""
CHANGED: dict[FaultKind, str] = {
    "errors": "what its requests do changed most in",
    "latency": "requests lose their time in",
    "cpu": "the processor is busiest in",
    "silence": "nobody gets an answer any more from",
    "slow-dependency": "what is called takes longer to answer to",
}

LONGER = {"delay": "on the way", "own time": "in itself", "outside": "a visit, all its calls of that name together"}
"""Where time is lost, by signal."""


@dataclass(frozen=True)
class InsideVisits:
    """What changed, who is blamed for it, and the evidence that holds the rows of both."""

    rows: pa.Table
    ranked: Sequence[Blamed]
    """Components by what speaks against them, the most first; at least one."""
    components: frozenset[str]
    findings: EvidenceId
    """Which evidence holds the rows."""
    blamed: EvidenceId
    """Which evidence holds the ranking."""
    at: datetime
    """When it was noticed."""
    window: Window


def conclude_visits(
    seen: InsideVisits, fused: Fused, recheck: Recheck, gaps: tuple[str, ...], now: datetime, cost: Cost
) -> Diagnosis:
    """Rank the components by what changed in their visits; inconclusive where none is clearly first."""
    first, ground = _first_change(seen), ground_of_visits(seen, recheck)
    top = number_of(seen.blamed, select("first", "began"), "clock")
    telling = Telling(
        what=f"Requests behave otherwise than they did, most clearly from {top} on",
        plain_what="Requests behave otherwise than they did",
        why=lambda each: f"{CHANGED.get(each.kind, 'it changed most in')} {quoted(each.component)}",
        release=ReleaseVerdict(status="undetermined", reason="no onset is known well enough to test a change against"),
        scope=Scope(since=first, onset_uncertainty_seconds=STEP_OF_ONSETS.total_seconds()),
        settled_by=lambda each: f"One trace through {each.component} from before, beside one from now.",
    )
    by_name = {each.component: each for each in seen.ranked}
    ranked = [(by_name[name], p) for name, p in fused.probabilities.items() if name in by_name]
    candidates = [_candidate(seen, each, probability, ground) for each, probability in ranked[:TOLD]]
    return conclude_ranked(candidates, telling, ground, gaps=gaps, at=now, cost=cost)


def ground_of_visits(seen: InsideVisits, recheck: Recheck) -> Ground:
    """What claims about changed visits are checked against."""
    return Ground(
        recheck=recheck,
        usual=seen.window,
        latest_onset=_first_change(seen) + 2 * STEP_OF_ONSETS,
        names=frozenset(each.component for each in seen.ranked),
        components=seen.components,
    )


def _first_change(seen: InsideVisits) -> datetime:
    """When the incident began: the moment from which on most of what changed is clearest, the earliest of equals."""
    says: dict[datetime, float] = {}
    for each in seen.ranked:
        if each.began is not None:
            says[each.began] = says.get(each.began, 0.0) + each.score
    return min(says, key=lambda moment: (-says[moment], moment), default=seen.at)


def _candidate(seen: InsideVisits, blamed: Blamed, probability: float, ground: Ground) -> Candidate:
    statements = (*statements_of(seen, blamed.component), _share(seen, blamed), _timing(seen, blamed, ground))
    return Candidate(blamed.component, blamed.kind, probability, statements, blamed.began)


def statements_of(seen: InsideVisits, component: str) -> tuple[Statement, ...]:
    """What was found inside the visits of a component, each as a sentence to check."""
    rows = seen.rows.to_pylist()
    own = [row for row in rows if row["component"] == component][:FINDINGS_TOLD]
    return tuple(s for row in own if (s := _finding(seen, row)) is not None)


def _finding(seen: InsideVisits, row: dict[str, object]) -> Statement | None:
    """That a figure lies on the far side of the middle between what it was and what it is."""
    held = {name: str(row[name]) for name in ("component", "signal", "change")}
    now, before = row["value"], row["value_before"]
    if not isinstance(now, float) or not isinstance(before, float) or now == before:
        return None
    unit = {"share": "%0", "ms": "ms"}.get(str(row["unit"]), "")
    figures = [number_of(seen.findings, select("first", name, **held), unit) for name in ("value", "value_before")]
    text = _words(seen, row, held).format(now=figures[0], before=figures[1])
    selector = select("first", "value", **held)
    middle = float(f"{(now + before) / 2:.4g}")
    return Statement(text, seen.findings, selector, ">" if now > before else "<", middle, held["component"])


def _words(seen: InsideVisits, row: dict[str, object], held: dict[str, str]) -> str:
    """The sentence of a finding, with `{now}` and `{before}` to be put in; names in it are placeholders too."""

    def name(column: str) -> str:
        placeholder = number_of(seen.findings, select("first", column, **held), "text")
        return placeholder.replace("{", "{{").replace("}", "}}")

    where = f" of {name('operation')}" if row["operation"] else ""
    if held["signal"] == "behaviour":
        after = f" right after “{name('after')}”" if row["after"] else ""
        return f"“{name('event')}” comes{after} in {{now}} of the visits{where}, before in {{before}}"
    if held["signal"] == "cpu":
        return f"{name('event')} is at {{now}}, before at {{before}}"
    if held["signal"] == "unanswered":
        return f"calls {name('event')} get no answer in {{now}}, before in {{before}}"
    return f"“{name('event')}”{where} takes {{now}} {LONGER[held['signal']]}, before {{before}}"


def _share(seen: InsideVisits, blamed: Blamed) -> Statement:
    selector = select("first", "share", component=blamed.component)
    percent = number_of(seen.blamed, selector, "%0")
    text = f"{percent} of all that changed in visits speaks against {quoted(blamed.component)}"
    return Statement(text, seen.blamed, selector, "≥", float(f"{blamed.share / 2:.4g}"), blamed.component)


def _timing(seen: InsideVisits, blamed: Blamed, ground: Ground) -> Statement:
    selector = select("first", "began", component=blamed.component)
    at, give = (number_of(seen.blamed, s, u) for s, u in ((selector, "clock"), (select("first", "give_seconds"), "s")))
    name = quoted(blamed.component)
    if blamed.began is not None and blamed.began > ground.latest_onset:
        text = f"what changed in {name} is clearest only from {at} on, ± {give}: most else changed before"
        return Statement(text, seen.blamed, selector, "after", ground.latest_onset, blamed.component, "timing")
    text = f"what changed in {name} is clearest from {at} on, ± {give}: not after most else"
    limit = ground.latest_onset + timedelta(seconds=1)
    return Statement(text, seen.blamed, selector, "before", limit, blamed.component, "timing")
