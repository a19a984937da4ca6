"""Injected cases where there is nothing but figures of each period and a declared call graph: an alarm at a caller."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zlib import crc32

import pyarrow as pa

from watchkeeper.datasets import petshop
from watchkeeper.datasets.cases import Tables, Trigger
from watchkeeper.domain import Signal, Window
from watchkeeper.errors import DatasetRejected
from watchkeeper.evaluation.injected import SHIFT, TRIES, InjectedCase, between
from watchkeeper.injection.periods import (
    PERIODS_AFTER,
    PERIODS_BEFORE,
    Edge,
    Periods,
    Plan,
    plan,
    put_in,
    window_before,
)


@dataclass(frozen=True)
class PeriodSystem:
    """The fault-free figures of one system, with its declared calls."""

    name: str
    metrics: pa.Table
    edges: frozenset[Edge]

    @cached_property
    def periods(self) -> Periods:
        """By node and period; raises DatasetRejected where there are too few for a case."""
        found, least = Periods.of(self.metrics, self.edges), PERIODS_BEFORE + PERIODS_AFTER + 1
        if found.starts.size < least:
            raise DatasetRejected(f"{self.name}: has {found.starts.size} periods, expected {least} or more of quiet")
        return found

    def case(self, name: str, made: Plan) -> InjectedCase:
        """The planned fault, put in, with the alarm that it raises."""
        tables: Tables = {"metrics": put_in(self.periods, made)}
        return InjectedCase(name, tables, self.trigger(made), True, made.fault)

    def trigger(self, made: Plan) -> Trigger:
        """What somebody on call would be told."""
        is_slow = made.fault.kind == "latency"
        measure = "mean latency" if is_slow else "availability"
        signal = Signal(
            kind="alert",
            at=made.alarm_at,
            service=made.alarmed,
            measure=measure,
            direction="up" if is_slow else "down",
            text=f"{measure} of {made.alarmed} is out of bounds",
        )
        begins, ends = window_before(made, self.periods)
        return Trigger(signal, made.until, (Window(start=begins, end=ends),), made.topology)


def systems_in(folder: Path) -> tuple[PeriodSystem, ...]:
    """The fault-free series of each traffic of an unpacked PetShop; raises DatasetRejected."""
    found: dict[str, PeriodSystem] = {}
    for case in petshop.cases(folder):
        name = case.name.split("/")[0]
        if name not in found and case.trigger.references:
            quiet = case.trigger.references[0]
            metrics = between(case.load()["metrics"], quiet.start, quiet.end)
            found[name] = PeriodSystem(f"petshop-{name}", metrics, case.trigger.topology)
    if not found:
        raise DatasetRejected(f"{folder}: expected a fault-free series, <traffic>/noissue/metrics.csv")
    return tuple(found.values())


def drawn_periods(system: PeriodSystem, count: int, seed: int, is_material: bool | None = None) -> Iterator[Plan]:
    """The first faults that are wanted; whether one is material is known from its plan alone."""
    found = 0
    # Two kinds of traffic of one system do not get the same plans.
    first = seed * SHIFT + crc32(system.name.encode())
    for number in range(first, first + TRIES * count):
        try:
            made = plan(system.periods, number, system.name)
        except ValueError:
            continue
        if is_material is None or made.fault.strength.is_material == is_material:
            yield made
            found += 1
            if found == count:
                return


def period_cases(
    system: PeriodSystem, count: int, seed: int, *, is_material: bool | None = None
) -> Iterator[InjectedCase]:
    """That many injected cases, the same for the same seed."""
    for number, made in enumerate(drawn_periods(system, count, seed, is_material), 1):
        yield system.case(f"{system.name}-{number:04d}", made)
