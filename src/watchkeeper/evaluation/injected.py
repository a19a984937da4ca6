"""Injected cases: quiet telemetry with one planned fault each, and the alarm that the standing watch raises."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from watchkeeper.datasets.cases import Tables, Trigger
from watchkeeper.domain import Signal
from watchkeeper.errors import DatasetRejected
from watchkeeper.injection.forest import COLUMNS as FOREST_COLUMNS
from watchkeeper.injection.forest import Forest
from watchkeeper.injection.inject import Quiet, inject
from watchkeeper.injection.plan import Fault, InjectedKind
from watchkeeper.injection.planning import Stretch, draw, when
from watchkeeper.tables import TABLES
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import Sources
from watchkeeper.watch.detection import LAG_SECONDS, detect, watch_over

LEAST_BEFORE, MOST_BEFORE = 90.0, 600.0
"""How many seconds of quiet telemetry a case has before its fault, at least and at most."""
LEAST_AFTER, MOST_AFTER = 60.0, 180.0
"""And how many of the fault."""
ALERT_SECONDS = (30.0, 90.0)
"""When somebody else's alert comes after the onset, where the standing watch is not asked."""
TRIES = 50
"""How many plans are drawn at most for one case that is wanted."""
SHIFT = 1_000_003
"""Apart enough that the seeds of two runs do not meet."""


@dataclass(frozen=True)
class InjectedCase:
    """One case: what may be seen, and, apart from it, what was put in."""

    name: str
    tables: Tables
    trigger: Trigger
    is_noticed: bool
    """Whether the standing watch raised it; else the trigger is somebody else's alert."""
    truth: Fault


@dataclass(frozen=True)
class System:
    """A quiet recording of one system."""

    name: str
    tables: Tables

    @cached_property
    def times(self) -> tuple[datetime, datetime]:
        """When its first and its last span began; raises DatasetRejected where that is too short for a case."""
        spans = self.tables.get("spans")
        if spans is None or not spans.num_rows:
            raise DatasetRejected(f"{self.name}: there are no spans to put a fault into")
        first, last = (edge.as_py() for edge in pc.min_max(spans["time"]).values())
        if (last - first).total_seconds() < LEAST_BEFORE + LEAST_AFTER:
            raise DatasetRejected(
                f"{self.name}: its spans cover {(last - first).total_seconds():.0f} s, "
                f"expected {LEAST_BEFORE + LEAST_AFTER:.0f} s or more of quiet telemetry"
            )
        return first, last

    @cached_property
    def whole(self) -> Quiet:
        """All of it."""
        return Quiet(self.tables)

    @cached_property
    def bare(self) -> pa.Table:
        """Its spans with no more than a plan needs."""
        return self.tables["spans"].select(FOREST_COLUMNS)

    def stretch(self, seed: int) -> tuple[datetime, Stretch]:
        """A stretch of it that is short enough to be replayed, and where in it a fault begins: drawn by the seed."""
        random = np.random.default_rng([seed, 3])
        first, last = self.times
        room = (last - first).total_seconds()
        after = float(random.uniform(LEAST_AFTER, min(MOST_AFTER, room - LEAST_BEFORE)))
        before = float(random.uniform(LEAST_BEFORE, min(MOST_BEFORE, room - after)))
        begins = first + timedelta(seconds=float(random.uniform(0, room - before - after)))
        onset = begins + timedelta(seconds=before)
        return begins, Stretch(onset, onset + timedelta(seconds=after))

    def quiet(self, seed: int) -> Quiet:
        """All telemetry of the stretch of one seed."""
        begins, stretch = self.stretch(seed)
        return Quiet({name: between(table, begins, stretch.ends) for name, table in self.tables.items()})

    def plan(self, seed: int, kind: InjectedKind | None = None) -> Fault:
        """The fault of one seed; raises ValueError where no component can have it."""
        begins, stretch = self.stretch(seed)
        return draw(Forest.of(between(self.bare, begins, stretch.ends)), stretch, seed, self.name, kind)


def cases(
    folder_or_tables: Path | Tables,
    count: int,
    seed: int,
    *,
    watched: bool = True,
    is_material: bool | None = None,
    kind: InjectedKind | None = None,
) -> Iterator[InjectedCase]:
    """That many injected cases, the same for the same seed; all, or only those that are material or that are not.

    With `watched` the standing watch is replayed from the onset and its first alarm is the trigger; a case that it does
    not notice, and every case without it, gets an alert of the service where requests enter the system.
    Raises DatasetRejected where the telemetry is too short.
    """
    system = system_of(folder_or_tables)
    for number, fault in enumerate(drawn(system, count, seed, is_material, kind), 1):
        quiet = system.quiet(fault.seed)
        tables = inject(quiet, fault)
        alarm = first_alarm(tables, fault) if watched else None
        signal = alarm or alert(quiet, fault)
        name = f"{system.name}-{number:04d}"
        yield InjectedCase(name, tables, Trigger(signal, until=signal.at), alarm is not None, fault)


def drawn(
    system: System, count: int, seed: int, is_material: bool | None = None, kind: InjectedKind | None = None
) -> Iterator[Fault]:
    """The first faults that are wanted; whether one is material is known from its plan alone."""
    found = 0
    # Recordings of one system do not get the same plans.
    first = seed * SHIFT + crc32(system.name.encode())
    for number in range(first, first + TRIES * count):
        try:
            fault = system.plan(number, kind)
        except ValueError:
            continue
        if is_material is None or fault.strength.is_material == is_material:
            yield fault
            found += 1
            if found == count:
                return


def system_of(folder_or_tables: Path | Tables) -> System:
    """The recording in a folder (or in its `telemetry`), or tables that are in memory already."""
    if not isinstance(folder_or_tables, Path):
        return System("tables", folder_or_tables)
    inner = folder_or_tables / "telemetry"
    place = inner if inner.is_dir() else folder_or_tables
    tables = {name: pq.read_table(path) for name in TABLES if (path := place / f"{name}.parquet").is_file()}
    return System(folder_or_tables.resolve().name, tables)


def between(table: pa.Table, begins: datetime, ends: datetime) -> pa.Table:
    """The rows whose time lies in [begins, ends)."""
    at = table["time"]
    kind = at.type
    late = pc.greater_equal(at, pa.scalar(begins, kind))
    return table.filter(pc.and_(late, pc.less(at, pa.scalar(ends, kind))))


def first_alarm(tables: Tables, fault: Fault) -> Signal | None:
    """What the standing watch raises first from the onset on, looking every few seconds; None where nothing."""
    with store_of(tables) as sources:
        return alarm_of(sources, fault)


def alarm_of(sources: Sources, fault: Fault) -> Signal | None:
    """The same over an open store."""
    looks = watch_over(sources, fault.onset, fault.ends + timedelta(seconds=LAG_SECONDS))
    return next((signals[0] for _, signals in looks if signals), None)


def is_quiet(quiet: Quiet, onset: datetime) -> bool:
    """Whether the standing watch has nothing to say just before the fault would begin."""
    with store_of(quiet.tables) as sources:
        return not detect(sources, onset)


def alert(quiet: Quiet, fault: Fault) -> Signal:
    """An alert of somebody else: the entry service with most of the requests that the component has part in."""
    random = np.random.default_rng([fault.seed, 4])
    forest = quiet.forest
    root = np.arange(forest.size)
    for rows in forest.generations[1:]:
        root[rows] = root[forest.parent[rows]]
    mine = root[forest.service == forest.code(fault.component)]
    service = forest.services[int(np.bincount(forest.service[mine]).argmax())]
    at = min(fault.ends, fault.onset + timedelta(seconds=float(random.uniform(*ALERT_SECONDS))))
    return Signal(kind="alert", at=at, service=service, text=f"{service} is in trouble")


__all__ = ["InjectedCase", "System", "cases", "when"]
