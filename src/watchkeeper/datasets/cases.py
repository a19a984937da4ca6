"""What every data set gives: cases to diagnose, and, apart from them, what was true."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from watchkeeper.domain import Signal, Window
from watchkeeper.tables import TableName

Tables = Mapping[TableName, pa.Table]
Edge = tuple[str, str]
"""Caller and callee."""


@dataclass(frozen=True)
class Trigger:
    """What somebody on call would know when it begins: a signal, and what may be read."""

    signal: Signal
    until: datetime
    """Nothing that happened after this may be read."""
    references: tuple[Window, ...] = ()
    """Stretches that are known to be good, where the minutes before the signal are not."""
    topology: frozenset[Edge] = frozenset()
    """Who calls whom, where that is declared and not to be seen in traces."""


@dataclass(frozen=True)
class Case:
    """One case of a data set, without its truth."""

    name: str
    """Unique in the data set, and the same for the same data, wherever it lies."""
    trigger: Trigger
    load: Callable[[], Tables]
    """Reads the telemetry that may be used, in watchkeeper's tables; raises DatasetRejected."""
    candidates: tuple[str, ...] = ()
    """What may be answered, where the data set says so (the nodes, the commits): what chance is measured on."""


@dataclass(frozen=True)
class Answer:
    """What was true of one case."""

    truth: str | None
    """The component or commit; None where nothing is to blame."""
    kind: str = ""
    """The kind of fault, for results per kind."""
    system: str = ""
    """The system that it happened in, for results per system."""
    decoys: frozenset[str] = field(default_factory=frozenset)
    """What a careless reader would blame: answering one is worse than not answering."""


class Dataset(Protocol):
    """One published layout: a module of this room offers both functions."""

    def cases(self, folder: Path, *, alert_delay_seconds: float = 0.0) -> Iterator[Case]:
        """All cases in a fixed order; raises DatasetRejected for an empty folder, a wrong layout, a broken file."""

    def answers(self, folder: Path) -> Mapping[str, Answer]:
        """The truth by the case's name; read by whoever scores, and by nobody else."""
