"""Requests, failures and latency asked of metrics, and the excess work that they show: where there are no traces."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
import pyarrow as pa

from watchkeeper.analysis.bases import Unit
from watchkeeper.analysis.calm import ROWS, CalmBlame, calm_blame, entry_of, unit_of
from watchkeeper.analysis.flow import callers_of
from watchkeeper.analysis.golden import golden_grid, golden_names, golden_series
from watchkeeper.analysis.series import Grid, Red
from watchkeeper.analysis.steps import NOTICED
from watchkeeper.domain import EvidenceId, Reading, Signal, Window
from watchkeeper.evidence.answers import Answers, Readings, parameters_of
from watchkeeper.evidence.ledger import Ask, Ledger, Q
from watchkeeper.telemetry.sources import MetricBucketQuery, MetricQuery, Metrics

POINTS = 200_000
Edge = tuple[str, str]
READING = "excess work"
SAID = 1.0
"""Spreads that a component must have risen of which somebody else says that something is wrong with it."""


class Asking(Protocol):
    """Puts a question and keeps its evidence, as `Ledger.ask` does."""

    def __call__(self, question: str, source: str, method: Ask[Q], query: Q, /) -> tuple[EvidenceId, pa.Table | None]:
        """The evidence's number, and the answer's table or None where the source failed."""


@dataclass(frozen=True)
class Golden:
    """What metrics say of every service's requests; empty where no metric is recognised or the source failed."""

    grid: Grid
    services: dict[str, Red]
    usual: dict[str, Red]
    """The same in quiet stretches, one after another, on the same length of step; services may be missing."""
    topology: frozenset[Edge] = frozenset()
    evidence: dict[str, EvidenceId] = field(default_factory=dict)
    """Which evidence holds `names`, `now`, and `quiet 1`, `quiet 2`, …"""


def take_golden(
    sources: Metrics,
    ask: Asking,
    window: Window,
    references: Sequence[Window] = (),
    topology: Iterable[Edge] = (),
) -> Golden:
    """Ask what metrics say of requests in the window and in quiet stretches. Never raises for a source that is down.

    First which names there are, so that only those that are recognised are asked for in full.
    """
    number, listed = ask(
        "Which metrics are there?", "metrics", sources.metric_buckets,
        MetricBucketQuery(window=window, step_seconds=window.duration.total_seconds()),
    )  # fmt: skip
    evidence = {"names": number}
    names = golden_names(listed) if listed is not None and listed.num_rows else ()
    if not names:
        return Golden(Grid(window.start, 60.0, 0), {}, {}, frozenset(topology), evidence)
    evidence["now"], now = ask(
        "How many requests did each service get, how many failed, how long did they take?", "metrics", sources.points,
        MetricQuery(window=window, names=names, limit=POINTS),
    )  # fmt: skip
    grid = Grid(window.start, 60.0, 0) if now is None else golden_grid(now, window)
    quiet = []
    for count, reference in enumerate(references if grid.size else (), start=1):
        evidence[f"quiet {count}"], table = ask(
            "What did the same metrics say when all was well?", "metrics", sources.metric_buckets,
            MetricBucketQuery(window=reference, names=names, step_seconds=grid.step_seconds),
        )  # fmt: skip
        quiet.append((table, reference))
    services = golden_series(now, grid) if now is not None else {}
    return Golden(grid, services, _usual(quiet, grid.step_seconds), frozenset(topology), evidence)


def trouble_in(golden: Golden, signal: Signal) -> CalmBlame | None:
    """Who is to blame for what the signal noticed, at the service that it names, else where users come in.

    Where something fell that is counted (requests, orders) and the service itself neither fails nor is slow, its
    callers are looked at, the nearest first: what fails them keeps them from calling.
    """
    target = signal.service if signal.service in golden.services else entry_of(golden.services, golden.topology)
    if target is None:
        return None
    unit = unit_of(signal.measure) if target == signal.service else None
    is_said = signal.kind in ("alert", "complaints") and target == signal.service and not _is_fewer(signal)
    found = _blame(golden, signal, target, unit, SAID if is_said else NOTICED)
    if found is None and _is_fewer(signal):
        asked = (_blame(golden, signal, name, None, NOTICED) for name in callers_of(golden.topology, target))
        return next((blame for blame in asked if blame is not None), None)
    return found


def _is_fewer(signal: Signal) -> bool:
    """Whether something that is counted fell; shares of requests that went well and times are none of it."""
    return signal.direction == "down" and signal.measure is not None and unit_of(signal.measure) is None


def _blame(golden: Golden, signal: Signal, target: str, unit: Unit | None, least: float) -> CalmBlame | None:
    return calm_blame(
        golden.services,
        golden.usual,
        target,
        golden.topology,
        grid=golden.grid,
        at=golden.grid.position_of(signal.at),
        unit=unit,
        least=least,
    )


def derive_excess(ledger: Ledger, golden: Golden, signal: Signal, window: Window) -> EvidenceId:
    """Enter the excess work of all components into the ledger, one row each (`calm.ROWS`), to be cited by claims."""
    inputs = [golden.evidence[key] for key in golden.evidence if key == "now" or key.startswith("quiet ")]
    given = {
        "at": signal.at.isoformat(),
        "service": signal.service,
        "measure": signal.measure,
        "kind": signal.kind,
        "direction": signal.direction,
        "calls": [list(edge) for edge in sorted(golden.topology)],
    }
    return ledger.derive("Where does the extra time, or do the failures, come from?", READING, inputs, given, window)


def excess_work(answers: Answers, reading: Reading) -> pa.Table:
    """The excess work that the metrics show, anew from the answers: `calm.ROWS`, the most blamed first."""
    found = _anew(answers, reading)
    return ROWS.empty_table() if found is None else found.rows


READINGS: Readings = {READING: excess_work}
"""By the name that evidence carries."""


def _anew(answers: Answers, reading: Reading) -> CalmBlame | None:
    given = parameters_of(reading)
    number, *quiet = reading.of
    now, window = answers.answer(number), answers.query(number).window
    if now is None:
        return None
    grid = golden_grid(now, window)
    tables = [(answers.answer(each), answers.query(each).window) for each in quiet]
    calls = frozenset((str(a), str(b)) for a, b in given["calls"])  # type: ignore[attr-defined]
    golden = Golden(grid, golden_series(now, grid), _usual(tables, grid.step_seconds), calls)
    signal = Signal.model_validate(
        {
            "kind": given.get("kind", "alert"),
            "at": datetime.fromisoformat(str(given["at"])),
            "service": given["service"],
            "measure": given["measure"],
            "direction": given.get("direction"),
        }
    )
    return trouble_in(golden, signal)


def _usual(quiet: Iterable[tuple[pa.Table | None, Window]], step_seconds: float) -> dict[str, Red]:
    """Quiet stretches one after another, by service."""
    parts: dict[str, list[Red]] = {}
    for table, window in quiet:
        if table is not None and table.num_rows:
            for service, red in golden_series(table, _grid_over(window, step_seconds)).items():
                parts.setdefault(service, []).append(red)
    return {service: _strung(reds) for service, reds in parts.items()}


def _grid_over(window: Window, step_seconds: float) -> Grid:
    """All of the window, and the step before it: buckets begin at whole steps of the clock."""
    steps = int(np.ceil(window.duration.total_seconds() / step_seconds)) + 1
    start = Grid(window.start, step_seconds, 0).time_of(-1)
    return Grid(start, step_seconds, steps)


def _strung(reds: Sequence[Red]) -> Red:
    return Red(
        np.concatenate([red.requests for red in reds]),
        np.concatenate([red.errors for red in reds]),
        np.concatenate([red.mean_ms for red in reds]),
        np.concatenate([red.p95_ms for red in reds]),
    )
