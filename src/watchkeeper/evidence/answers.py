"""Answers of sources, and the rows that analyses make of them: the same for a first look and for a check."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TypeVar

import pyarrow as pa

from watchkeeper.domain import Evidence, EvidenceId, Reading, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.telemetry.sources import Query

T = TypeVar("T")
ReadingFunction = Callable[["Answers", Reading], pa.Table]
"""Computes rows from answers; pure, so that the same answers give the same rows."""
Readings = Mapping[str, ReadingFunction]
NO_ROWS = pa.table({})


class Answers(ABC):
    """What was asked for one case and what came back, by the evidence's number."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._read: dict[EvidenceId, pa.Table] = {}
        self._memo: dict[tuple[str, ...], object] = {}

    @property
    def readings(self) -> Readings:
        """Every analysis that can make rows here, by name."""
        return self._readings

    @abstractmethod
    def entry(self, number: EvidenceId) -> Evidence:
        """The piece of evidence; raises QueryRejected where there is none of that number."""

    @abstractmethod
    def answer(self, number: EvidenceId) -> pa.Table | None:
        """What the source said, None where it failed; raises SourceUnavailable where it cannot be asked again."""

    @abstractmethod
    def query(self, number: EvidenceId) -> Query:
        """The typed query of evidence that was asked of a source."""

    def rows(self, number: EvidenceId) -> pa.Table:
        """All rows of a piece of evidence, as its analysis reads them; raises SourceUnavailable where it failed."""
        if number not in self._read:
            reading = self.entry(number).reading
            self._read[number] = self._answered(number) if reading is None else self.compute(reading)
        return self._read[number]

    def compute(self, reading: Reading) -> pa.Table:
        """The rows that an analysis makes of the answers."""
        return self._readings[reading.name](self, reading)

    def forget(self, number: EvidenceId) -> None:
        """Compute the rows of this evidence anew when they are needed next."""
        self._read.pop(number, None)

    def once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """What `make` returns, made only once for the key: several analyses share what is costly."""
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]  # type: ignore[return-value]

    def _answered(self, number: EvidenceId) -> pa.Table:
        table = self.answer(number)
        if table is None:
            raise SourceUnavailable(f"{number} was not answered: {self.entry(number).failure}")
        return table


def parameters_of(reading: Reading) -> dict[str, object]:
    """What the analysis was given."""
    return dict(json.loads(reading.parameters))


def spelled(parameters: Mapping[str, object]) -> str:
    """Parameters as JSON, always in the same order."""
    return json.dumps(parameters, sort_keys=True, ensure_ascii=False)


def window_text(window: Window) -> list[str]:
    """A window as a parameter."""
    return [window.start.isoformat(), window.end.isoformat()]


def window_from(parameters: Mapping[str, object], name: str) -> Window:
    """The window that a parameter holds."""
    value = parameters[name]
    assert isinstance(value, list), f"{name} holds the start and the end of a window"
    return Window.model_validate(dict(zip(("start", "end"), value, strict=True)))
