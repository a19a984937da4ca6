"""`watchkeeper drill`: break the lab's shop on purpose and see whether it is noticed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchkeeper.cli import live_drill, series

if TYPE_CHECKING:
    from watchkeeper.lab.truth import Truth
    from watchkeeper.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Break a small real shop on purpose. Needs the extra watchkeeper[lab].",
)

app.command("series")(series.run_series)
app.command("score")(series.score_recorded)


@app.command("list")
def list_drills() -> None:
    """Say which faults there are, and what each does."""
    with needs_the_lab():
        from watchkeeper.lab import drills
    import textwrap

    for each in drills.catalogue():
        targets = f" (on {', '.join(each.targets)})" if each.targets else ""
        body = textwrap.fill(f"{each.happens}{targets}", 80, initial_indent="  ", subsequent_indent="  ")
        typer.echo(f"{each.kind}\n{body}")


@app.command("run")
def run_drill(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="One of `drill list`.")],
    service: Annotated[str | None, typer.Option(metavar="S", help="Which service to break.")] = None,
    size: Annotated[float, typer.Option(metavar="X", help="How hard: 1 is usual.")] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="What else happens, and when.")] = 0,
    minutes: Annotated[float, typer.Option(metavar="M", help="How long it runs.")] = 6.0,
    deploys: Annotated[int | None, typer.Option(metavar="N", help="How many innocent ones `nothing` has.")] = None,
    record: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep telemetry and truth there.")] = None,
) -> None:
    """Break a shop of real processes, then diagnose it.

    While `watchkeeper serve` runs, the shop reports to it, and the incident is on its page as it happens. Without a
    running server, and with --record, the drill has a server of its own.
    """
    with needs_the_lab():
        from watchkeeper.evaluation import live_drills, recording
        from watchkeeper.lab import drills
    from watchkeeper import settings
    from watchkeeper.cli.screen import say

    chosen = settings.load(context.obj)
    drill = drills.plan(kind, service, size, seed, minutes, deploys)
    url = None if record is not None else live_drills.running_url(chosen)
    if url is not None:
        live_drill.run_before_server(chosen, url, drill, drills.run)
        return
    with folder_for(record) as folder, _claimed(folder):
        truth = recording.record(drill, folder, say)
        _diagnose(chosen, folder, truth)


def _diagnose(chosen: "Settings", folder: Path, truth: "Truth") -> None:
    """What the standing watch would have noticed first, diagnosed; the truth is told beside it."""
    from watchkeeper import assembly
    from watchkeeper.cli.diagnose import present
    from watchkeeper.cli.screen import one_line, say
    from watchkeeper.cli.show import clock
    from watchkeeper.evaluation.drills import replay_watch

    began = f" since {clock(truth.symptom_onset)}" if truth.symptom_onset else ""
    typer.echo(f"Truth     {truth.kind}{f' of {truth.service}' if truth.service else ''}{began}")
    with assembly.open_sources(chosen, folder) as sources:
        alarm = replay_watch(sources, truth, assembly.scan_of(chosen)).alarm
        if alarm is None:
            typer.echo("Noticed   nothing")
            return
        typer.echo(f"Noticed   {clock(alarm.at)}: {one_line(alarm.text)}\n")
        case = assembly.diagnose(chosen, alarm, sources, say, is_recording=True)
    present(case, assembly.save_case(chosen, case, say))


@contextmanager
def folder_for(named: Path | None) -> Iterator[Path]:
    """The folder that was named, else one that is gone afterwards."""
    if named is not None:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="watchkeeper-drill-") as name:
        yield Path(name)


@contextmanager
def _claimed(named: Path) -> Iterator[None]:
    """Nobody else records into that folder meanwhile; raises ConfigError where it holds a recording already."""
    from watchkeeper.errors import ConfigError
    from watchkeeper.evaluation.recording import TELEMETRY

    telemetry = named / TELEMETRY
    try:
        telemetry.mkdir(parents=True)
    except FileExistsError:
        raise ConfigError(
            f"--record: {named} holds a recording, or one is under way; expected a folder without one"
        ) from None
    try:
        yield
    finally:
        if not any(telemetry.iterdir()):
            telemetry.rmdir()


@contextmanager
def needs_the_lab() -> Iterator[None]:
    """Turn an import that the extra would bring into a ConfigError that says how to get it."""
    from watchkeeper.errors import ConfigError

    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("watchkeeper"):
            raise
        raise ConfigError(
            f"drills need the extra watchkeeper[lab], of which {error.name} is missing: "
            "run `uv sync --extra lab`, or `pip install 'watchkeeper[lab]'`"
        ) from error
