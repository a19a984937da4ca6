"""From which figures on a case is how severe: the section `severity` of `config/routes.yaml`."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from watchkeeper.domain import Severity
from watchkeeper.settings import Section

FigureName = Literal[
    "errors_percent",
    "p95_seconds",
    "p95_times_usual",
    "cpu_percent",
    "memory_percent",
    "unavailable",
    "silent",
    "blind",
    "data_loss",
]

UNITS: dict[str, str] = {
    "errors_percent": " %",
    "p95_seconds": " s",
    "p95_times_usual": " times",
    "cpu_percent": " %",
    "memory_percent": " %",
}
"""The figures that are numbers, with how their unit is written."""
FELT = {"errors_percent", "p95_seconds", "p95_times_usual"}
"""Figures that are judged where users meet them, unless the threshold says otherwise."""


class Threshold(Section):
    """One figure, and the number from which it counts; a figure that is a statement has none."""

    figure: FigureName
    above: float | None = Field(default=None, ge=0)
    at_least: float | None = Field(default=None, gt=0)
    of: Literal["entry-services", "any-service"] | None = None

    @model_validator(mode="after")
    def _a_number_has_one_border(self) -> Self:
        said = (self.above is not None) + (self.at_least is not None)
        if self.figure in UNITS and said != 1:
            raise ValueError(f"expected either `above` or `at_least` for {self.figure}")
        if self.figure not in UNITS and said:
            raise ValueError(f"expected no number for {self.figure}, which is so or is not")
        if self.figure in ("blind", "data_loss") and self.of is not None:
            raise ValueError(f"expected no `of` for {self.figure}, which is said of the whole")
        return self

    @property
    def is_for_entries(self) -> bool:
        """Whether only services where requests enter are judged by it."""
        return self.of == "entry-services" if self.of else self.figure in FELT

    def is_reached(self, value: float) -> bool:
        """Whether a value in the figure's own unit counts; a statement that is made always does."""
        if self.above is not None:
            return value > self.above
        return self.at_least is None or value >= self.at_least

    def words(self) -> str:
        """The border as it is said: `above 5 %`, `from 2 times`; empty for a statement."""
        if self.above is not None:
            return f"above {self.above:g}{UNITS[self.figure]}"
        return f"from {self.at_least:g}{UNITS[self.figure]}" if self.at_least is not None else ""


class SeverityRules(Section):
    """How severity is judged; each key is explained in `config/routes.yaml`."""

    window_seconds: float = Field(gt=0)
    requests: int = Field(ge=1)
    least_errors: int = Field(ge=1)
    fast_path_seconds: float = Field(gt=0)
    falls_after_minutes: float = Field(ge=0)
    unmeasured: Severity
    P1: tuple[Threshold, ...]
    P2: tuple[Threshold, ...]
    P3: tuple[Threshold, ...]

    def thresholds(self) -> Iterator[tuple[Severity, Threshold]]:
        """All of them, the most severe first."""
        yield from (("P1", threshold) for threshold in self.P1)
        yield from (("P2", threshold) for threshold in self.P2)
        yield from (("P3", threshold) for threshold in self.P3)
