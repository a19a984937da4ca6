"""Time to diagnosis and peak memory, against how many spans there are."""

import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import generate
from benchmarks.queries import START, Section
from watchkeeper.domain import Signal, Window
from watchkeeper.pipeline import diagnose
from watchkeeper.telemetry.live import Batch, LiveLimits, LiveStore

WINDOW = timedelta(minutes=30)
FAULT = timedelta(minutes=3)
CULPRIT = "checkout"
FEW = len(generate.SERVICES)
SLOWER = 10
STORES = ((10_000, 6.0), (100_000, 6.0), (1_000_000, 6.0), (10_000_000, 6.0), (10_000_000, 0.5))
"""Spans in the store, and the hours that they are spread over."""
SERVICES, GROWN_SPANS, GROWN_HOURS = (10, 50, 200), 1_000_000, 0.5
"""How many services there are, where growth with them is measured, and the load that they share."""
REPEATS = 3


def section() -> Section:
    """Each store in a process of its own, so that memory is told apart; the last holds all its spans in the window."""
    rows = []
    for spans, hours in STORES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.duckdb"
            _alone(_fill, path, spans, hours, FEW)
            rows.append((f"{spans:,}", f"{hours:g}", *_alone(_diagnose, path, spans, hours)))
    figures = ("median s", "slowest s", "CPU s", "peak memory MB", "outcome")
    header = ("spans", "over hours", "in the 30 min window", *figures)
    return "From signal to diagnosis, 30-minute window, one slow service", header, rows


def growth() -> Section:
    """The same load spread over more and more services."""
    rows = []
    for count in SERVICES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.duckdb"
            _alone(_fill, path, GROWN_SPANS, GROWN_HOURS, count)
            _, *figures = _alone(_diagnose, path, GROWN_SPANS, GROWN_HOURS)
            rows.append((str(count), *figures))
    header = ("services", "median s", "slowest s", "CPU s", "peak memory MB", "outcome")
    return f"The same with {GROWN_SPANS:,} spans in the window, by the number of services", header, rows


def _alone(measure: object, *given: object) -> tuple[str, ...]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(measure, *given).result()  # type: ignore[arg-type]


def _fill(path: Path, spans: int, hours: float, services: int = FEW) -> tuple[str, ...]:
    slices, names = max(6, round(hours * 12)), generate.services(services)
    length = timedelta(hours=hours) / slices
    with LiveStore(path, LiveLimits(keep=None)) as store:
        for number in range(slices):
            window = Window(start=START + number * length, end=START + (number + 1) * length)
            made = generate.spans(window, spans // slices // generate.SPANS_PER_TRACE, number, names)
            tables = {
                "spans": _with_fault(made, START + timedelta(hours=hours) - FAULT),
                "metrics": generate.metrics(window, 5_000, number, names),
                "logs": generate.logs(window, max(1_000, spans // slices // 10), number, names),
            }
            store.submit(Batch(tables)).result()  # type: ignore[arg-type]
    return ()


def _with_fault(spans: pa.Table, onset: object) -> pa.Table:
    hit = pc.and_(pc.equal(spans["service_name"], CULPRIT), pc.greater_equal(spans["time"], pa.scalar(onset)))
    longer = pc.if_else(hit, pc.multiply(spans["duration_ns"], SLOWER), spans["duration_ns"])
    return spans.set_column(spans.column_names.index("duration_ns"), "duration_ns", longer)


def _diagnose(path: Path, spans: int, hours: float) -> tuple[str, ...]:
    end = START + timedelta(hours=hours)
    taken, spent, status = [], [], ""
    with LiveStore(path, LiveLimits(keep=None)) as store:
        for _ in range(REPEATS):
            began, busy = time.perf_counter(), time.process_time()
            case = diagnose(Signal(kind="anomaly", at=end, service=CULPRIT), store.reader, now=end)
            taken.append(time.perf_counter() - began)
            spent.append(time.process_time() - busy)
            status = case.latest.status if case.latest else ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    inside = round(spans * min(1.0, WINDOW / timedelta(hours=hours)))
    middle = (sorted(each)[REPEATS // 2] for each in (taken, spent))
    median, cpu = (f"{seconds:.2f}" for seconds in middle)
    return f"{inside:,}", median, f"{max(taken):.2f}", cpu, f"{peak:,.0f}", status
