"""`watchkeeper worker`: one more process that looks into incidents, beside the server."""

import signal
import threading
from typing import Annotated

import typer


def worker(
    context: typer.Context,
    telemetry: Annotated[str, typer.Option(metavar="URL", help="The server that keeps the telemetry.")],
    name: Annotated[str | None, typer.Option(metavar="N", help="Its name, which no other worker has.")] = None,
) -> None:
    """Look into incidents beside the server.

    Records and workflows are on a shared PostgreSQL. Runs until interrupted; what it is at then others take over.
    """
    from watchkeeper import assembly, settings
    from watchkeeper.assembly.working import at_work, require_shared
    from watchkeeper.cli.screen import log_to_stderr, say

    chosen = settings.load(context.obj)
    log_to_stderr(chosen.log.level)
    require_shared(chosen)
    assembly.require_configuration(chosen)
    is_over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: is_over.set())
    with (
        assembly.open_sources(chosen, url=telemetry) as sources,
        at_work(chosen, sources, say, name) as known,
    ):
        say(f"{known} looks into incidents, with the telemetry at {telemetry}")
        is_over.wait()
