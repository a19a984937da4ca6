"""`watchkeeper eval`: how often the diagnosis is right, on recorded cases whose truth is known."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.cli.engines import Engine, Graph
from watchkeeper.cli.harder import AlertDelay, Left, MissingEdges, Seeds, Until, calls_lost, sources_left

Replies = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Recorded replies, as evals/investigations, instead of the endpoint.")
]
WORSE = 1
SHOWN = 20

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Measure how often the diagnosis is right, and compare runs.",
)


@app.command("run")
def run_suite(
    context: typer.Context,
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="drills, nezha, petshop … (evals/suites).")],
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder of the unpacked data set.")] = None,
    engine: Engine = "rules",
    graph: Graph = None,
    replies: Replies = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the first N cases.")] = None,
    without: Left = None,
    alert_delay: AlertDelay = 0.0,
    until: Until = None,
    missing_edges: MissingEdges = None,
    seeds: Seeds = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the JSON goes, instead of the home.")] = None,
) -> None:
    """Run one suite and score it.

    Prints a table and writes one JSON. Exits 2 where there is nothing to run, or data cannot be read.
    """
    from watchkeeper.cli.scorecards import card_text
    from watchkeeper.cli.screen import report_bug, say

    dropped, lost = sources_left(without or []), calls_lost(missing_edges, seeds)
    from watchkeeper import settings
    from watchkeeper.evaluation import history, investigations, provenance, running, suites

    chosen, at = settings.load(context.obj), datetime.now(UTC)
    if suites.metrics_of(suite) is not None:
        from watchkeeper.cli.measures import measure_suite

        typer.echo(measure_suite(suite, data, out or history.default_file(chosen.home, suite, at), at))
        return
    opened = suites.open_suite(suite, data, alert_delay_seconds=alert_delay, until_seconds=until)
    with investigations.investigators(chosen, engine, graph, replies, say) as (investigator_of, used):
        card = running.run(
            opened,
            at=at,
            commit=provenance.commit(),
            limit=limit,
            without=dropped,
            say=say,
            keep_trace=report_bug,
            inspect=running.not_found_again if engine == "model" else None,
            investigator_of=investigator_of,
            graph=used,
            lost=lost,
        )
    typer.echo(card_text(card, history.keep(card, out or history.default_file(chosen.home, suite, at), chosen.home)))


@app.command("history")
def show_history(
    suite: Annotated[str | None, typer.Option(metavar="SUITE", help="Only runs of this one.")] = None,
    last: Annotated[int, typer.Option(metavar="N", min=1, help="How many, the newest ones.")] = SHOWN,
) -> None:
    """List the runs that were made on this machine, the oldest first."""
    from watchkeeper import settings
    from watchkeeper.cli.scorecards import history_text
    from watchkeeper.evaluation import history

    runs = [run for run in history.entries(settings.home()) if suite in (None, run.suite)]
    typer.echo(history_text(runs[-last:]))


@app.command("compare")
def compare_runs(
    before: Annotated[str, typer.Argument(metavar="A", help="The JSON of a run, or its name in the home.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The one to hold against it.")],
) -> None:
    """Say which cases flipped from one run to another, and whether that is more than noise."""
    from watchkeeper import settings
    from watchkeeper.cli.scorecards import comparison_text
    from watchkeeper.evaluation import comparing, history
    from watchkeeper.evaluation.scorecard import Scorecard

    files = [history.found(name, settings.home()) for name in (before, after)]
    old, new = (Scorecard.read(file) for file in files)
    typer.echo(comparison_text(comparing.compare(old, new), *(file.stem for file in files)))


@app.command("report")
def write_report(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILES]", help="Runs; else the newest ones.")] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page.")] = Path("report.html"),
) -> None:
    """Write runs as one HTML page with pictures, which needs nothing else. Needs the extra watchkeeper[eval]."""
    from watchkeeper import settings
    from watchkeeper.errors import ConfigError
    from watchkeeper.evaluation import history, report
    from watchkeeper.evaluation.scorecard import Scorecard

    home = settings.home()
    chosen = [history.found(name, home) for name in files] if files else history.newest(history.entries(home))
    if not chosen:
        raise ConfigError("there is no run to report on: begin with `watchkeeper eval run drills`")
    page = report.as_html([Scorecard.read(file) for file in chosen])
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--out: {out} cannot be written: {error.strerror}") from error
    typer.echo(f"{len(chosen)} runs are in {out}")


@app.command("check")
def check_exams(
    data: Annotated[Path, typer.Option(metavar="DIR", help="The folder that holds unpacked data sets.")],
    baselines: Annotated[Path, typer.Option(metavar="DIR", help="Where the committed figures are.")] = Path(
        "evals/baselines"
    ),
    write: Annotated[bool, typer.Option("--write", help="Write them instead of comparing.")] = False,
) -> None:
    """Run every data set in a folder and compare it with the committed figures.

    Exits 1 where one lost more cases than paired noise explains, or a case failed, or says what cannot be found again.
    """
    from watchkeeper import settings
    from watchkeeper.cli.screen import report_bug, say
    from watchkeeper.evaluation import checking, history, provenance, running, suites

    home, is_worse = settings.home(), False
    for suite, folder in checking.exams_in(data):
        say(f"{suite}: {folder.name}")
        at, file = datetime.now(UTC), checking.file_of(baselines, suite, folder.name)
        before = None if write else checking.read(file)
        opened = suites.open_suite(suite, folder)
        card = running.run(
            opened,
            at=at,
            commit=provenance.commit(),
            say=say,
            keep_trace=report_bug,
            inspect=running.not_found_again,
        )
        history.keep(card, history.default_file(home, f"{suite}-{folder.name}", at), home)
        if before is None:
            checking.write(card, file)
            typer.echo(f"{folder.name}: top1 {card.top1:.3f}, forced {card.forced_top1:.3f}; written to {file}")
            continue
        verdict = checking.check(card, before)
        is_worse = is_worse or verdict.is_worse
        typer.echo("\n".join([f"{folder.name}: {'worse' if verdict.is_worse else 'holds'}", *_indented(verdict.lines)]))
    if is_worse:
        raise typer.Exit(WORSE)


def _indented(lines: tuple[str, ...]) -> list[str]:
    return [f"  {line}" for line in lines]
