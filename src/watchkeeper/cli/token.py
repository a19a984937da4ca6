"""`watchkeeper token`: who may talk to the server, and what for."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watchkeeper.records.summaries import KeptToken

MOST_DAYS = 3650
STATE, USED, SCOPES, NAME = 16, 10, 12, 64

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Tokens: who may talk to the server, and what for.",
)


class ScopeName(StrEnum):
    """What a token may be good for, as `server.callers` has it."""

    INGEST = "ingest"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


Named = Annotated[str, typer.Argument(metavar="NAME", help="What the audit trail calls whoever shows it.")]


@app.command("create")
def create(
    context: typer.Context,
    name: Named,
    scope: Annotated[
        list[ScopeName],
        typer.Option(help="ingest: send telemetry and alerts. read: see. operate: decide, too. admin: everything."),
    ],
    days: Annotated[float | None, typer.Option(metavar="N", help="It ends after so many days.")] = None,
) -> None:
    """Make a token and print it, this once: what is kept cannot be turned back into it."""
    from watchkeeper import settings
    from watchkeeper.assembly import access

    if days is not None and not 0 < days <= MOST_DAYS:
        raise typer.BadParameter(f"expected more than 0 and at most {MOST_DAYS}", param_hint="--days")
    ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with access.open_tokens(settings.load(context.obj)) as tokens:
        text = tokens.create(name, frozenset(each.value for each in scope), ends)
    typer.echo(text)


@app.command("list")
def list_all(context: typer.Context) -> None:
    """List the tokens: their names, what they are good for, when they were used last and when they end."""
    from watchkeeper import settings
    from watchkeeper.assembly import access

    with access.open_tokens(settings.load(context.obj)) as tokens:
        rows = [_row(token, datetime.now(UTC)) for token in tokens.list()]
    head = f"{'STATE':{STATE}} {'USED':{USED}} {'SCOPES':{SCOPES}} NAME"
    typer.echo("\n".join([head, *rows]) if rows else "There are no tokens yet.")


@app.command("revoke")
def revoke(context: typer.Context, name: Named) -> None:
    """End a token, and whatever browser signed in with it, within a second."""
    from watchkeeper import settings
    from watchkeeper.assembly import access

    with access.open_tokens(settings.load(context.obj)) as tokens:
        tokens.revoke(name)
    typer.echo("revoked")


def _row(token: "KeptToken", now: datetime) -> str:
    from watchkeeper.cli.screen import one_line

    scopes = ",".join(sorted(token.scopes))
    used = "never" if token.used_at is None else f"{token.used_at:%Y-%m-%d}"
    if token.revoked_at is not None:
        state = "revoked"
    elif token.expires_at is None:
        state = "holds"
    else:
        state = f"{'until' if token.is_valid(now) else 'ended'} {token.expires_at:%Y-%m-%d}"
    return f"{state:{STATE}} {used:{USED}} {scopes:{SCOPES}} {one_line(token.name, NAME)}"
