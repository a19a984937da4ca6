"""Questions to a live store that holds ten million rows of each signal over six hours: how long each takes."""

import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa

from benchmarks import generate
from watchkeeper.domain import Window
from watchkeeper.tables import TableName
from watchkeeper.telemetry.live import Batch, LiveLimits, LiveStore
from watchkeeper.telemetry.sources import (
    Answer,
    AttributeFilter,
    CallQuery,
    ExtentQuery,
    LogCountQuery,
    LogQuery,
    MetricBucketQuery,
    MetricQuery,
    RedQuery,
    SpanQuery,
)
from watchkeeper.telemetry.store import Store

Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""A table for docs/benchmarks.md: title, header, rows."""

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 6
SLICES_PER_HOUR = 60
ROWS = 10_000_000
REPEATS = 5


def fill(store: LiveStore, rows: int = ROWS) -> dict[TableName, float]:
    """Write so many rows of each signal, in order of time; rows a second of the store's work, by table."""
    slices = HOURS * SLICES_PER_HOUR
    length = timedelta(hours=HOURS) / slices
    makers: dict[TableName, Callable[[Window, int, int], pa.Table]] = {
        "spans": lambda window, count, seed: generate.spans(window, count // generate.SPANS_PER_TRACE, seed),
        "logs": generate.logs,
        "metrics": generate.metrics,
    }
    seconds = dict.fromkeys(makers, 0.0)
    written = dict.fromkeys(makers, 0)
    for number in range(slices):
        window = Window(start=START + number * length, end=START + (number + 1) * length)
        for table, make in makers.items():
            made = make(window, rows // slices, number)
            began = time.perf_counter()
            store.submit(Batch({table: made})).result()
            seconds[table] += time.perf_counter() - began
            written[table] += made.num_rows
    return {table: written[table] / taken for table, taken in seconds.items()}


def questions(store: Store) -> dict[str, Callable[[], Answer]]:
    """What an investigation asks, by the words of the table."""
    middle = START + timedelta(hours=3)
    half_hour = Window(start=middle, end=middle + timedelta(minutes=30))
    five = Window(start=middle, end=middle + timedelta(minutes=5))
    whole = Window(start=START, end=START + timedelta(hours=HOURS))
    one = ("checkout",)
    node = (AttributeFilter(key="host.name", values=("node-1",)),)
    return {
        "logs of one service, 5 min": lambda: store.records(LogQuery(window=five, services=one)),
        "error logs of one service, 5 min": lambda: store.records(
            LogQuery(window=five, services=one, minimum_severity=17)
        ),
        "error logs on one host, 30 min": lambda: store.records(
            LogQuery(window=half_hour, minimum_severity=17, attributes=node)
        ),
        "points of one metric of one service, 5 min": lambda: store.points(
            MetricQuery(window=five, services=one, names=("process.cpu.utilization",))
        ),
        "spans of one service with errors, 5 min": lambda: store.spans(
            SpanQuery(window=five, services=one, only_errors=True)
        ),
        "spans, 30 min, sampled to 100 k": lambda: store.spans(SpanQuery(window=half_hour)),
        "requests, errors, durations per 10 s, 30 min": lambda: store.red(RedQuery(window=half_hour)),
        "… by operation": lambda: store.red(RedQuery(window=half_hour, by=("operation",))),
        "calls per 10 s, 30 min": lambda: store.calls(CallQuery(window=half_hour)),
        "metric buckets of 10 s, 30 min": lambda: store.metric_buckets(MetricBucketQuery(window=half_hour)),
        "log counts per 10 s, 30 min": lambda: store.log_counts(LogCountQuery(window=half_hour)),
        "log counts by severity per minute, 6 h": lambda: store.log_counts(
            LogCountQuery(window=whole, step_seconds=60)
        ),
        "requests, errors, durations per minute, 6 h": lambda: store.red(RedQuery(window=whole, step_seconds=60)),
        "what there is (extent)": lambda: store.extent(ExtentQuery()),
    }


def sections(rows: int = ROWS) -> list[Section]:
    """Fill a store and ask it, each in a process of its own so that memory is told apart."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.duckdb"
        return [_alone(_written, path, rows), _alone(_asked, path, rows)]


def _alone(measure: Callable[[Path, int], Section], path: Path, rows: int) -> Section:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(measure, path, rows).result()


def _written(path: Path, rows: int) -> Section:
    with LiveStore(path, LiveLimits(keep=None)) as store:
        speeds = fill(store, rows)
    table = [(name, f"{speed:,.0f}") for name, speed in speeds.items()]
    table.append(("all three on disk, MB", f"{path.stat().st_size / 1e6:,.0f}"))
    return "Arrow tables to the live store, acknowledged when durable", ("table", "rows/s"), table


def _asked(path: Path, rows: int) -> Section:
    with LiveStore(path, LiveLimits(keep=None)) as store:
        answers = [_timed(words, ask) for words, ask in questions(store.reader).items()]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers.append(("peak memory of the process, MB", f"{peak:,.0f}", "", ""))
    title = f"Questions to a store of {rows:,} spans, log records and metric points each, over {HOURS} h"
    return title, ("question", "median s", "slowest s", "rows answered"), answers


def _timed(words: str, ask: Callable[[], Answer]) -> tuple[str, ...]:
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - began)
    return words, f"{sorted(taken)[REPEATS // 2]:.3f}", f"{max(taken):.3f}", f"{answer.rows.num_rows:,}"
