"""Excess work against an incident's own calm steps, and who is to blame for it: for coarse metrics without traces.

Work is in units that add up over the call graph: `requests × (latency - base)` seconds, or `failures - requests × base`
failures. The base is what a component did in the calm steps of the same window; quiet stretches of another time, months
away perhaps, tell only how much it scatters.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from watchkeeper.analysis.flow import Edge, Flow, Share, bridged, flow_with_gaps
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Floats, Grid, Red

Unit = Literal["s", "failures"]

CALM_SHARE = 1 / 3
"""Steps in the lowest third of the symptom's range are calm."""
NOTICED = 3.0
"""Spreads that the symptom must rise around the alarm, for the alarm to tell where to look."""
CLOSE_SECONDS = 300.0
"""What is around the alarm (or one step, where steps are longer)."""
FADE = 0.7
"""What each further such stretch takes off a step's weight: trouble far from the alarm may be another one."""

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
        # In the unit, beyond base and noise: all calm steps together, and the incident's by weight.
        pa.field("excess_before", pa.float64(), nullable=False),
        pa.field("excess", pa.float64(), nullable=False),
        # The begin of the first of the incident's steps with excess; it began there, give or take a step.
        pa.field("began", pa.timestamp("us", tz="UTC")),
        # Of the target's trouble: what came this far, what stays, and what no single callee outdoes.
        pa.field("flow", pa.float64(), nullable=False),
        pa.field("own", pa.float64(), nullable=False),
        pa.field("dominance", pa.float64(), nullable=False),
        pa.field("share", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Steps:
    """Which steps are calm, and how much each of the others counts, from 0 to 1; shape (n,)."""

    calm: NDArray[np.bool_]
    weights: Floats


@dataclass(frozen=True)
class CalmBlame:
    """Who is to blame for a target's trouble, and the rows that show it."""

    target: str
    unit: Unit
    steps: Steps
    flow: Flow
    rows: pa.Table
    """`ROWS`: one a component with excess or blame, the most blamed first."""


def unit_of(measure: str | None) -> Unit | None:
    """The unit in which a signal's measure adds up; None where its name does not tell."""
    text = (measure or "").lower()
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
) -> CalmBlame | None:
    """Share the trouble that `target` showed around step `at` (fractions allowed) out over those it calls.

    `services` are on `grid`; `usual`, of any length, is what each did in quiet stretches, and may lack some. Without
    a unit, failures are looked at first, then latency. None where the target shows no more than noise and
    nobody that it calls does.
    """
    if target not in services:
        return None
    declared = list(edges)
    heard = bridged(declared, {name for edge in declared for name in edge} - services.keys())
    for chosen in [unit] if unit is not None else ("failures", "s"):
        found = _blame_in(chosen, services, usual, target, heard, grid, at)
        if found is not None:
            return found
    return None


def steps_of_trouble(red: Red, usual: Red | None, unit: Unit, grid: Grid, at: float) -> Steps:
    """Calm steps and the weights of the others, judged by the target's own symptom.

    Around the alarm the symptom must have risen beyond noise, then its height there sets the scale, and no step counts
    for more than those: else a later, larger trouble would pass for the cause of this alarm.
    """
    bad = badness(red, unit)
    known = np.isfinite(bad)
    if not known.any():
        return Steps(known, np.zeros(bad.size))
    away = _distances(grid, at)
    near = known & (away <= 1)
    low, high = float(bad[known].min()), float(bad[known].max())
    is_noticed = False
    if near.any():
        peak = float(bad[near].max())
        rise = excess_steps(red, usual, unit, _calm(bad, low, peak), spreads=NOTICED)[0]
        is_noticed = bool(rise[near].any())
        high = peak if is_noticed else high
    calm = _calm(bad, low, high)
    weights = np.where(known & ~calm, FADE**away, 0.0)
    if is_noticed:
        rise = excess_steps(red, usual, unit, calm)[0]
        largest = float(rise[near].max())
        weights *= np.minimum(1.0, largest / np.maximum(rise, 1e-12)) if largest > 0 else 1.0
    return Steps(calm, weights)


def badness(red: Red, unit: Unit) -> Floats:
    """Seconds or failures a request, shape (n,); NaN where there were none."""
    if unit == "s":
        return np.where(red.requests > 0, red.mean_ms / 1e3, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(red.requests > 0, red.errors / red.requests, np.nan)


def excess_steps(
    red: Red, usual: Red | None, unit: Unit, calm: NDArray[np.bool_], spreads: float = 1.0
) -> tuple[Floats, float]:
    """Work beyond the base and beyond `spreads` of noise by step, in the unit, and the base a request.

    The base is the median of calm steps, else of the usual; with neither there is none (NaN) and no excess: who was
    never called before did not change, its caller did. Noise is the usual's robust spread, of shares at least the
    binomial one.
    """
    bad = badness(red, unit)
    past = badness(usual, unit) if usual is not None else np.full(1, np.nan)
    level, spread = location_scale(past)
    base, wobble = location_scale(bad[calm])
    base = base if np.isfinite(base) else level
    if not np.isfinite(base):
        return np.zeros(bad.size), float("nan")
    noise = np.full(bad.size, spread if np.isfinite(spread) else wobble if np.isfinite(wobble) else 0.0)
    if unit == "failures":
        trials = np.maximum(red.requests, 1.0)
        share = np.clip(base, 1 / trials, 1.0)
        noise = np.maximum(noise, np.sqrt(share * (1 - share) / trials))
    gain = np.maximum(0.0, bad - base - spreads * noise)
    return np.where(np.isfinite(gain), red.requests * gain, 0.0), float(base)


def _calm(bad: Floats, low: float, high: float) -> NDArray[np.bool_]:
    return np.isfinite(bad) & (bad <= low + CALM_SHARE * (high - low))


def _distances(grid: Grid, at: float) -> Floats:
    """How far each step lies from the alarm, in stretches that count as around it; 0 for the step that holds it."""
    begin = np.arange(grid.size, dtype=np.float64)
    gap = np.maximum(0.0, np.maximum(begin - at, at - (begin + 1)))
    return gap * grid.step_seconds / max(CLOSE_SECONDS, grid.step_seconds)


def _blame_in(
    unit: Unit,
    services: Mapping[str, Red],
    usual: Mapping[str, Red],
    target: str,
    edges: Iterable[Edge],
    grid: Grid,
    at: float,
) -> CalmBlame | None:
    steps = steps_of_trouble(services[target], usual.get(target), unit, grid, at)
    found = {name: excess_steps(red, usual.get(name), unit, steps.calm) for name, red in services.items()}
    weighted = {name: excess * steps.weights for name, (excess, _) in found.items()}
    shares = flow_with_gaps(target, weighted, edges)
    if not any(weighted[name].any() for name in shares.shares if name in weighted):
        return None
    return CalmBlame(target, unit, steps, shares, _rows(unit, services, grid, steps, found, shares))


def _rows(
    unit: Unit,
    services: Mapping[str, Red],
    grid: Grid,
    steps: Steps,
    found: Mapping[str, tuple[Floats, float]],
    shares: Flow,
) -> pa.Table:
    totals = {name: float((excess * steps.weights).sum()) for name, (excess, _) in found.items()}
    unreached = [name for name, total in totals.items() if total > 0 and name not in shares.ranked]
    names = [*shares.ranked, *sorted(unreached, key=lambda n: (-totals[n], n))]
    rows = [
        {
            "component": name,
            "unit": unit,
            **_figures(unit, services[name], steps, *found[name]),
            "began": _began(grid, found[name][0] * steps.weights),
            **_blame(shares, name),
        }
        for name in names
        if name in services
    ]
    return pa.Table.from_pylist(rows, schema=ROWS)


def _figures(unit: Unit, red: Red, steps: Steps, excess: Floats, base: float) -> dict[str, object]:
    return {
        "per_request_before": base if np.isfinite(base) else None,
        "per_request": _now(red, unit, steps.weights),
        "requests": float((red.requests * steps.weights).sum()),
        "excess_before": float(excess[steps.calm].sum()),
        "excess": float((excess * steps.weights).sum()),
    }


def _began(grid: Grid, excess: Floats) -> datetime | None:
    known = np.flatnonzero(excess)
    return grid.time_of(int(known[0])) if known.size else None


def _blame(shares: Flow, name: str) -> dict[str, object]:
    share = shares.shares.get(name, Share(0.0, 0.0, 0.0))
    return {"flow": share.flow, "own": share.own, "dominance": share.dominance, "share": share.score}


def _now(red: Red, unit: Unit, weights: Floats) -> float | None:
    """Seconds or failures a request over the incident's steps."""
    bad = badness(red, unit)
    counted = np.where(np.isfinite(bad), weights * red.requests, 0.0)
    return float((np.nan_to_num(bad) * counted).sum() / counted.sum()) if counted.any() else None
