"""`watchkeeper drill`: break the lab's shop on purpose and see whether it is noticed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watchkeeper.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Break a small real shop on purpose. Needs the extra watchkeeper[lab].",
)


@app.command("list")
def list_drills() -> None:
    """Say which faults there are, and what each does."""
    with _needs_the_lab():
        from watchkeeper.lab import drills
    import textwrap

    for each in drills.catalogue():
        targets = f" On {', '.join(each.targets)}." if each.targets else ""
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
    record: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep telemetry and truth there.")] = None,
) -> None:
    """Break a shop of real processes, then diagnose it."""
    with _needs_the_lab():
        from watchkeeper.evaluation import drills as evaluation
        from watchkeeper.lab import drills as lab
    from watchkeeper import settings
    from watchkeeper.cli.screen import say

    drill = lab.plan(kind, service, size, seed, minutes)
    with _folder(record) as folder:
        truth = evaluation.record(drill, folder, say)
        typer.echo(f"Truth     {truth.kind} of {truth.service or 'no service'}\n")
        _diagnose(settings.load(context.obj), folder)


def _diagnose(chosen: "Settings", folder: Path) -> None:
    from watchkeeper import assembly
    from watchkeeper.cli.diagnose import present
    from watchkeeper.cli.screen import say
    from watchkeeper.domain import Signal
    from watchkeeper.watch.detection import detect

    with assembly.open_sources(chosen, folder) as sources:
        at = assembly.latest(sources)
        noticed = detect(sources, at)
        signal = noticed[0] if noticed else Signal(kind="question", at=at)
        case = assembly.diagnose(chosen, signal, sources, say)
    present(case, assembly.save_case(chosen, case))


@contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    if named is not None:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="watchkeeper-drill-") as name:
        yield Path(name)


@contextmanager
def _needs_the_lab() -> Iterator[None]:
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
