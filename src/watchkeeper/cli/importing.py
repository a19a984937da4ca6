"""`watchkeeper import`: files of telemetry into the store."""

from pathlib import Path
from typing import Annotated

import typer


def import_telemetry(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder or a file.")],
) -> None:
    """Put recorded telemetry into the store.

    PATH is a Parquet recording, OTLP/JSON files, or changes as JSON lines. The server that owns the store must
    not be running meanwhile.
    """
    from watchkeeper import assembly, settings
    from watchkeeper.cli.screen import say

    assembly.import_telemetry(settings.load(context.obj), path, say)
