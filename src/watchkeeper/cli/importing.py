"""`watchkeeper import`: files of telemetry into the store."""

from pathlib import Path
from typing import Annotated

import typer


def import_telemetry(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A Parquet recording, OTLP/JSON files or changes as JSON lines.")
    ],
) -> None:
    """Put a Parquet recording, OTLP/JSON files or changes as JSON lines into the store."""
    from watchkeeper import assembly, settings
    from watchkeeper.cli.screen import one_line, say

    rows = assembly.import_path(settings.load(context.obj), path, say)
    for table, count in rows.items():
        typer.echo(f"{one_line(table):<10} {count:>12,} rows")
