"""`watchkeeper drill`: break the lab's shop on purpose and see whether it is noticed."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Break a small real shop on purpose. Needs the extra watchkeeper[lab].",
)


@app.command("list")
def list_drills() -> None:
    """Say which faults there are, and what each does."""
    raise NotImplementedError


@app.command("run")
def run_drill(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="One of `drill list`.")],
    service: Annotated[str | None, typer.Option(metavar="S", help="Which service to break.")] = None,
    size: Annotated[float, typer.Option(metavar="X", min=0.1, max=10, help="How hard: 1 is usual.")] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed is the same drill.")] = 0,
    minutes: Annotated[float | None, typer.Option(metavar="M", min=1, help="How long it runs.")] = None,
    record: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep telemetry and truth there.")] = None,
) -> None:
    """Run one drill against a shop of real processes, and diagnose it."""
    raise NotImplementedError
