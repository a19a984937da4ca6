"""`watchkeeper serve`: one port for telemetry, alerts, questions and pages; work is carried out meanwhile."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watchkeeper.assembly.on_duty import Station
    from watchkeeper.assembly.receiving import Received
    from watchkeeper.server.app import Wiring
    from watchkeeper.server.measures import Measures
    from watchkeeper.settings import Settings


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(metavar="H", help="127.0.0.1 unless set otherwise.")] = None,
    port: Annotated[int | None, typer.Option(metavar="P", help="4318 unless set otherwise.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Keep in memory what would leave.")] = False,
) -> None:
    """Take telemetry and alerts, diagnose, show, deliver.

    Runs until interrupted; the store is closed in order. Everything but /healthz, /readyz and the sign-in page wants
    a token: the first start writes one for this machine to $WATCHKEEPER_HOME/token.
    """
    from watchkeeper import assembly, settings
    from watchkeeper.assembly import access
    from watchkeeper.cli.screen import log_to_stderr, say
    from watchkeeper.server import running

    chosen = settings.load(context.obj, {"server.host": host, "server.port": port})
    log_to_stderr(chosen.log.level)
    assembly.require_configuration(chosen)
    # The server hands the signal on after its last request: then the store is still to be closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with access.open_tokens(chosen) as tokens:
        is_guarded = tokens.any_made_by_hand()
        running.require_address(chosen.server.host, is_guarded)
        if access.ensure_own_token(chosen, tokens):
            say(f"The token of this machine, which opens everything, is in {chosen.token_path}")
        with _wired(chosen, dry_run) as wiring:
            running.serve(wiring, chosen.server.host, chosen.server.port, is_guarded=is_guarded, say=say)


@contextmanager
def _wired(chosen: "Settings", dry_run: bool) -> "Iterator[Wiring]":
    """Everything that the server is made of, on duty until it ends."""
    from watchkeeper import assembly
    from watchkeeper.assembly import access
    from watchkeeper.assembly.on_duty import on_duty
    from watchkeeper.cli.screen import say
    from watchkeeper.server import alerts
    from watchkeeper.server.access_gates import gate_of
    from watchkeeper.server.app import Wiring
    from watchkeeper.server.measures import Gauge, Measures
    from watchkeeper.server.pages.installing import install
    from watchkeeper.server.places import Places

    with (
        assembly.live_store(chosen) as store,
        assembly.open_runbooks(chosen, say) as shelf,
        on_duty(chosen, store.reader, assembly.CaseRunbooks(shelf), say, dry_run=dry_run) as station,
    ):
        chat = assembly.Chat(chosen, station.sources, runbooks=assembly.CaseRunbooks(shelf))
        places = Places()
        measures = Measures([Gauge("watchkeeper_looks_pending", "Looks to be done or under way.", station.pending)])
        yield Wiring(
            store=store,
            sources=station.sources,
            gate=gate_of(station.books.tokens, access.session_key(chosen), chosen.access),
            names=chosen.access.names,
            maximum_body_bytes=chosen.server.max_body_mib << 20,
            answering=chat,
            places=places,
            duty=station.duty,
            routers=[lambda workers: alerts.routes(station.receiver, workers, _counted(station, measures))],
            pages=lambda app: install(app, station.duty, chat, places=places),
            measures=measures,
        )


def _counted(station: "Station", measures: "Measures") -> "Callable[[Received], None]":
    """What is told of each body of alerts: it is counted, then passed on."""

    def on_received(received: "Received") -> None:
        for kept in received.alerts:
            measures.count_alert(kept.alert.source, kept.outcome)
        station.on_received(received)

    return on_received
