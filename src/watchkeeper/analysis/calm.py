"""Excess work against an incident's own calm steps, and who is to blame for it: for coarse metrics without traces.

Work is in units that add up over the call graph: `requests × (latency - base)` seconds, or `failures - requests × base`
failures. The base is what a component did in the calm steps of the same window; quiet stretches of another time, months
away perhaps, tell how much it scatters, and stand in where the window has no calm step.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from watchkeeper.analysis.bases import Unit, badness, began_at, cost, drift_of, excess_steps, rise_steps
from watchkeeper.analysis.flow import Edge, Flow, Share, bridged, flow
from watchkeeper.analysis.gaps import flow_with_gaps
from watchkeeper.analysis.series import Floats, Grid, Red
from watchkeeper.analysis.steps import NOTICED, Steps, of_one_kind, steps_of_trouble

ROWS = pa.schema(
    [
        pa.field("component", pa.string(), nullable=False),
        # s | failures
        pa.field("unit", pa.string(), nullable=False),
        # Seconds, or failures, a request: the base in calm steps, and now. Null where there were no requests.
        pa.field("per_request_before", pa.float64()),
        pa.field("per_request", pa.float64()),
        # By weight of the steps that belong to the incident.
        pa.field("requests", pa.float64(), nullable=False),
        # Requests a step: in calm steps (null where there is none), and by weight of the incident's.
        pa.field("requests_a_step_before", pa.float64()),
        pa.field("requests_a_step", pa.float64()),
        # In the unit, beyond base and noise: all calm steps together, and the incident's by weight.
        pa.field("excess_before", pa.float64(), nullable=False),
        pa.field("excess", pa.float64(), nullable=False),
        # The begin of the first of the incident's steps with a good part of its excess; there, give or take a step.
        pa.field("began", pa.timestamp("us", tz="UTC")),
        # Of the target's trouble: what came this far, what stays, and what no single callee outdoes.
        pa.field("flow", pa.float64(), nullable=False),
        pa.field("own", pa.float64(), nullable=False),
        pa.field("dominance", pa.float64(), nullable=False),
        pa.field("share", pa.float64(), nullable=False),
        # The share when nothing but the steps around the alarm is looked at; null where the target shows nothing there.
        pa.field("share_at_alarm", pa.float64()),
    ]
)


@dataclass(frozen=True)
class CalmBlame:
    """Who is to blame for a target's trouble, and the rows that show it."""

    target: str
    unit: Unit
    steps: Steps
    flow: Flow
    at_alarm: Mapping[str, Share]
    """The shares by the steps around the alarm alone, over the same calls; empty where the target shows nothing."""
    excess: Mapping[str, Floats]
    """By component, weighted by step, shape (n,)."""
    unweighted: Mapping[str, Floats]
    """The same in all steps alike, calm ones included."""
    rises: Mapping[str, float]
    """By component, by how many spreads of its noise it rose at most in the incident's steps; may be infinite."""
    calls: frozenset[Edge]
    """Those that were declared, between components that are measured."""
    rows: pa.Table
    """`ROWS`: one a component with excess or blame, the most blamed first."""


def unit_of(measure: str | None) -> Unit | None:
    """The unit in which a signal's measure adds up; None where its name does not tell."""
    text = re.sub(r"[\W_]+", " ", (measure or "").lower())
    if any(word in text for word in ("latency", "duration", "response time", "slow")):
        return "s"
    return "failures" if any(word in text for word in ("availab", "error", "fail", "5xx", "success")) else None


def entry_of(services: Mapping[str, Red], edges: Iterable[Edge]) -> str | None:
    """The component that nobody calls with the most requests: where users feel it, if the signal names nobody."""
    called = {callee for _, callee in edges}
    entries = [name for name in sorted(services) if name not in called] or sorted(services)
    return max(entries, key=lambda name: services[name].requests.sum(), default=None)


def calm_blame(
    services: Mapping[str, Red],
    usual: Mapping[str, Red],
    target: str,
    edges: Iterable[Edge],
    *,
    grid: Grid,
    at: float,
    unit: Unit | None = None,
    least: float = NOTICED,
) -> CalmBlame | None:
    """Share the trouble that `target` showed around step `at` (fractions allowed) out over those it calls.

    `services` are on `grid`; `usual`, of any length, is what each did in quiet stretches, and may lack some. Without
    a unit, failures are looked at first, then latency. None where the target rose by no more than `least` spreads of
    noise: one will do where somebody else noticed it, and `steps.rise` then tells how plain it is.
    """
    if target not in services:
        return None
    declared = list(edges)
    heard = bridged(declared, {name for edge in declared for name in edge} - services.keys())
    for chosen in [unit] if unit is not None else ("failures", "s"):
        found = _blame_in(_Case(chosen, services, usual, target, grid), heard, at, least)
        if found is not None:
            return found
    return None


@dataclass(frozen=True)
class _Case:
    """What is looked at in one unit."""

    unit: Unit
    services: Mapping[str, Red]
    usual: Mapping[str, Red]
    target: str
    grid: Grid


def _blame_in(case: _Case, edges: Iterable[Edge], at: float, least: float) -> CalmBlame | None:
    drift = drift_of(case.services, case.usual, case.unit)
    red, past = case.services[case.target], case.usual.get(case.target)
    steps = steps_of_trouble(red, past, case.unit, case.grid, at, drift=drift)
    if steps.rise <= least:
        return None
    found = {
        name: excess_steps(red, case.usual.get(name), case.unit, steps.calm, drift=drift)
        for name, red in case.services.items()
    }
    plain = {name: excess for name, (excess, _) in found.items()}
    steps = of_one_kind(steps, plain, case.target)
    weighted = {name: excess * steps.weights for name, excess in plain.items()}
    if not weighted[case.target].any():
        return None
    costs = {name: cost(red, case.usual.get(name), steps.calm) for name, red in case.services.items()}
    shares = flow_with_gaps(case.target, weighted, edges, costs)
    near = _near(case.target, weighted, shares, edges, steps)
    rises = {
        name: float((rise_steps(red, case.usual.get(name), case.unit, steps.calm, drift)[steps.weights > 0]).max())
        for name, red in case.services.items()
    }
    rows = _rows(case, steps, found, shares, near)
    return CalmBlame(case.target, case.unit, steps, shares, near, weighted, plain, rises, frozenset(edges), rows)


def _near(
    target: str, weighted: Mapping[str, Floats], shares: Flow, edges: Iterable[Edge], steps: Steps
) -> dict[str, Share]:
    """The shares by the steps around the alarm alone, over the calls that were declared and inferred."""
    there = {name: float(excess[steps.near].sum()) for name, excess in weighted.items()}
    return flow(target, there, {*edges, *shares.inferred}) if there[target] > 0 else {}


def _rows(
    case: _Case,
    steps: Steps,
    found: Mapping[str, tuple[Floats, float]],
    shares: Flow,
    near: Mapping[str, Share],
) -> pa.Table:
    totals = {name: float((excess * steps.weights).sum()) for name, (excess, _) in found.items()}
    unreached = [name for name, total in totals.items() if total > 0 and name not in shares.ranked]
    names = [*shares.ranked, *sorted(unreached, key=lambda n: (-totals[n], n))]
    rows = [
        {
            "component": name,
            "unit": case.unit,
            **_figures(case.unit, case.services[name], steps, *found[name]),
            "began": _began(case.grid, found[name][0] * steps.weights),
            **_blame(shares, near, name),
        }
        for name in names
        if name in case.services
    ]
    return pa.Table.from_pylist(rows, schema=ROWS)


def _figures(unit: Unit, red: Red, steps: Steps, excess: Floats, base: float) -> dict[str, object]:
    return {
        "per_request_before": base if np.isfinite(base) else None,
        "per_request": _now(red, unit, steps.weights),
        "requests": float((red.requests * steps.weights).sum()),
        "requests_a_step_before": _mean(red.requests, steps.calm.astype(np.float64)),
        "requests_a_step": _mean(red.requests, steps.weights),
        "excess_before": float(excess[steps.calm].sum()),
        "excess": float((excess * steps.weights).sum()),
    }


def _began(grid: Grid, excess: Floats) -> datetime | None:
    return grid.time_of(began_at(excess)) if excess.any() else None


def _blame(shares: Flow, near: Mapping[str, Share], name: str) -> dict[str, object]:
    share = shares.shares.get(name, Share(0.0, 0.0, 0.0))
    there = near.get(name)
    return {
        "flow": share.flow,
        "own": share.own,
        "dominance": share.dominance,
        "share": share.score,
        "share_at_alarm": there.score if there is not None else None,
    }


def _mean(values: Floats, weights: Floats) -> float | None:
    return float((values * weights).sum() / weights.sum()) if weights.any() else None


def _now(red: Red, unit: Unit, weights: Floats) -> float | None:
    """Seconds or failures a request over the incident's steps."""
    bad = badness(red, unit)
    counted = np.where(np.isfinite(bad), weights * red.requests, 0.0)
    return float((np.nan_to_num(bad) * counted).sum() / counted.sum()) if counted.any() else None
