"""The commands by name, and the options that all of them share."""

from pathlib import Path
from typing import Annotated

import typer

from watchkeeper import __version__
from watchkeeper.cli import (
    accuracy,
    cases,
    chat,
    demo,
    diagnose,
    doctor,
    draft,
    drill,
    evals,
    evaluate_me,
    importing,
    routes,
    runbooks,
    serve,
    token,
    worker,
)

app = typer.Typer(
    name="watchkeeper",
    no_args_is_help=True,
    add_completion=False,
    # Help and usage errors as plain text: quick, readable without colour, and brackets stay brackets.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="What broke, since when, why, which change did it, who felt it, what to do.",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"watchkeeper {__version__}")
        raise typer.Exit


@app.callback()
def everything(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings instead of $WATCHKEEPER_HOME/config/watchkeeper.yaml."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    """Take the options that come before a command."""
    context.obj = config


app.command("diagnose")(diagnose.diagnose)
app.command("demo")(demo.demo)
app.command("ask")(chat.ask)
app.command("chat")(chat.chat)
app.command("cases")(cases.cases)
app.add_typer(cases.case_app, name="case")
app.command("verdict")(cases.verdict)
app.command("accuracy")(accuracy.accuracy)
app.command("draft")(draft.draft)
app.add_typer(routes.app, name="routes")
app.add_typer(runbooks.app, name="runbook")
app.add_typer(evals.app, name="eval")
app.command("evaluate-me")(evaluate_me.evaluate_me)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.add_typer(token.app, name="token")
app.command("import")(importing.import_telemetry)
app.command("doctor")(doctor.doctor)
app.add_typer(drill.app, name="drill")
