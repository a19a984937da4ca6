"""RCAEval (Pham et al., WWW 2025): faults injected into Online Boutique, Sock Shop and Train Ticket, suites RE1 to RE3.

A case is a folder with `inject_time.txt`, as `re2ob_checkoutservice_cpu_1/` or, as it was packed first,
`RE2-OB/checkoutservice_cpu/1/`; the folder given may hold them at any depth. In it are `metrics` (or `simple_metrics`,
`data`) and, but not in RE1, `logs` and `traces`, which Sock Shop has none of, as Parquet, CSV or JSON.

The truth is in a folder's name and nowhere else: a case is called by its benchmark and the time of the injection. What
may be read ends ten minutes after that, and begins as long before it as was published, as in the authors' comparison.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from watchkeeper.datasets import rcaeval_rows
from watchkeeper.datasets.cases import Answer, Case, Tables, Trigger
from watchkeeper.domain import Signal, Window
from watchkeeper.errors import DatasetRejected

INJECTED = "inject_time.txt"
READABLE = timedelta(minutes=10)
"""How much of what follows an injection may be read, whenever it was noticed."""
LOOKBACK = timedelta(minutes=60)
"""How much before an injection is read, where there is so much."""
LATEST = 4e9
"""Unix seconds beyond which a number is no time."""
METRICS = ("simple_metrics", "metrics", "simple_data", "data")
"""Of these the first that is there: the simple ones have the figures of services, the others all that was scraped."""
_FLAT = re.compile(r"(re\d[a-z]+)_(.+)_([^_]+)_(\d+)", re.I)
_NESTED = re.compile(r"(.+)_([^_]+)")
_BENCHMARK = re.compile(r"(re\d)[-_]?([a-z]{2})", re.I)


@dataclass(frozen=True)
class _Place:
    """One case's folder, and what its name says."""

    folder: Path
    benchmark: str
    """`RE2-OB`; empty where no folder says it."""
    at: datetime
    service: str
    fault: str


def cases(folder: Path, *, alert_delay_seconds: float = 0.0) -> Iterator[Case]:
    """One case an injection, by benchmark and time; raises DatasetRejected."""
    for name, place in _named(folder).items():
        at = place.at + timedelta(seconds=alert_delay_seconds)
        window = Window(start=place.at - LOOKBACK, end=place.at + READABLE)
        signal = Signal(kind="alert", at=at, text="something is wrong")
        yield Case(name, Trigger(signal, until=window.end), partial(_load, place.folder, window))


def answers(folder: Path) -> Mapping[str, Answer]:
    """Injected service, kind of fault and benchmark by the case's name; raises DatasetRejected."""
    return {
        name: Answer(place.service, kind=place.fault, system=place.benchmark) for name, place in _named(folder).items()
    }


def _named(folder: Path) -> dict[str, _Place]:
    """All cases by their names, in order of benchmark and time."""
    places = [_place(path.parent, folder.resolve()) for path in folder.resolve().rglob(INJECTED)]
    if not places:
        raise DatasetRejected(
            f"{folder} is no RCAEval: expected re2ob_<service>_<fault>_<n>/{INJECTED} or "
            f"RE2-OB/<service>_<fault>/<n>/{INJECTED}, at any depth"
        )
    found: dict[str, _Place] = {}
    for place in sorted(places, key=lambda p: (p.benchmark, p.at, p.folder.parts)):
        name = f"{place.benchmark} {place.at:%Y-%m-%d %H:%M:%S}".strip()
        again = sum(known == name or known.startswith(f"{name} #") for known in found)
        found[f"{name} #{again + 1}" if again else name] = place
    return found


def _place(folder: Path, root: Path) -> _Place:
    flat = _FLAT.fullmatch(folder.name)
    if flat:
        return _Place(folder, _benchmark(flat[1]), _injected(folder / INJECTED), flat[2], flat[3])
    nested = _NESTED.fullmatch(folder.parent.name) if folder.name.isdigit() and folder != root else None
    if not nested:
        raise DatasetRejected(f"{folder}: expected a folder re2ob_<service>_<fault>_<n> or <service>_<fault>/<n>")
    return _Place(folder, _benchmark(folder.parent.parent.name), _injected(folder / INJECTED), nested[1], nested[2])


def _benchmark(name: str) -> str:
    known = _BENCHMARK.fullmatch(name)
    return f"{known[1]}-{known[2]}".upper() if known else ""


def _injected(path: Path) -> datetime:
    try:
        seconds = float(path.read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError) as error:
        raise DatasetRejected(f"{path}: expected unix seconds, got {type(error).__name__}: {error}") from error
    if not 0 <= seconds < LATEST:
        raise DatasetRejected(f"{path}: expected unix seconds, not {seconds:g}")
    return datetime.fromtimestamp(seconds, UTC)


def _load(folder: Path, window: Window) -> Tables:
    metrics = rcaeval_rows.metrics(folder, METRICS, window)
    spans, logs = rcaeval_rows.spans(folder, window), rcaeval_rows.logs(folder, window)
    return {"metrics": metrics, **({"spans": spans} if spans else {}), **({"logs": logs} if logs else {})}
