"""What the weights of the one ranking are fitted on: features of every candidate in drills and injected faults.

Stage one of `make weights`: from the recordings of this repository, and from nothing else, to a table of features.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.datasets.cases import Tables
from watchkeeper.diagnosis.fusion import OF_CANDIDATES, OF_THE_UNSEEN, Bearing
from watchkeeper.domain import Signal
from watchkeeper.errors import DatasetRejected
from watchkeeper.evaluation import injected
from watchkeeper.evaluation.drills import replay_watch
from watchkeeper.evaluation.injected import InjectedCase
from watchkeeper.evaluation.injected_periods import PeriodSystem, period_cases
from watchkeeper.evaluation.injected_visits import KNOWN_AFTER, visit_cases
from watchkeeper.evaluation.problems import TELEMETRY, TRUTH
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.lab.truth import Truth
from watchkeeper.pipeline import READINGS, Scan
from watchkeeper.pipeline.run import Run
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import open_recording, store_of
from watchkeeper.telemetry.sources import Sources

LATER_SECONDS = (0.0, 60.0)
"""A drill is weighed at its first alarm, and again later."""
SPANS_A_RECORDING, VISITS_A_RECORDING, PERIODS_A_RECORDING = 30, 20, 40
"""Injected faults by way of looking, of each quiet recording."""
FAINT_SHARE = 8
"""To so many faults in figures of periods comes one that is too small to matter: an alarm over little is doubtful."""
COARSE_SECONDS, TOLD_SECONDS = 4.0, 300
"""Spans of so many seconds make one period of coarse metrics, which is told to be this long: recordings are short."""
UNSEEN = "-"
"""How the row of something that was not looked at is called."""
DIGITS = 3

Say = Callable[[str], None]


@dataclass(frozen=True)
class Weighed:
    """One case: the features of every candidate, those of the unseen, and who it was."""

    case: str
    source: str
    """`drill`, `injected`, `visits` or `periods`: where it is from, and by which way it was looked at."""
    system: str
    kind: str
    truth: str
    bearing: Bearing


def of_drills(folders: Sequence[Path], say: Say = lambda _: None) -> Iterator[Weighed]:
    """Every recorded drill with a culprit, at its first alarm and later; those that raise none are left out."""
    for folder in folders:
        truth = Truth.from_yaml(folder / TRUTH)
        if truth.service is None:
            continue
        with open_recording(folder / TELEMETRY) as sources:
            alarm = replay_watch(sources, truth, Scan()).alarm
            for later in LATER_SECONDS if alarm is not None else ():
                assert alarm is not None
                found = bearing_of(alarm, sources, later, Scan())
                if found is not None:
                    name = f"{folder.name}+{later:g}"
                    yield Weighed(name, "drill", folder.name, truth.kind, truth.service, found)
                say(f"{folder.name} + {later:g} s")


def of_injected(folder: Path, count: int, seed: int, say: Say = lambda _: None) -> Iterator[Weighed]:
    """Injected faults as spans on a fine grid show them."""
    for case in injected.cases(folder, count, seed, watched=False, is_material=True):
        signal = case.trigger.signal.model_copy(update={"kind": "anomaly", "service": None})
        yield from _weighed("injected", case, signal, case.tables, Scan())
        say(case.name)


def of_visits(folder: Path, count: int, seed: int, say: Say = lambda _: None) -> Iterator[Weighed]:
    """Injected faults as what changed inside requests shows them, beside a minute that is known to be good."""
    for case in visit_cases(folder, count, seed):
        scan = Scan(references=case.trigger.references, follow_seconds=KNOWN_AFTER.total_seconds())
        yield from _weighed("visits", case, case.trigger.signal, case.tables, scan)
        say(case.name)


def of_periods(folder: Path, count: int, seed: int, say: Say = lambda _: None) -> Iterator[Weighed]:
    """Injected faults as coarse metrics of each period and a declared call graph show them, a few of them faint."""
    system = coarse_system(folder)
    material = period_cases(system, count, seed, is_material=True)
    for case in (*material, *period_cases(system, count // FAINT_SHARE, seed, is_material=False)):
        trigger = case.trigger
        scan = Scan(references=trigger.references, topology=trigger.topology)
        run_until = (trigger.until - trigger.signal.at).total_seconds()
        name = case.name if case.truth.strength.is_material else f"{case.name}-faint"
        case = replace(case, name=name)
        yield from _weighed("periods", case, trigger.signal, case.tables, replace(scan, follow_seconds=run_until))
        say(name)


def coarse_system(folder: Path) -> PeriodSystem:
    """A quiet recording as coarse metrics with its calls: each few seconds of spans become one long period."""
    spans = injected.system_of(folder).tables["spans"]
    served = spans.filter(pc.is_in(spans["kind"], pa.array(["server", "consumer", "SERVER", "CONSUMER"])))
    micros = pc.cast(served["time"], pa.int64()).to_numpy()
    first = int(micros.min())
    period = (micros - first) // int(COARSE_SECONDS * 1e6)
    rows: dict[tuple[str, int], list[float]] = {}
    columns = (served["service_name"].to_pylist(), period.tolist(), served["duration_ns"].to_pylist())
    for service, at, taken in zip(*columns, strict=True):
        rows.setdefault((service, at), []).append(taken / 1e9)
    begins = spans["time"][0].as_py()
    table = table_of(
        "metrics",
        [
            {
                "service_name": service,
                "name": "http.server.request.duration",
                "unit": "s",
                "kind": "histogram",
                "temporality": "delta",
                "time": begins + timedelta(seconds=TOLD_SECONDS * at),
                "count": len(taken),
                "value": float(sum(taken)),
            }
            for (service, at), taken in sorted(rows.items())
        ],
    )
    return PeriodSystem(f"{folder.name}-coarse", table, frozenset(_calls(spans)))


def _calls(spans: pa.Table) -> Iterator[tuple[str, str]]:
    owners = dict(zip(spans["span_id"].to_pylist(), spans["service_name"].to_pylist(), strict=True))
    for parent, service in zip(spans["parent_span_id"].to_pylist(), spans["service_name"].to_pylist(), strict=True):
        if parent in owners and owners[parent] != service:
            yield owners[parent], service


def _weighed(source: str, case: InjectedCase, signal: Signal, tables: Tables, scan: Scan) -> Iterator[Weighed]:
    with store_of(tables) as sources:
        try:
            found = bearing_of(signal, sources, scan.follow_seconds if source != "injected" else 0.0, scan)
        except DatasetRejected:
            return
    if found is not None:
        truth = case.truth
        yield Weighed(f"{source}-{case.name}", source, truth.system, truth.kind, truth.component, found)


def bearing_of(signal: Signal, sources: Sources, later: float, scan: Scan) -> Bearing | None:
    """What a diagnosis so many seconds after the signal weighs; None where nothing is to be weighed."""
    how = replace(scan, follow_seconds=max(later, scan.follow_seconds))
    now = signal.at + timedelta(seconds=later)
    run = Run(signal, sources, now, how, lambda _: None, Ledger(readings=READINGS))
    run.diagnose()
    return run.bearing


COLUMNS = ("case", "source", "system", "kind", "candidate", "is_true", *OF_CANDIDATES, *OF_THE_UNSEEN)


def write_features(cases: Sequence[Weighed], path: Path) -> None:
    """The table of features: one row a candidate, and one of the unseen, zeros left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for case in cases:
            writer.writerows(rows_of(case))


def rows_of(case: Weighed) -> Iterator[list[str]]:
    """One case's rows."""
    told = case.bearing.with_leads()
    head = [case.case, case.source, case.system, case.kind]
    for name in sorted(told.candidates):
        values = [_figure(told.candidates[name].get(f, 0.0)) for f in OF_CANDIDATES]
        yield [*head, name, str(int(name == case.truth)), *values, *([""] * len(OF_THE_UNSEEN))]
    values = [_figure(told.unseen.get(f, 0.0)) for f in OF_THE_UNSEEN]
    is_unseen = case.truth not in told.candidates
    yield [*head, UNSEEN, str(int(is_unseen)), *([""] * len(OF_CANDIDATES)), *values]


def _figure(value: float) -> str:
    return f"{value:.{DIGITS}f}".rstrip("0").rstrip(".") if round(value, DIGITS) else ""
