"""Telemetry in which nothing is wrong: quiet recordings, the quiet parts of drills, fault-free series of metrics."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from watchkeeper.datasets import petshop
from watchkeeper.errors import DatasetRejected
from watchkeeper.evaluation.recording import TELEMETRY, TRUTH
from watchkeeper.lab.truth import Truth
from watchkeeper.telemetry.recording import open_recording, store_of
from watchkeeper.telemetry.sources import ExtentQuery, Sources
from watchkeeper.watch.detection import EVERY_SECONDS

Edge = tuple[str, str]


@dataclass(frozen=True)
class QuietRecording:
    """A stretch in which no alarm is right."""

    name: str
    open: Callable[[], Sources]
    begins: datetime
    ends: datetime
    every_seconds: float = EVERY_SECONDS
    """How often the watch looks: no oftener than its rows come."""
    topology: frozenset[Edge] = frozenset()
    """Who calls whom, where spans do not tell."""

    @property
    def hours(self) -> float:
        """How long it is."""
        return (self.ends - self.begins).total_seconds() / 3600


def quiet_in(folder: Path) -> list[QuietRecording]:
    """Every one under a folder, in order of name; raises DatasetRejected where there is none.

    Recordings (`telemetry/`, with a `truth.yaml` or without one: then all of it is taken to be quiet), of drills the
    part before the fault, and fault-free series (`noissue/metrics.csv`, `graph.csv` above it) in PetShop's layout.
    """
    found = [_recorded(path.parent, folder) for path in sorted(folder.rglob(TELEMETRY)) if path.is_dir()]
    found += [_series(path, folder) for path in sorted(folder.rglob("noissue/metrics.csv"))]
    if not found:
        raise DatasetRejected(f"{folder}: expected recordings ({TELEMETRY}/) or noissue/metrics.csv, found none")
    return found


def _recorded(folder: Path, root: Path) -> QuietRecording:
    telemetry = folder / TELEMETRY
    if (folder / TRUTH).is_file():
        truth = Truth.from_yaml(folder / TRUTH)
        begins, ends = truth.begins, truth.fault_onset or truth.ends
    else:
        begins, ends = _extent(telemetry)
    return QuietRecording(_name(folder, root), lambda: open_recording(telemetry), begins, ends)


def _extent(telemetry: Path) -> tuple[datetime, datetime]:
    rows = open_recording(telemetry).extent(ExtentQuery()).rows
    times = [time for column in ("first", "last") for time in rows[column].to_pylist() if time is not None]
    if not times:
        raise DatasetRejected(f"{telemetry}: expected telemetry, the recording is empty")
    return min(times), max(times)


def _series(file: Path, root: Path) -> QuietRecording:
    series = petshop.fault_free(file)
    step = timedelta(seconds=petshop.PERIOD_SECONDS)
    return QuietRecording(
        name=_name(file.parent, root),
        open=lambda: store_of({"metrics": series.metrics}),
        begins=series.window.start + step,
        ends=series.window.end,
        every_seconds=petshop.PERIOD_SECONDS,
        topology=series.topology,
    )


def _name(folder: Path, root: Path) -> str:
    return str(folder.relative_to(root)) if folder != root else folder.name
