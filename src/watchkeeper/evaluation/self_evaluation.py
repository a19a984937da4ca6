"""What accuracy to expect on one's own system: faults put into its own quiet telemetry, met as on duty, and scored."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq

from watchkeeper.casebook.figures import wilson
from watchkeeper.datasets.cases import Tables
from watchkeeper.domain import Window
from watchkeeper.errors import DatasetRejected
from watchkeeper.evaluation.injected import System, is_quiet
from watchkeeper.evaluation.injected_periods import PeriodSystem
from watchkeeper.evaluation.injected_problems import FAINT, Injected, Planned, of_system
from watchkeeper.evaluation.intervals import Interval
from watchkeeper.evaluation.scorecard import Result, Scorecard
from watchkeeper.evaluation.suites import Suite
from watchkeeper.injection.calls import called_by_metrics
from watchkeeper.injection.periods import METRIC
from watchkeeper.injection.plan import Fault
from watchkeeper.injection.planning import BUSY_PER_MINUTE, busy, unheard
from watchkeeper.tables import TABLES
from watchkeeper.telemetry.recording import write_recording
from watchkeeper.telemetry.sources import ExtentQuery, Sources

NAME = "evaluate-me"
FAINT_SHARE = 0.25
"""So many faults too small to matter are put in beside those that are asked for, and told apart."""
CHECKS = 6
"""At how many moments the standing watch is asked whether the telemetry is quiet at all."""
NOT_QUIET = 0.5
"""From this share of alarms on it is not."""
UNNOTICED = "none"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Expected:
    """What to expect of one kind of fault, counted."""

    kind: str
    cases: int
    noticed: int
    first: int
    in_three: int
    wrong: int
    abstained: int
    failed: int
    first_interval: Interval
    """Wilson's, of the share that is right first."""
    seconds: float | None
    """The median time from the onset to the alarm, of those that were noticed."""


@dataclass(frozen=True)
class BlindSpot:
    """A component of which nothing, or too little, is reported to judge it by."""

    component: str
    reason: str


def read(sources: Sources, last: timedelta | None) -> Tables:
    """Everything that was recorded, or what was in the last while; raises DatasetRejected where that is nothing."""
    extent = sources.extent(ExtentQuery()).rows
    begins = [time for time in extent["first"].to_pylist() if time]
    ends = [time for time in extent["last"].to_pylist() if time]
    if not ends:
        raise DatasetRejected("there is no telemetry to put faults into: let it run for some minutes, or name --from")
    end = max(ends) + timedelta(microseconds=1)
    begin = min(begins) if last is None else max(min(begins), end - last)
    with tempfile.TemporaryDirectory() as folder:
        write_recording(sources, Window(start=begin, end=end), Path(folder))
        return {name: pq.read_table(path) for name in TABLES if (path := Path(folder) / f"{name}.parquet").is_file()}


def system_from(name: str, tables: Tables) -> System | PeriodSystem:
    """A system with traces, else one with figures of periods; raises DatasetRejected where it has neither."""
    spans, metrics = tables.get("spans"), tables.get("metrics")
    if spans is not None and spans.num_rows:
        return System(name, tables)
    if metrics is not None and METRIC in metrics["name"].unique().to_pylist():
        return PeriodSystem(name, metrics, called_by_metrics(metrics))
    raise DatasetRejected(f"{name}: expected spans, or {METRIC} as metrics, to put faults into")


def suite_of(system: System | PeriodSystem, count: int, seed: int) -> tuple[Suite, Injected]:
    """So many material faults, and a few faint ones, as a suite; raises DatasetRejected where it cannot be had.

    That is where the telemetry is too short, not quiet, or too thin for any fault.
    """
    made = _planned(system, count, seed)
    if isinstance(system, System):
        _require_quiet(system, made)
    asked = Injected(made)
    return Suite(NAME, "component", asked.problems(), asked.answers, data=system.name), asked


def _planned(system: System | PeriodSystem, count: int, seed: int) -> tuple[Planned, ...]:
    faint = round(count * FAINT_SHARE)
    if isinstance(system, System):
        _ = system.times  # too short a telemetry is said before anything is planned
    made = [*of_system(system, count, seed, True), *of_system(system, faint, seed, False)]
    if not made:
        raise DatasetRejected(
            f"{system.name}: no component has enough requests to put a fault into, "
            f"expected {BUSY_PER_MINUTE:g} a minute"
        )
    unique = {each.fault.seed: each for each in made}
    return tuple(
        Planned(f"{system.name}-{number:04d}", each.fault, each.make) for number, each in enumerate(unique.values(), 1)
    )


def _require_quiet(system: System, made: Sequence[Planned]) -> None:
    asked = made[:CHECKS]
    loud = [each for each in asked if not is_quiet(system.quiet(each.fault.seed), each.fault.onset)]
    if len(loud) / len(asked) > NOT_QUIET:
        raise DatasetRejected(
            f"{system.name} is not quiet: the watch sees trouble at {len(loud)} of {len(asked)} moments, such as "
            f"{loud[0].fault.onset:%Y-%m-%d %H:%M:%S} UTC; expected a calm stretch"
        )


def expected(card: Scorecard, asked: Injected) -> tuple[Expected, ...]:
    """By kind in order of name, then all material ones together, then the faint ones."""
    material = [r for r in card.results if r.kind != FAINT]
    faint = [r for r in card.results if r.kind == FAINT]
    kinds = sorted({r.kind for r in material})
    rows = [_counted(kind, [r for r in material if r.kind == kind], asked.noticed_after) for kind in kinds]
    rows.append(_counted("all", material, asked.noticed_after))
    return tuple(rows + ([_counted(FAINT, faint, asked.noticed_after)] if faint else []))


def _counted(kind: str, results: Sequence[Result], noticed_after: Mapping[str, float]) -> Expected:
    seconds = [noticed_after[r.case] for r in results if r.case in noticed_after]
    first = sum(r.is_hit for r in results)
    return Expected(
        kind=kind,
        cases=len(results),
        noticed=len(seconds),
        first=first,
        in_three=sum(r.status == "answered" and r.hit_rank is not None and r.hit_rank <= 3 for r in results),
        wrong=sum(r.status == "answered" and not r.is_hit for r in results),
        abstained=sum(r.status == "abstained" for r in results),
        failed=sum(r.status == "failed" for r in results),
        first_interval=wilson(first, len(results)) if results else (0.0, 1.0),
        seconds=median(seconds) if seconds else None,
    )


def blind_spots(system: System | PeriodSystem) -> tuple[BlindSpot, ...]:
    """Components that nothing can be said about: those that are called and do not report, or have few requests."""
    if isinstance(system, PeriodSystem):
        return tuple(_of_periods(system))
    forest = system.whole.forest
    silent = [BlindSpot(name, f"is called by {caller}, and reports nothing") for name, caller in unheard(system.whole)]
    thin = [
        BlindSpot(name, f"has {rate:.1f} requests a minute, {BUSY_PER_MINUTE:g} are needed to judge it")
        for name, rate in busy(forest).items()
        if name and rate < BUSY_PER_MINUTE
    ]
    return (*silent, *thin)


def _of_periods(system: PeriodSystem) -> Iterable[BlindSpot]:
    periods = system.periods
    known = set(periods.nodes)
    for name in sorted({name for edge in system.edges for name in edge} - known):
        yield BlindSpot(name, "is on the call graph, and has no figures")
    for row, name in enumerate(periods.nodes):
        if float(np.median(periods.requests[row])) < BUSY_PER_MINUTE:
            yield BlindSpot(name, f"has fewer than {BUSY_PER_MINUTE:g} requests in most periods")


def span_of(system: System | PeriodSystem) -> tuple[datetime, datetime]:
    """From when to when the telemetry is."""
    if isinstance(system, System):
        return system.times
    return system.periods.at(0), system.periods.at(system.periods.starts.size)


def components_of(planned: Sequence[Planned]) -> tuple[str, ...]:
    """Where faults were put, in order of name."""
    faults: list[Fault] = [each.fault for each in planned]
    return tuple(sorted({fault.component for fault in faults}))
