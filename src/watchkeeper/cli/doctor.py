"""`watchkeeper doctor`: what is configured, what answers, what is missing, and what to do about it."""

import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from watchkeeper.settings import Settings

LAB_MODULES = ("opentelemetry.sdk", "psutil", "psycopg")
GIB = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and what to do where it could be better."""

    mark: Literal["ok", "missing", "broken"]
    what: str
    todo: str = ""


def doctor(context: typer.Context) -> None:
    """Say what is configured, what answers, what to do.

    Exits 0 when watchkeeper can be used, even if something optional is missing; 1 when it cannot.
    """
    from watchkeeper import settings

    chosen = settings.load(context.obj)
    needed = [*_configured(chosen, context.obj), *_telemetry(chosen), *_prometheus(chosen), *_disk(chosen)]
    for finding in (*needed, *_model(chosen), _runbooks(chosen), _demo(), *_lab()):
        typer.echo(f"{finding.mark:<9}{finding.what}")
        if finding.todo:
            typer.echo(f"{'':<9}-> {finding.todo}")
    # A model that does not answer is broken, and nothing needs it.
    if any(finding.mark == "broken" for finding in needed):
        raise typer.Exit(1)


def _configured(chosen: "Settings", named: Path | None) -> Iterator[Finding]:
    from watchkeeper import __version__, catalogue

    own = named or chosen.home / "config" / "watchkeeper.yaml"
    yield Finding("ok", f"watchkeeper {__version__}, home {chosen.home}")
    yield Finding("ok", f"settings: {own if own.exists() else 'as shipped'}")
    described = len(catalogue.load(chosen.home).services)
    yield Finding("ok", f"service catalogue: {described} services described, the others are inferred")


def _telemetry(chosen: "Settings") -> Iterator[Finding]:
    from watchkeeper import assembly
    from watchkeeper.errors import WatchkeeperError
    from watchkeeper.telemetry.sources import ExtentQuery

    try:
        with assembly.open_sources(chosen) as sources:
            rows = sources.extent(ExtentQuery()).rows.to_pylist()
            is_remote = assembly.is_server(sources)
    except WatchkeeperError as error:
        if chosen.store_path.exists():
            yield Finding("broken", f"store: {error}")
            return
        yield Finding(
            "missing",
            f"no server at {chosen.server_url}, no store at {chosen.store_path} yet",
            "start `watchkeeper serve`",
        )
        return
    where = f"server at {chosen.server_url}" if is_remote else f"store {chosen.store_path} (no server is running)"
    services = {row["service_name"] for row in rows if row["service_name"]}
    total = sum(row["rows"] for row in rows)
    if total:
        last = max(row["last"] for row in rows)
        yield Finding("ok", f"{where}: {total:,} rows of {len(services)} services, up to {last:%Y-%m-%d %H:%M:%S %Z}")
    else:
        yield Finding("missing", f"{where}: empty", "send OTLP/HTTP to it, see docs/opentelemetry.md")


def _prometheus(chosen: "Settings") -> Iterator[Finding]:
    """Whether the configured Prometheus answers; nothing where none is configured."""
    from watchkeeper.assembly.sources import prometheus_of
    from watchkeeper.cli.screen import one_line
    from watchkeeper.errors import WatchkeeperError

    try:
        prometheus = prometheus_of(chosen)
        if prometheus is not None:
            version = one_line(prometheus.version())
            yield Finding("ok", f"Prometheus at {one_line(prometheus.url)} answers: version {version}")
    except WatchkeeperError as error:
        yield Finding("missing", one_line(str(error)), "see docs/prometheus.md; a diagnosis does without")


def _disk(chosen: "Settings") -> Iterator[Finding]:
    folder = chosen.store_path.parent
    while not folder.exists():
        folder = folder.parent
    free, floor = shutil.disk_usage(folder).free / GIB, chosen.store.free_space_floor_gib
    if free < floor:
        yield Finding("broken", f"disk: {free:.1f} GiB free, ingest needs {floor:g}", "make room, or set store.path")
    else:
        yield Finding("ok", f"disk: {free:,.1f} GiB free")


def _model(chosen: "Settings") -> Iterator[Finding]:
    """What the configured endpoint can do; it is asked a few small questions."""
    from watchkeeper import assembly

    yield from (Finding(each.mark, each.what, each.todo) for each in assembly.probe_model(chosen).findings)


def _runbooks(chosen: "Settings") -> Finding:
    from watchkeeper import assembly
    from watchkeeper.cli.screen import say

    with assembly.open_runbooks(chosen, say) as shelf:
        count, problems = len(shelf.runbooks), shelf.problems
    what = f"runbooks: {count}, searched by {chosen.knowledge.embedding} likeness"
    if problems:
        return Finding("missing", f"{what}; {len(problems)} files passed over", "`watchkeeper runbook list` says why")
    return Finding("ok", what)


def _demo() -> Finding:
    from watchkeeper import assembly

    if assembly.DEMO.is_dir():
        return Finding("ok", "demo: its recording is there")
    return Finding(
        "missing", "demo: its recording is not there", "it is part of the repository: `make demo` in a clone"
    )


def _lab() -> Iterator[Finding]:
    missing = [name for name in LAB_MODULES if not _is_there(name)]
    if missing:
        todo = "`uv sync --extra lab`, or `pip install 'watchkeeper[lab]'`; only drills need it"
        yield Finding("missing", f"lab: without {', '.join(missing)}", todo)
    elif not (
        _is_there("pgserver") or shutil.which("postgres") or list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    ):
        yield Finding("missing", "lab: no PostgreSQL server", "install Debian's `postgresql`; only drills need it")
    else:
        yield Finding("ok", "lab: drills can be run")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
