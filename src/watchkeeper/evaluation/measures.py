"""Suites that rank nothing: a figure or more for each system of a data set, and for all of them together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field

from watchkeeper import __version__
from watchkeeper.domain import Noun
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation import quiet
from watchkeeper.evaluation.grouping import grouping_accuracy

DatasetName = Literal["loghub", "quiet"]
"""Data sets that are measured so; their names are those of the rows in `MEASURES`."""
Say = Callable[[str], None]


class Metric(Noun):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int = Field(ge=1)
    """How many things were resampled for the interval: systems for the whole, statements or texts for one system."""


class Measured(Noun):
    """One run: what is written as JSON and shown."""

    suite: str
    engine: Literal["rules"] = "rules"
    version: str
    commit: str = ""
    data: str
    """The name of the data set's folder."""
    at: AwareDatetime
    cases: int = Field(ge=1)
    """How many systems."""
    metrics: dict[str, Metric]
    """Of all systems: the mean of theirs."""
    by_system: dict[str, dict[str, Metric]]

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all; raises ConfigError where that cannot be done."""
        part = path.with_name(f"{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(f"{self.model_dump_json(indent=2)}\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise ConfigError(
                f"{path}: cannot be written: {error.strerror}; expected a place for the result"
            ) from error


@dataclass(frozen=True)
class Figures:
    """What a measure gives: by metric, and by system and metric."""

    metrics: dict[str, Metric]
    by_system: dict[str, dict[str, Metric]]


def measure(suite: str, dataset: DatasetName, data: Path, *, at: datetime, commit: str = "") -> Measured:
    """Measure the suite on the unpacked data set; raises DatasetRejected for data that cannot be read."""
    figures = MEASURES[dataset](data)
    return Measured(
        suite=suite,
        version=__version__,
        commit=commit,
        data=data.resolve().name,
        at=at,
        cases=len(figures.by_system),
        metrics=figures.metrics,
        by_system=figures.by_system,
    )


def _loghub(data: Path) -> Figures:
    found = grouping_accuracy(data)
    by_system = {name: {"grouping_accuracy": Metric(**vars(share))} for name, share in found.by_system.items()}
    return Figures({"grouping_accuracy": Metric(**vars(found.mean))}, by_system)


def _quiet(data: Path) -> Figures:
    runs = quiet.quiet_runs(data)
    hours, count = sum(run.hours for run in runs), sum(len(run.incidents) for run in runs)
    metrics = {
        "incidents": Metric(value=count, low=count, high=count, n=len(runs)),
        "hours": Metric(value=hours, low=hours, high=hours, n=len(runs)),
        "incidents_a_week": Metric(**vars(quiet.rate_of(runs)), n=len(runs)),
        "incidents_a_week_of_50_services": Metric(**vars(quiet.bootstrapped(runs)), n=len(runs)),
    }
    by_system = {
        run.name: {"incidents": Metric(value=len(run.incidents), low=0.0, high=float(len(run.incidents)), n=1)}
        for run in runs
    }
    return Figures(metrics, by_system)


MEASURES: dict[DatasetName, Callable[[Path], Figures]] = {"loghub": _loghub, "quiet": _quiet}
"""How each data set is measured. A further one: a name in `DatasetName`, a row here, a file of `kind: metrics`."""
