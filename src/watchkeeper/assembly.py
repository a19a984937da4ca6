"""The only place that builds things from settings: sources, the live store, the pipeline, a case on disk."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from watchkeeper import library
from watchkeeper.domain import CaseFile, Signal
from watchkeeper.errors import ConfigError, SourceUnavailable
from watchkeeper.pipeline import Scan
from watchkeeper.pipeline import diagnose as run_pipeline
from watchkeeper.redaction import redact
from watchkeeper.settings import Settings
from watchkeeper.telemetry.importing import import_into
from watchkeeper.telemetry.live import LiveLimits, LiveStore
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.telemetry.remote import Remote
from watchkeeper.telemetry.sources import ExtentQuery, Sources
from watchkeeper.telemetry.store import Store
from watchkeeper.watch.detection import watch_over

DEMO = library.HOME / "evals" / "incidents" / "bad-deploy-checkout" / "telemetry"
DEMO_SERVICE = "checkout"
MIB, GIB = 1 << 20, 1 << 30

Say = Callable[[str], None]


def live_store(settings: Settings, path: Path | None = None) -> LiveStore:
    """The store that this process will own, made where there is none; to be closed by the caller.

    Raises StoreUnavailable where another process owns it, StoreIncompatible where it is not ours.
    """
    kept = settings.store
    limits = LiveLimits(
        queued_bytes=settings.server.queue_mib * MIB,
        memory_bytes=kept.memory_limit_mib * MIB,
        disk_bytes=int(kept.disk_budget_gib * GIB),
        free_floor_bytes=int(kept.free_space_floor_gib * GIB),
        keep=timedelta(days=kept.retention_days),
    )
    return LiveStore(path or settings.store_path, limits)


@contextmanager
def open_sources(settings: Settings, recording: Path | None = None, url: str | None = None) -> Iterator[Sources]:
    """What can be asked: a folder of Parquet or a .duckdb file, else the server at the URL, else one's own.

    One's own is the running server if it answers, else the store's file. Raises ConfigError, SourceUnavailable,
    StoreUnavailable or StoreIncompatible where that is not there or cannot be read.
    """
    opened: Remote | LiveStore | Store
    if recording is not None:
        opened = _opened_recording(settings, recording)
    elif url is not None:
        opened = _answering(url)
    else:
        opened = _own(settings)
    if isinstance(opened, Remote):
        yield opened
        return
    try:
        yield opened.reader if isinstance(opened, LiveStore) else opened
    finally:
        opened.close()


def import_telemetry(settings: Settings, path: Path, say: Say) -> None:
    """Put a recording, OTLP/JSON files or lines of changes into the store's file, which no server may own meanwhile.

    Raises PayloadRejected for what cannot be read, StoreUnavailable where the store cannot be had.
    """
    with live_store(settings) as store:
        rows = import_into(path, store.submit, say)
        oldest = min((t for t in store.reader.extent(ExtentQuery()).rows["first"].to_pylist() if t), default=None)
    say(f"Imported {', '.join(f'{count:,} {table}' for table, count in rows.items()) or 'nothing'}.")
    if oldest is not None and datetime.now(UTC) - oldest > timedelta(days=settings.store.retention_days):
        days = f"{settings.store.retention_days:g}"
        say(f"Some of the store is older than {days} days: a running server drops it (store.retention_days).")


def is_server(sources: Sources) -> bool:
    """Whether these are another process's, asked over HTTP."""
    return isinstance(sources, Remote)


def _opened_recording(settings: Settings, path: Path) -> LiveStore | Store:
    if path.is_dir():
        inner = path / "telemetry"
        return open_recording(inner if inner.is_dir() else path)
    if path.is_file() and path.suffix == ".duckdb":
        return live_store(settings, path)
    expected = "a folder of Parquet files, or a .duckdb file"
    raise ConfigError(f"--from: {path} is {'neither' if path.exists() else 'not there'}, expected {expected}")


def _answering(url: str) -> Remote:
    remote = Remote(url)
    if not remote.is_there():
        raise SourceUnavailable(f"no watchkeeper answers at {url}; start one with `watchkeeper serve`")
    return remote


def _own(settings: Settings) -> Remote | LiveStore:
    remote = Remote(settings.server_url)
    if remote.is_there():
        return remote
    if settings.store_path.exists():
        return live_store(settings)
    raise ConfigError(
        f"there is no telemetry: nothing answers at {settings.server_url} and {settings.store_path} is not there; "
        "start `watchkeeper serve` and send some, or name a recording with --from"
    )


def diagnose(settings: Settings, signal: Signal, sources: Sources, say: Say, *, is_recording: bool = False) -> CaseFile:
    """The pipeline as these settings want it; the case has a number of its own, and what must not leave is gone.

    In a recording time stands still at its end: what was never recorded after it is no silence.
    """
    now = datetime.now(UTC)
    if is_recording:
        ends = latest(sources) + timedelta(seconds=settings.diagnosis.lag_seconds)
        now = min(now, ends) if signal.at <= ends else now
    number = _next_number(settings.home / "cases", signal.at.year)
    case = run_pipeline(signal, sources, now=now, say=say, number=number, scan=scan_of(settings))
    return redacted(settings, case)


def scan_of(settings: Settings) -> Scan:
    """Which stretch of telemetry these settings have looked at."""
    windows = settings.diagnosis
    return Scan(
        lookback_seconds=windows.lookback_minutes * 60,
        follow_seconds=windows.follow_seconds,
        lag_seconds=windows.lag_seconds,
    )


def diagnose_demo(settings: Settings, say: Say) -> CaseFile:
    """Diagnose the recorded bad deploy of checkout; raises ConfigError where the recording is not there."""
    if not DEMO.is_dir():
        raise ConfigError(
            f"{DEMO} is not there: the recording is part of the repository, not of an installed package; "
            "run `make demo` in a clone"
        )
    say(f"A recorded incident of a small shop: {DEMO.parent.name}")
    with open_sources(settings, DEMO) as sources:
        say("The standing watch looks at it every five seconds …")
        signal = _first_alarm(settings, sources)
        say(f"Noticed at {signal.at:%H:%M:%S %Z}: {signal.text}")
        return diagnose(settings, signal, sources, say, is_recording=True)


def _first_alarm(settings: Settings, sources: Sources) -> Signal:
    """What the watch raises first in a recording; where it raises nothing, a question about its end."""
    how, ends = scan_of(settings), latest(sources)
    begins = min(time for time in sources.extent(ExtentQuery()).rows["first"].to_pylist() if time)
    looks = watch_over(sources, begins, ends, lookback_seconds=how.lookback_seconds, lag_seconds=how.lag_seconds)
    first = next((signals[0] for _, signals in looks if signals), None)
    return first or Signal(kind="question", at=ends, service=DEMO_SERVICE)


def latest(sources: Sources) -> datetime:
    """When the youngest telemetry was made; raises SourceUnavailable where there is none."""
    last: list[datetime] = [time for time in sources.extent(ExtentQuery()).rows["last"].to_pylist() if time]
    if not last:
        raise SourceUnavailable("the source holds no telemetry at all")
    return max(last)


def redacted(settings: Settings, case: CaseFile) -> CaseFile:
    """The case without what must not leave; ids and queries stay, so that each can be asked again."""
    wanted = settings.redaction
    if not wanted.enabled:
        return case
    clean = partial(redact, ip_addresses=wanted.ip_addresses, extra_patterns=wanted.extra_patterns)
    return CaseFile.model_validate(_cleaned(case.model_dump(), clean))


_PROSE = {
    *("headline", "text", "question", "failure", "inconclusive_because", "reason", "title", "author"),
    *("expected_impact", "suggested_fix", "settled_by", "gaps", "notes", "values", "operation", "measure", "link"),
}
"""Fields that hold text from outside, or text made from it; the others are names, ids, queries and fixed words."""


def _cleaned(value: object, clean: Callable[[str], str], key: str = "") -> object:
    if isinstance(value, str):
        return clean(value) if key in _PROSE else value
    if isinstance(value, dict):
        return {name: _cleaned(inner, clean, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner, clean, key) for inner in value]
    return value


def as_json(case: CaseFile) -> str:
    """The case as JSON in plain ASCII: what a terminal or a page might take for a command is escaped."""
    return json.dumps(case.model_dump(mode="json"), indent=2, ensure_ascii=True)


def save_case(settings: Settings, case: CaseFile) -> Path:
    """Write the case as JSON under the home, whole or not at all; answers where."""
    folder = settings.home / "cases" / case.incident.id
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False, encoding="utf-8") as file:
        file.write(as_json(case))
    path = folder / "case.json"
    return Path(file.name).replace(path)


def _next_number(cases: Path, year: int) -> int:
    taken = [path.name.rpartition("-")[2] for path in cases.glob(f"INC-{year}-*")]
    return max((int(number) for number in taken if number.isdigit()), default=0) + 1
