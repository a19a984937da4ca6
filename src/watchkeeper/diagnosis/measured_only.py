"""The conclusion where only coarse metrics speak: the excess work that an alarm shows, followed down the calls."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from watchkeeper import domain
from watchkeeper.analysis.calm import CalmBlame
from watchkeeper.analysis.series import Red
from watchkeeper.diagnosis.fusion import Fused
from watchkeeper.diagnosis.ranked import Candidate, Telling, conclude_ranked
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.domain import (
    Affected,
    Cost,
    Diagnosis,
    EvidenceId,
    FaultKind,
    ReleaseVerdict,
    Scope,
    Window,
)
from watchkeeper.evidence.claims import Ground, Statement
from watchkeeper.evidence.golden import Golden
from watchkeeper.evidence.prose import number_of
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import Selector, select

WORTH_TELLING = 0.01
LEAST_TOLD, MOST_TOLD = 5, 10
SURGED = 1.5
"""From this many times as many requests as in calm steps on there is a surge."""
WHAT = {"s": "extra time", "failures": "failures"}
COMES = {"s": "the extra time comes", "failures": "the failures come"}
MEASURE = {"s": ("mean latency", "time"), "failures": ("share of failed requests", "%")}


@dataclass(frozen=True)
class Measured:
    """What the metrics gave: the blame, the evidence that holds its rows, and the window that was looked at."""

    golden: Golden
    trouble: CalmBlame
    evidence: EvidenceId
    window: Window


def conclude_measured(
    seen: Measured, fused: Fused, recheck: Recheck, gaps: tuple[str, ...], at: datetime, cost: Cost
) -> Diagnosis:
    """Rank the components by their share of the alarm's excess; inconclusive where none is clearly first."""
    began, ground = _began(seen), ground_of_measured(seen, recheck, at)
    candidates = [_candidate(seen, name, probability, ground) for name, probability in _ranked(fused)]
    telling = Telling(
        what=_what(seen),
        plain_what=f"{MEASURE[seen.trouble.unit][0]} of {quoted(seen.trouble.target)}",
        why=lambda top: f"{COMES[seen.trouble.unit]} from {quoted(top.component)}",
        release=ReleaseVerdict(status="undetermined", reason="changes cannot be tested against metrics this coarse"),
        scope=_scope(seen, began),
        settled_by=lambda top: f"Traces or logs of {top.component} itself.",
    )
    return conclude_ranked(candidates, telling, ground, gaps=gaps, at=at, cost=cost)


def ground_of_measured(seen: Measured, recheck: Recheck, at: datetime) -> Ground:
    """What claims about coarse metrics are checked against."""
    return Ground(
        recheck=recheck,
        usual=seen.window,
        latest_onset=(_began(seen) or at) + timedelta(seconds=seen.golden.grid.step_seconds),
        names=frozenset(seen.golden.services) | {name for edge in seen.golden.topology for name in edge},
        edges=seen.golden.topology,
        components=frozenset(seen.golden.services),
    )


def _scope(seen: Measured, began: datetime | None) -> Scope:
    """Everybody who shows excess, and what severity is judged on: the last step that was measured."""
    grid, usual = seen.golden.grid, seen.trouble.steps.calm
    evidence = seen.golden.evidence["now"]
    called = {callee for _, callee in seen.golden.topology}
    affected, measured = [], []
    for name in sorted(set(seen.trouble.rows["component"].to_pylist()) & set(seen.golden.services)):
        red = seen.golden.services[name]
        known = np.flatnonzero(red.requests > 0)
        hit = slice(grid.index_of(began), grid.size) if began is not None else slice(0, 0)
        requests, errors = red.total(hit)
        if requests:
            affected.append(Affected(service=name, requests=int(requests), errors=int(errors), evidence=evidence))
        if known.size and not usual[known[-1]]:
            measured.append(_last(name, name not in called, red, int(known[-1]), seen))
    return Scope(
        since=began,
        onset_uncertainty_seconds=grid.step_seconds,
        affected=tuple(sorted(affected, key=lambda a: (-a.errors, a.service))),
        measured=tuple(measured),
    )


def _last(name: str, is_entry: bool, red: Red, step: int, seen: Measured) -> domain.Measured:
    grid = seen.golden.grid
    return domain.Measured(
        service=name,
        window=Window(start=grid.time_of(step), end=grid.time_of(step + 1)),
        is_entry=is_entry,
        requests=int(red.requests[step]),
        errors=int(red.errors[step]),
        evidence=seen.golden.evidence["now"],
    )


def _ranked(fused: Fused) -> list[tuple[str, float]]:
    ranked = list(fused.probabilities.items())
    return [pair for i, pair in enumerate(ranked[:MOST_TOLD]) if pair[1] >= WORTH_TELLING or i < LEAST_TOLD]


def _began(seen: Measured) -> datetime | None:
    """When the first of those with excess on the way from the target began."""
    own = _value(seen, "began", seen.trouble.target)
    if isinstance(own, datetime):
        return own
    return min((time for time in seen.trouble.rows["began"].to_pylist() if time is not None), default=None)


def _candidate(seen: Measured, component: str, probability: float, ground: Ground) -> Candidate:
    more = _more_requests(seen, component)
    said = (_cause(seen, component), _share(seen, component), more, _timing(seen, component, ground))
    kind: FaultKind = "latency" if seen.trouble.unit == "s" else "errors"
    if more is not None and _surge(seen, seen.trouble.target) is not None:
        kind = "surge"
    began = _value(seen, "began", component)
    onset = began if isinstance(began, datetime) else None
    return Candidate(component, kind, probability, tuple(s for s in said if s is not None), onset)


def _row(column: str, component: str) -> Selector:
    return select("first", column, component=component)


def _value(seen: Measured, column: str, component: str) -> object:
    rows = seen.trouble.rows
    names = rows["component"].to_pylist()
    return rows[column][names.index(component)].as_py() if component in names else None


def _cause(seen: Measured, component: str) -> Statement | None:
    """That the component's requests cost more than in its own calm steps."""
    now, before = (_value(seen, column, component) for column in ("per_request", "per_request_before"))
    if not isinstance(now, float) or not isinstance(before, float) or now <= before:
        return None
    measure, unit = MEASURE[seen.trouble.unit]
    figures = [
        number_of(seen.evidence, _row(column, component), unit) for column in ("per_request", "per_request_before")
    ]
    text = f"{measure} of {quoted(component)}: {figures[0]}, {figures[1]} in calm steps"
    selector = _row("per_request", component)
    return Statement(text, seen.evidence, selector, ">", _rounded((now + before) / 2), component, "cause")


def _share(seen: Measured, component: str) -> Statement | None:
    """How much of the target's trouble stays at the component."""
    share = _value(seen, "share", component)
    if not isinstance(share, float) or share <= 0:
        return None
    selector = _row("share", component)
    what = WHAT[seen.trouble.unit]
    percent = number_of(seen.evidence, selector, "%0")
    text = f"{percent} of the {what} of {quoted(seen.trouble.target)} is left at {quoted(component)}"
    return Statement(text, seen.evidence, selector, "≥", _rounded(share / 2), component, "cause")


def _surge(seen: Measured, component: str) -> float | None:
    """By what factor its requests rose beyond those of calm steps; None where they did not, or nobody knows."""
    before, now = (_value(seen, column, component) for column in ("requests_a_step_before", "requests_a_step"))
    if not isinstance(before, float) or not isinstance(now, float) or before <= 0 or now < SURGED * before:
        return None
    return now / before


def _more_requests(seen: Measured, component: str) -> Statement | None:
    """That the component got far more requests than in calm steps; if users sent more, that may be the cause."""
    factor = _surge(seen, component)
    before = _value(seen, "requests_a_step_before", component)
    if factor is None or not isinstance(before, float):
        return None
    columns = ("requests_a_step", "requests_a_step_before")
    now, past = (number_of(seen.evidence, _row(column, component), "") for column in columns)
    text = f"requests of {quoted(component)}: {now} a step, {past} in calm steps"
    selector = _row("requests_a_step", component)
    return Statement(text, seen.evidence, selector, ">", _rounded(before * (1 + factor) / 2), component, "cause")


def _timing(seen: Measured, component: str, ground: Ground) -> Statement | None:
    began = _value(seen, "began", component)
    if not isinstance(began, datetime):
        return None
    selector = _row("began", component)
    at = number_of(seen.evidence, selector, "clock")
    if began > ground.latest_onset:
        text = f"it began at {quoted(component)} only at {at}, after the alarm's own trouble"
        return Statement(text, seen.evidence, selector, "after", ground.latest_onset, component, "timing")
    text = f"it began at {quoted(component)} at {at}, give or take a step, not after the alarm's own trouble"
    limit = ground.latest_onset + timedelta(seconds=1)
    return Statement(text, seen.evidence, selector, "before", limit, component, "timing")


def _what(seen: Measured) -> str:
    target = seen.trouble.target
    statement = _cause(seen, target)
    text = (
        f"{MEASURE[seen.trouble.unit][0]} of {quoted(target)} is unusual" if statement is None else statement.template
    )
    began = _value(seen, "began", target)
    return text + (f" since {number_of(seen.evidence, _row('began', target), 'clock')}" if began is not None else "")


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
