"""Injected cases as problems of a suite: planned first, made one by one when they are asked, their truth kept apart."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from watchkeeper.datasets.cases import Answer, Trigger
from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation.injected import InjectedCase, System, alert, drawn, first_alarm, system_of
from watchkeeper.evaluation.injected_periods import PeriodSystem, drawn_periods, systems_in
from watchkeeper.evaluation.problems import TRUTH, Posed, Problem, Source, Without
from watchkeeper.injection.inject import inject
from watchkeeper.injection.plan import Fault
from watchkeeper.lab.truth import Truth
from watchkeeper.tables import TableName
from watchkeeper.telemetry.recording import store_of

Share = Literal["material", "faint", "all"]
IS_MATERIAL: dict[Share, bool | None] = {"material": True, "faint": False, "all": None}
FAINT = "faint"
QUIET = "nothing"
TABLE_OF: dict[Source, TableName] = {"logs": "logs", "traces": "spans", "metrics": "metrics"}


@dataclass(frozen=True)
class Planned:
    """One case that is planned and not made yet: a plan is small, its telemetry is not."""

    name: str
    fault: Fault
    make: Callable[[], InjectedCase]


@dataclass(frozen=True)
class Injected:
    """Planned cases, and what is learned of them while they are asked."""

    planned: tuple[Planned, ...]
    alert_delay_seconds: float = 0.0
    noticed_after: dict[str, float] = field(default_factory=dict)
    """Seconds from the onset to the watch's first alarm, of the cases that were made so far and noticed."""

    def problems(self) -> tuple[Problem, ...]:
        """One problem a case."""
        return tuple(Problem(each.name, self._posing(each)) for each in self.planned)

    def _posing(self, planned: Planned) -> Callable[[Without], Posed]:
        def pose(without: Without) -> Posed:
            case = planned.make()
            if case.is_noticed:
                self.noticed_after[planned.name] = (case.trigger.signal.at - case.truth.onset).total_seconds()
            trigger = _later(case.trigger, case.truth, self.alert_delay_seconds)
            if "topology" in without:
                trigger = Trigger(trigger.signal, trigger.until, trigger.references)
            dropped = {TABLE_OF[source] for source in without if source in TABLE_OF}
            tables = {name: table for name, table in case.tables.items() if name not in dropped}
            return Posed(trigger, tables, store_of(tables), is_noticed=case.is_noticed)

        return pose

    def answers(self) -> Mapping[str, Answer]:
        """The truth of each case."""
        return {each.name: answer_of(each.fault) for each in self.planned}


def answer_of(fault: Fault) -> Answer:
    """What was put in; what a careless reader would blame are its decoys."""
    decoys = {decoy.component for decoy in (fault.drift, fault.deploy) if decoy is not None}
    kind = fault.kind if fault.strength.is_material else FAINT
    return Answer(fault.component, kind=kind, system=fault.system, decoys=frozenset(decoys - {fault.component}))


def planned_in(folder: Path, count: int, seed: int, share: Share = "material") -> tuple[Planned, ...]:
    """So many cases, evenly over the quiet systems of a folder; raises DatasetRejected where it holds none."""
    systems = _systems(folder)
    each, rest = divmod(count, len(systems))
    found: list[Planned] = []
    for number, system in enumerate(systems):
        found += of_system(system, each + (number < rest), seed, IS_MATERIAL[share])
    if not found:
        raise DatasetRejected(f"{folder}: no component is busy enough to put a fault into")
    return tuple(found)


def of_system(system: System | PeriodSystem, count: int, seed: int, is_material: bool | None) -> Iterator[Planned]:
    """So many cases of either form, fewer where no more can be had."""
    if count < 1:
        return iter(())
    if isinstance(system, PeriodSystem):
        return of_periods(system, count, seed, is_material)
    return of_spans(system, count, seed, is_material)


def of_spans(system: System, count: int, seed: int, is_material: bool | None) -> Iterator[Planned]:
    """Cases of a system with traces: the first alarm of the standing watch is what is diagnosed."""
    for number, fault in enumerate(drawn(system, count, seed, is_material), 1):
        name = f"{system.name}-{seed}-{number:04d}"
        yield Planned(name, fault, _making(system, name, fault))


def _making(system: System, name: str, fault: Fault) -> Callable[[], InjectedCase]:
    def make() -> InjectedCase:
        quiet = system.quiet(fault.seed)
        tables = inject(quiet, fault)
        alarm = first_alarm(tables, fault)
        signal = alarm or alert(quiet, fault)
        return InjectedCase(name, tables, Trigger(signal, until=signal.at), alarm is not None, fault)

    return make


def of_periods(system: PeriodSystem, count: int, seed: int, is_material: bool | None) -> Iterator[Planned]:
    """Cases of a system with figures of periods only: a caller's alarm is what is diagnosed."""
    for number, made in enumerate(drawn_periods(system, count, seed, is_material), 1):
        name = f"{system.name}-{seed}-{number:04d}"
        yield Planned(name, made.fault, lambda name=name, made=made: system.case(name, made))  # type: ignore[misc]


def _systems(folder: Path) -> tuple[System | PeriodSystem, ...]:
    """A recording, several quiet recordings (by their own word, where they have one), or an unpacked PetShop."""
    if not folder.is_dir():
        raise DatasetRejected(f"{folder}: there is no such folder; expected quiet telemetry")
    if _is_recording(folder):
        return (system_of(folder),)
    inside = [path for path in sorted(folder.iterdir()) if _is_recording(path) and _is_quiet(path)]
    return tuple(system_of(path) for path in inside) or systems_in(folder)


def _is_recording(folder: Path) -> bool:
    return (folder / "telemetry" / "spans.parquet").is_file() or (folder / "spans.parquet").is_file()


def _is_quiet(folder: Path) -> bool:
    truth = folder / TRUTH
    return not truth.is_file() or Truth.from_yaml(truth).kind == QUIET


def _later(trigger: Trigger, fault: Fault, seconds: float) -> Trigger:
    """The same signal, diagnosed so much later, while there is telemetry."""
    if not seconds:
        return trigger
    at = min(trigger.signal.at + timedelta(seconds=seconds), max(trigger.signal.at, fault.ends))
    signal = trigger.signal.model_copy(update={"at": at})
    return Trigger(signal, max(trigger.until, at), trigger.references, trigger.topology)


def opened(folder: Path | None, count: int, seed: int, share: Share, delay_seconds: float, name: str) -> Injected:
    """The cases of a suite; raises ConfigError without a folder, DatasetRejected where it holds nothing quiet."""
    if folder is None:
        raise ConfigError(f"--data: the suite {name} needs a folder of quiet telemetry to put faults into")
    return Injected(planned_in(folder, count, seed, share), delay_seconds)
