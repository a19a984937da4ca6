"""`watchkeeper serve`: one port for OTLP, the other endpoints and queries."""

from typing import Annotated

import typer


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(metavar="H", help="A loopback address.")] = None,
    port: Annotated[int | None, typer.Option(metavar="P", min=1, max=65535, help="4318 unless set otherwise.")] = None,
) -> None:
    """Take OTLP and changes over HTTP, and answer queries, until interrupted."""
    from watchkeeper import assembly, settings

    assembly.serve(settings.load(context.obj, {"server.host": host, "server.port": port}))
