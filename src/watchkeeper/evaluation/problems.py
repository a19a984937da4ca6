"""What a suite asks, one problem a case: posed without its truth, with the sources that may be read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import ValidationError

from watchkeeper.datasets.cases import Answer, Case, Tables, Trigger
from watchkeeper.domain import Signal, Window
from watchkeeper.errors import ConfigError, DatasetRejected, StoreIncompatible
from watchkeeper.evaluation.horizon import known_to, until_of
from watchkeeper.lab.truth import Truth
from watchkeeper.pipeline import Scan
from watchkeeper.tables import TABLES, TableName
from watchkeeper.telemetry.recording import open_recording, store_of
from watchkeeper.telemetry.sources import ExtentQuery
from watchkeeper.telemetry.store import Store
from watchkeeper.watch.detection import EVERY_SECONDS, watch_over

TELEMETRY, TRUTH = "telemetry", "truth.yaml"

Source = Literal["logs", "traces", "metrics", "topology"]
SOURCES: tuple[Source, ...] = get_args(Source)
Without = frozenset[Source]
_TABLE: dict[Source, TableName] = {"logs": "logs", "traces": "spans", "metrics": "metrics"}


@dataclass(frozen=True)
class Posed:
    """A problem as it stands when somebody begins to work on it."""

    trigger: Trigger
    tables: Tables
    sources: Store
    is_noticed: bool = True
    """Whether there is anything to diagnose: the standing watch may have raised nothing."""
    follow_seconds: float | None = None
    """How much of what comes after the signal is to be looked at, where that was asked for."""


@dataclass(frozen=True)
class Problem:
    """One case, not read yet."""

    name: str
    pose: Callable[[Without], Posed]
    """Reads the telemetry, without some of it where that is asked; raises DatasetRejected."""
    candidates: tuple[str, ...] = ()


def of_cases(cases: Iterable[Case], *, until_seconds: float | None = None) -> tuple[Problem, ...]:
    """The cases of a data set as problems; of each what can be known `until_seconds` after its signal."""
    return tuple(Problem(case.name, _posing(case, until_seconds), case.candidates) for case in cases)


def _posing(case: Case, until_seconds: float | None) -> Callable[[Without], Posed]:
    def pose(without: Without) -> Posed:
        trigger, tables = case.trigger, _left(case.load(), without)
        if "topology" in without:
            trigger = replace(trigger, topology=frozenset())
        return _posed(trigger, tables, until_seconds)

    return pose


def _posed(trigger: Trigger, tables: Tables, until_seconds: float | None) -> Posed:
    """The problem as it stands; so many seconds after its signal, where that is asked for."""
    if until_seconds is None:
        return Posed(trigger, tables, store_of(tables))
    soon = until_of(trigger, until_seconds)
    known = known_to(soon, tables)
    return Posed(soon, known, store_of(known), follow_seconds=until_seconds)


def of_recordings(
    folders: Iterable[Path], *, alert_delay_seconds: float = 0.0, until_seconds: float | None = None
) -> tuple[Problem, ...]:
    """Recorded drills as problems: the standing watch is replayed, and its first alarm is what is diagnosed.

    It is diagnosed `alert_delay_seconds` after the watch raised it, or when the recording ends, with what is known
    then, or `until_seconds` later. Raises ConfigError for a folder that is not there.
    """
    found = tuple(folders)
    for folder in found:
        if not (folder / TELEMETRY).is_dir():
            raise ConfigError(
                f"{folder / TELEMETRY} is not there: recordings are part of the repository, not of an installed package"
            )
    return tuple(Problem(folder.name, _watching(folder, alert_delay_seconds, until_seconds)) for folder in found)


def _watching(folder: Path, delay_seconds: float, until_seconds: float | None) -> Callable[[Without], Posed]:
    def pose(without: Without) -> Posed:
        tables = _left(_recorded(folder / TELEMETRY), without)
        sources = store_of(tables)
        alarm, looked = _first_alarm(sources)
        if alarm is None:
            signal = Signal(kind="question", at=looked.end)
            return Posed(Trigger(signal, until=signal.at), tables, sources, is_noticed=False)
        late = min(alarm.at + timedelta(seconds=delay_seconds), max(alarm.at, looked.end))
        signal = alarm.model_copy(update={"at": late})
        if until_seconds is None:
            return Posed(Trigger(signal, until=late), tables, sources)
        sources.close()
        return _posed(Trigger(signal, until=max(late, looked.end)), tables, until_seconds)

    return pose


def _first_alarm(sources: Store) -> tuple[Signal | None, Window]:
    """The first thing that the standing watch raises, and what it looked over; no truth is needed for it."""
    extent, how = sources.extent(ExtentQuery()).rows, Scan()
    begins = min(time for time in extent["first"].to_pylist() if time)
    ends = max(time for time in extent["last"].to_pylist() if time) + timedelta(seconds=how.lag_seconds)
    looks = watch_over(
        sources,
        begins + timedelta(seconds=EVERY_SECONDS),
        ends,
        lookback_seconds=how.lookback_seconds,
        lag_seconds=how.lag_seconds,
        sensitivity=how.sensitivity,
    )
    return next((signals[0] for _, signals in looks if signals), None), Window(start=begins, end=ends)


def _recorded(folder: Path) -> dict[TableName, pa.Table]:
    """The tables of a recording in memory; raises DatasetRejected where it is none."""
    try:
        open_recording(folder).close()
    except StoreIncompatible as error:
        raise DatasetRejected(str(error)) from error
    return {name: pq.read_table(path) for name in TABLES if (path := folder / f"{name}.parquet").is_file()}


def _left(tables: Tables, without: Without) -> dict[TableName, pa.Table]:
    dropped = {_TABLE[source] for source in without if source in _TABLE}
    return {name: table for name, table in tables.items() if name not in dropped}


def services_in(tables: Tables) -> tuple[str, ...]:
    """Every service that reports anything: what could be answered where a data set names no candidates."""
    found = {name for table in tables.values() if "service_name" in table.column_names for name in _names(table)}
    return tuple(sorted(found))


def _names(table: pa.Table) -> set[str]:
    return {name for name in table["service_name"].unique().to_pylist() if name}


def truths_of(folders: Iterable[Path]) -> dict[str, Truth]:
    """What really happened in each drill; read only after all answers are in. Raises DatasetRejected."""
    return {folder.name: _truth(folder / TRUTH) for folder in folders}


def _truth(path: Path) -> Truth:
    try:
        return Truth.from_yaml(path)
    except (OSError, ValidationError, yaml.YAMLError) as error:
        raise DatasetRejected(
            f"{path}: expected the truth of a recorded drill: {str(error).splitlines()[0]}"
        ) from error


def answers_of(truths: Mapping[str, Truth]) -> dict[str, Answer]:
    """The truth of each drill as an answer: the culprit, or nothing."""
    return {name: Answer(truth.service, kind=truth.kind, system="lab") for name, truth in truths.items()}
