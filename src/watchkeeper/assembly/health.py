"""What a server on duty needs, and what it would like to have: one look at each."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from watchkeeper.assembly.books import Books
from watchkeeper.assembly.parts import Check
from watchkeeper.assembly.sources import prometheus_of
from watchkeeper.errors import DeliveryFailed, RecordsUnavailable, SourceUnavailable, StoreUnavailable
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import ExtentQuery, Sources
from watchkeeper.workflows.conductor import Conductor

QUIET = timedelta(minutes=2)
"""When telemetry that had come before is missed."""
WRITTEN = timedelta(seconds=10)
"""When a sign of life is missed, which is written every two seconds."""


def needed(books: Books, conductor: Conductor) -> Mapping[str, Check]:
    """What nothing can be done without."""

    def records() -> str:
        books.decisions.mark()
        # A database that is only read may be full, read-only or another's for now: every worker writes all the time.
        if conductor.name not in books.workers.living(datetime.now(UTC) - WRITTEN):
            seconds = f"{WRITTEN.total_seconds():g}"
            raise RecordsUnavailable(f"{books.records.name} could not be written for the last {seconds} s")
        return f"cases are kept in {books.place}"

    def workflows() -> str:
        if (trouble := conductor.trouble()) is not None:
            raise StoreUnavailable(trouble)
        waiting = len(conductor.pending())
        return f"{waiting} to be looked into" if waiting else "nothing waits to be looked into"

    return {"records": records, "workflows": workflows}


def wished(settings: Settings, store: Sources, books: Books, targets: Collection[str]) -> Mapping[str, Check]:
    """What makes answers richer, or carries them on."""

    def watching() -> str:
        return f"looks every {settings.watch.every_seconds:g} s" if settings.watch.enabled else "is switched off"

    found: dict[str, Check] = {"telemetry": partial(_telemetry, store), "watch": watching}
    if (asked := prometheus_of(settings)) is not None:
        found["prometheus"] = lambda: f"{asked.url} answers ({asked.version()})"
    found["model"] = partial(_model, settings)
    return {**found, **{name: partial(_target, name, books) for name in targets}}


def _telemetry(store: Sources) -> str:
    times = [time for time in store.extent(ExtentQuery()).rows["last"].to_pylist() if time]
    if not times:
        return "no telemetry has come yet"
    if datetime.now(UTC) - max(times) > QUIET:
        raise SourceUnavailable(f"no telemetry has come since {max(times):%Y-%m-%d %H:%M:%S %Z}")
    return f"the latest is of {max(times):%H:%M:%S %Z}"


def _model(settings: Settings) -> str:
    if settings.workflows.engine == "rules":
        return "the rules diagnose; no model is asked"
    return "a model looks further"


def _target(name: str, books: Books) -> str:
    if (trouble := books.outbox.trouble(name)) is not None:
        raise DeliveryFailed(trouble)
    return "drafts are written there" if name == "files" else "what is approved leaves there"
