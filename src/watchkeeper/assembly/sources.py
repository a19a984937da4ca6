"""Telemetry as the settings want it: the live store, a server, a recording."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from watchkeeper.assembly.access import token_for
from watchkeeper.errors import ConfigError, SourceUnavailable
from watchkeeper.settings import Settings
from watchkeeper.telemetry.importing import import_into
from watchkeeper.telemetry.joined import Joined
from watchkeeper.telemetry.live import LiveLimits, LiveStore
from watchkeeper.telemetry.prometheus import Prometheus
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.telemetry.remote import Remote
from watchkeeper.telemetry.sources import ExtentQuery, Sources
from watchkeeper.telemetry.store import Store

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

    One's own is the running server if it answers, else the store's file with the Prometheus of the settings, else that
    alone. Raises ConfigError, SourceUnavailable, StoreUnavailable or StoreIncompatible where that is not there or
    cannot be read.
    """
    opened: Remote | LiveStore | Store | Prometheus
    if recording is not None:
        opened = _opened_recording(settings, recording)
    elif url is not None:
        opened = _answering(settings, url)
    else:
        opened = _own(settings)
    if isinstance(opened, Remote | Prometheus):
        yield opened
        return
    try:
        reader = opened.reader if isinstance(opened, LiveStore) else opened
        yield reader if recording is not None else with_prometheus(settings, reader)
    finally:
        opened.close()


def prometheus_of(settings: Settings, environment: Mapping[str, str] | None = None) -> Prometheus | None:
    """The Prometheus that is to be asked, None where none is configured; raises ConfigError where that is wrong."""
    chosen = settings.prometheus
    if not chosen.url:
        return None
    token = (os.environ if environment is None else environment).get(chosen.token_variable, "").strip()
    return Prometheus(chosen.url, token, chosen.timeout_seconds, chosen.service_labels)


def with_prometheus(settings: Settings, sources: Sources) -> Sources:
    """The sources with the Prometheus of the settings beside them; as they are where none is configured."""
    prometheus = prometheus_of(settings)
    return sources if prometheus is None else Joined(sources, prometheus)


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


def _answering(settings: Settings, url: str) -> Remote:
    remote = Remote(url, token_for(settings, url))
    if not remote.is_there():
        raise SourceUnavailable(f"no watchkeeper answers at {url}; start one with `watchkeeper serve`")
    return remote


def _own(settings: Settings) -> Remote | LiveStore | Prometheus:
    remote = Remote(settings.server_url, token_for(settings, settings.server_url))
    if remote.is_there():
        return remote
    if settings.store_path.exists():
        return live_store(settings)
    if (prometheus := prometheus_of(settings)) is not None:
        return prometheus
    raise ConfigError(
        f"there is no telemetry: nothing answers at {settings.server_url} and {settings.store_path} is not there; "
        "start `watchkeeper serve` and send some, or name a recording with --from"
    )


def latest(sources: Sources) -> datetime:
    """When the youngest telemetry was made; raises SourceUnavailable where there is none."""
    last: list[datetime] = [time for time in sources.extent(ExtentQuery()).rows["last"].to_pylist() if time]
    if not last:
        raise SourceUnavailable("the source holds no telemetry at all")
    return max(last)
