"""`watchkeeper serve`: one port for OTLP, the other endpoints and queries."""

import signal
import sys
from typing import Annotated

import typer


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(metavar="H", help="A loopback address.")] = None,
    port: Annotated[int | None, typer.Option(metavar="P", help="4318 unless set otherwise.")] = None,
) -> None:
    """Take OTLP over HTTP, answer queries, look at open cases again.

    Runs until interrupted; the store is closed in order.
    """
    from watchkeeper import assembly, settings
    from watchkeeper.cli.screen import log_to_stderr, say
    from watchkeeper.server import running

    chosen = settings.load(context.obj, {"server.host": host, "server.port": port})
    log_to_stderr(chosen.log.level)
    running.require_loopback(chosen.server.host)
    assembly.require_configuration(chosen)
    # The server hands the signal on after its last request: then the store is still to be closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with assembly.live_store(chosen) as store, assembly.open_runbooks(chosen, say) as shelf:
        running.serve(
            store,
            chosen.server.host,
            chosen.server.port,
            maximum_body_bytes=chosen.server.max_body_mib << 20,
            say=say,
            diagnose_due=lambda now: assembly.diagnose_due(chosen, store.reader, say, now),
            answering=assembly.Chat(chosen, store.reader, runbooks=assembly.CaseRunbooks(shelf)),
        )
