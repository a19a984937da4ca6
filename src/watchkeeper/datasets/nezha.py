"""Nezha (Yu et al., 2023, "Nezha: Interpretable Fine-Grained Root Causes Analysis for Microservices"), as published.

`rca_data/<day>/` holds a list of faults, one row a minute and pod of metrics, and `HH_MM_*.csv` of logs and traces of
the minutes around each fault; `construct_data/<day>/` holds a minute without faults.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.datasets import nezha_rows
from watchkeeper.datasets.cases import Answer, Case, Tables, Trigger
from watchkeeper.datasets.published_csv import read_csv
from watchkeeper.domain import Signal, Window
from watchkeeper.errors import DatasetRejected

READABLE = timedelta(minutes=3)
"""How much of what follows an injection may be read."""
LOOKBACK = timedelta(minutes=10)
"""How much before an injection is read of logs and traces; metrics are read from the day's beginning."""


@dataclass(frozen=True)
class _Fault:
    day: str
    at: datetime
    pod: str
    kind: str
    name: str


def cases(folder: Path, *, alert_delay_seconds: float = 0.0) -> Iterator[Case]:
    """One case a fault, in order of time; raises DatasetRejected for an empty folder, a wrong layout, a broken file."""
    quiet: dict[str, tuple[Window, ...]] = {}
    for fault in _faults(folder):
        if fault.day not in quiet:
            quiet[fault.day] = _quiet_minutes(folder, fault.day)
        yield _case(folder, fault, quiet[fault.day], alert_delay_seconds)


def answers(folder: Path) -> Mapping[str, Answer]:
    """Injected service, kind of fault, and system (`trainticket` or `boutique`) by the case's name."""
    return {
        fault.name: Answer(
            truth=nezha_rows.service_of(fault.pod),
            kind=fault.kind,
            system="trainticket" if fault.pod.startswith("ts-") else "boutique",
        )
        for fault in _faults(folder)
    }


def _case(folder: Path, fault: _Fault, quiet: tuple[Window, ...], delay_seconds: float) -> Case:
    at = fault.at + timedelta(seconds=delay_seconds)
    until = fault.at + READABLE
    recent = Window(start=fault.at - LOOKBACK, end=until)

    def load() -> Tables:
        return _load(folder, fault.day, recent, quiet)

    signal = Signal(kind="alert", at=at, text="something is wrong")
    return Case(name=fault.name, trigger=Trigger(signal, until, quiet), load=load)


def _faults(folder: Path) -> list[_Fault]:
    files = sorted((folder / "rca_data").glob("*/*-fault_list.json"))
    if not files:
        raise DatasetRejected(f"{folder} holds no rca_data/<day>/<day>-fault_list.json, as Nezha's data does")
    found: list[_Fault] = []
    for path in files:
        entries = sorted(_entries(path), key=lambda e: e[0])
        times = [at for at, _, _ in entries]
        for row, (at, pod, kind) in enumerate(entries):
            again = times[:row].count(at)
            name = f"{at:%Y-%m-%d %H:%M:%S}" + (f" #{again + 1}" if again else "")
            found.append(_Fault(path.parent.name, at, pod, kind, name))
    if not found:
        raise DatasetRejected(f"{files[0]} lists no faults, nor does any other day")
    return sorted(found, key=lambda f: (f.at, f.name))


def _entries(path: Path) -> list[tuple[datetime, str, str]]:
    try:
        hours = orjson.loads(path.read_bytes())
        rows = [entry for hour in hours.values() for entry in hour]
        return [(_utc(r["inject_time"]), str(r["inject_pod"]), str(r["inject_type"])) for r in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetRejected(
            f"{path} is not a list of faults by hour with inject_time, inject_pod and inject_type: {error!r}"
        ) from error


def _utc(text: str) -> datetime:
    # `inject_timestamp` is hours off in places: only `inject_time` is to be trusted.
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _quiet_minutes(folder: Path, day: str) -> tuple[Window, ...]:
    """The fault-free minutes of that day; of all days, where that day has none."""
    windows = {path: _extent(path) for path in sorted((folder / "construct_data").glob("*/trace/*_trace.csv"))}
    own = [window for path, window in windows.items() if path.parts[-3] == day]
    return tuple(own or windows.values())


def _extent(path: Path) -> Window:
    starts = pc.cast(read_csv(path, {"StartTimeUnixNano": pa.int64()})["StartTimeUnixNano"], pa.int64())
    if len(starts) == 0:
        raise DatasetRejected(f"{path} holds no spans")
    low, high = pc.min(starts).as_py(), pc.max(starts).as_py()
    return Window(start=_moment(low // 10**9), end=_moment(high // 10**9 + 1))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _load(folder: Path, day: str, recent: Window, quiet: tuple[Window, ...]) -> Tables:
    here = folder / "rca_data" / day
    windows = (recent, *quiet)
    traces = _minutes(here / "trace", recent) + sorted((folder / "construct_data").glob("*/trace/*_trace.csv"))
    logs = _minutes(here / "log", recent) + sorted((folder / "construct_data").glob("*/log/*_log.csv"))
    pods = sorted((here / "metric").glob("*_metric.csv"))
    mesh = [
        path for path in (here / "metric" / "source_50.csv", here / "metric" / "destination_50.csv") if path.is_file()
    ]
    return {
        "spans": nezha_rows.spans([read_csv(path, nezha_rows.SPAN_COLUMNS) for path in traces], windows),
        "logs": nezha_rows.logs([read_csv(path, nezha_rows.LOG_COLUMNS) for path in logs], windows),
        "metrics": nezha_rows.metrics(
            {path: read_csv(path, nezha_rows.METRIC_COLUMNS) for path in pods},
            {path: read_csv(path, {"time": pa.string()}, whole=True) for path in mesh},
            recent.end,
        ),
    }


def _minutes(folder: Path, window: Window) -> list[Path]:
    """The files that may hold something of the window: `HH_MM` ends some seconds after HH:MM and lasts a minute."""
    day = window.end.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for path in sorted(folder.glob("*_*_*.csv")):
        hour, minute, *_ = path.name.split("_")
        if not (hour.isdigit() and minute.isdigit()):
            raise DatasetRejected(f"{path} is not named after its minute, as in 08_43_{folder.name}.csv")
        at = day + timedelta(hours=int(hour), minutes=int(minute))
        if at + timedelta(minutes=1) >= window.start and at - timedelta(minutes=2) < window.end:
            found.append(path)
    return found
