"""`watchkeeper diagnose`: one question about one service, one case file as the answer."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchkeeper.cli.engines import Engine, Graph

if TYPE_CHECKING:
    from watchkeeper.domain import CaseFile, Signal

INCONCLUSIVE = 3
EARLIEST_YEAR, LATEST_YEAR = 1990, 2100


def moment(text: str) -> datetime:
    """A time as a person types it: ISO 8601 with its zone, or `now`; raises typer.BadParameter."""
    if text.strip().lower() == "now":
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise typer.BadParameter(
            f"expected a time such as 2026-03-01T14:05:00Z, or `now`, not {text!r}", param_hint="--at"
        ) from error
    if time.tzinfo is None:
        full = text if len(text.strip()) > len("2026-03-01") else f"{text.strip()}T00:00"
        raise typer.BadParameter(f"{text} has no time zone: write {full}Z for UTC, or {full}+02:00", param_hint="--at")
    if not EARLIEST_YEAR <= time.year <= LATEST_YEAR:
        raise typer.BadParameter(
            f"expected a year from {EARLIEST_YEAR} to {LATEST_YEAR}, not {time.year}", param_hint="--at"
        )
    return time.astimezone(UTC)


def diagnose(
    context: typer.Context,
    service: Annotated[
        str | None, typer.Option(metavar="S", help="The service that seems to be in trouble; needs --at.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it was noticed: ISO 8601 with a zone, or `now`.")
    ] = None,
    case: Annotated[
        str | None, typer.Option(metavar="CASE", help="Diagnose this incident again, INC-2026-0042.")
    ] = None,
    recording: Annotated[
        Path | None, typer.Option("--from", metavar="PATH", help="A folder of Parquet files, or a .duckdb file.")
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="A running server, http://127.0.0.1:4318.")] = None,
    engine: Engine = "rules",
    graph: Graph = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole case file as JSON.")] = False,
) -> None:
    """Say what is wrong with a service, since when, and why.

    Either --service and --at open a new case, or --case has one diagnosed again with what is known now (with
    --engine model, an investigation of it that was cut off goes on). Without --from and --store the running server
    is asked, else the local store. Exits 0 when diagnosed or nothing is wrong, 3 when inconclusive.
    """
    signal = _asked(service, at, case, recording, store)
    from watchkeeper import assembly, settings
    from watchkeeper.cli.progress import told
    from watchkeeper.cli.screen import say

    chosen = settings.load(context.obj)
    known = None if case is None else assembly.case(chosen, case)
    if known is not None and known.incident.is_recorded and recording is None:
        raise typer.BadParameter(f"{case} was diagnosed from a recording: name it again", param_hint="--from")
    with (
        assembly.open_sources(chosen, recording, store) as sources,
        assembly.investigator_for(chosen, engine, graph, say, told) as investigator,
    ):
        if known is not None:
            assembly.require_same_telemetry(known, sources)
            found = assembly.looked_at_again(chosen, known, sources, say, investigator)
        else:
            assert signal is not None
            found = assembly.diagnose(
                chosen, signal, sources, say, is_recording=recording is not None, investigator=investigator
            )
    present(found, assembly.save_case(chosen, found, say), as_json)


def _asked(
    service: str | None, at: str | None, case: str | None, recording: Path | None, store: str | None
) -> "Signal | None":
    """The question, None where a case is named; raises typer.BadParameter for options that exclude each other."""
    if recording is not None and store is not None:
        raise typer.BadParameter("give --from or --store, not both", param_hint="--from")
    if case is not None and (service is not None or at is not None):
        raise typer.BadParameter("give --case, or --service and --at, not both", param_hint="--case")
    return None if case is not None else _question(service, at)


def _question(service: str | None, at: str | None) -> "Signal":
    """The question that was typed; raises typer.BadParameter where a half of it is missing."""
    if service is None or not service.strip():
        raise typer.BadParameter("expected the name of a service, as it reports itself", param_hint="--service")
    if at is None:
        raise typer.BadParameter("expected when it was noticed: ISO 8601 with a zone, or `now`", param_hint="--at")
    time = moment(at)
    from watchkeeper.domain import Signal

    return Signal(kind="question", at=time, service=service)


def present(case: "CaseFile", saved_at: Path | None, as_json: bool = False) -> None:
    """Print the case, and exit 3 where it is inconclusive."""
    from watchkeeper import assembly
    from watchkeeper.cli import show

    typer.echo(assembly.as_json(case) if as_json else show.case_text(case, saved_at))
    if case.latest is None or case.latest.status == "inconclusive":
        raise typer.Exit(INCONCLUSIVE)
