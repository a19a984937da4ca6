"""Recorded drills scored: the standing watch replayed second by second, then the diagnosis at its first alarm."""

import csv
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path

from watchkeeper.domain import CaseFile, Diagnosis, Signal
from watchkeeper.evaluation.provenance import commit
from watchkeeper.evaluation.recording import TELEMETRY, TRUTH
from watchkeeper.lab.truth import Truth
from watchkeeper.pipeline import Scan, diagnose
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.telemetry.sources import Sources
from watchkeeper.watch.detection import EVERY_SECONDS, watch_over

DETECTION_SECONDS = 60.0
LEAK_DETECTION_SECONDS = 300.0


@dataclass(frozen=True)
class Row:
    """One drill's result, as it is kept in `docs/drills.csv`. Times in seconds; empty where it does not apply."""

    run: str
    commit: str
    kind: str
    service: str
    size: float
    seed: int
    minutes: float
    innocent_changes: int
    detected_after: float | None
    false_alarms: int
    status: str
    answer: str
    answer_kind: str
    probability: float | None
    release: str
    hit: bool
    innocent_blamed: bool
    release_right: bool
    in_time: bool
    diagnosis_seconds: float | None


@dataclass(frozen=True)
class Watched:
    """What the watch raised over a recording."""

    alarm: Signal | None
    """The first one at or after the symptom's onset; of a quiet run, the first one at all."""
    false_alarms: int
    """How many looks raised something while nothing was wrong: before the fault began."""


def score(folder: Path, scan: Scan | None = None) -> tuple[Row, CaseFile | None]:
    """Replay one recorded drill; its row, and the case if there was an alarm.

    Only what had arrived by the moment of each look is used. Raises StoreIncompatible for a broken recording.
    """
    truth = Truth.from_yaml(folder / TRUTH)
    sources = open_recording(folder / TELEMETRY)
    how = scan or Scan()
    watched = replay_watch(sources, truth, how)
    if watched.alarm is None:
        return _row(folder.name, truth, watched, None, None), None
    began = time.monotonic()
    case = diagnose(watched.alarm, sources, now=watched.alarm.at, scan=how)
    return _row(folder.name, truth, watched, case.latest, time.monotonic() - began), case


def replay_watch(sources: Sources, truth: Truth, how: Scan) -> Watched:
    """Look every few seconds, as the standing watch does, until something is found after the symptom's onset."""
    false_alarms = 0
    for at, signals in watch_over(
        sources,
        truth.begins + timedelta(seconds=EVERY_SECONDS),
        truth.ends,
        lookback_seconds=how.lookback_seconds,
        lag_seconds=how.lag_seconds,
        sensitivity=how.sensitivity,
    ):
        if signals and (truth.symptom_onset is None or at >= truth.symptom_onset):
            return Watched(signals[0], false_alarms)
        false_alarms += bool(signals) and (truth.fault_onset is None or at < truth.fault_onset)
    return Watched(None, false_alarms)


def append_rows(rows: Iterable[Row], path: Path) -> None:
    """Add rows to the CSV file, which is begun where it is missing."""
    names = [f.name for f in fields(Row)]
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in asdict(row).items()} for row in rows)


def _row(run: str, truth: Truth, watched: Watched, diagnosis: Diagnosis | None, seconds: float | None) -> Row:
    top = diagnosis.hypotheses[0] if diagnosis and diagnosis.hypotheses else None
    is_stated = diagnosis is not None and diagnosis.status == "diagnosed"
    blamed = diagnosis.release.change if diagnosis is not None else None
    delay = _delay(truth, watched.alarm)
    limit = LEAK_DETECTION_SECONDS if truth.kind == "memory-leak" else DETECTION_SECONDS
    quiet = truth.service is None
    return Row(
        run=run,
        commit=commit(),
        kind=truth.kind,
        service=truth.service or "",
        size=truth.size,
        seed=truth.seed,
        minutes=truth.minutes,
        innocent_changes=len(truth.innocent_changes),
        detected_after=delay,
        false_alarms=watched.false_alarms + (quiet and watched.alarm is not None),
        status=diagnosis.status if diagnosis else "no-alarm",
        answer=top.component if top else "",
        answer_kind=top.kind if top else "",
        probability=top.probability if top else None,
        release=diagnosis.release.status if diagnosis else "",
        hit=(watched.alarm is None) if quiet else bool(is_stated and top and top.component == truth.service),
        innocent_blamed=blamed is not None and blamed.id != truth.change_id,
        release_right=(blamed.id if blamed else None) == truth.change_id,
        in_time=(watched.alarm is None) if quiet else delay is not None and delay <= limit,
        diagnosis_seconds=None if seconds is None else round(seconds, 2),
    )


def _delay(truth: Truth, alarm: Signal | None) -> float | None:
    if alarm is None or truth.symptom_onset is None:
        return None
    return round((alarm.at - truth.symptom_onset).total_seconds(), 1)
