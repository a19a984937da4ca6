"""`watchkeeper evaluate-me`: what accuracy to expect on one's own system, before the first incident."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watchkeeper.evaluation.self_evaluation import BlindSpot, Expected

KIND = 17
LAST_HOURS = 2.0
"""How much of a running store is read where nobody says."""
SPOTS = 12
"""How many blind spots are printed."""


def evaluate_me(
    context: typer.Context,
    recording: Annotated[
        Path | None, typer.Option("--from", metavar="PATH", help="A folder of Parquet files, or a .duckdb file.")
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="A running server, http://127.0.0.1:4318.")] = None,
    last: Annotated[
        float | None, typer.Option(metavar="HOURS", min=0.05, help="Only so much, up to its end; of a store 2.")
    ] = None,
    cases: Annotated[int, typer.Option(metavar="N", min=1, help="How many faults that matter.")] = 60,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Which faults: the same for the same number.")] = 1,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the JSON goes, instead of the home.")] = None,
) -> None:
    """Put faults into your own quiet telemetry and see which are found.

    Nothing is broken and nothing is written back: the faults exist in copies. Prints what to expect for each kind of
    fault, and writes one JSON that `eval report` shows. Exits 2 where the telemetry is too short or not quiet.
    """
    if recording is not None and store is not None:
        raise typer.BadParameter("give --from or --store, not both", param_hint="--from")
    from watchkeeper import assembly, settings
    from watchkeeper.cli.screen import report_bug, say
    from watchkeeper.evaluation import history, provenance, running, self_evaluation

    chosen, at = settings.load(context.obj), datetime.now(UTC)
    hours = LAST_HOURS if last is None and recording is None else last
    with assembly.open_sources(chosen, recording, store) as sources:
        tables = self_evaluation.read(sources, None if hours is None else timedelta(hours=hours))
    name = recording.resolve().name if recording is not None else "own"
    system = self_evaluation.system_from(name, tables)
    suite, asked = self_evaluation.suite_of(system, cases, seed)
    card = running.run(suite, at=at, commit=provenance.commit(), say=say, keep_trace=report_bug)
    saved = history.keep(card, out or history.default_file(chosen.home, suite.name, at), chosen.home)
    rows, spots = self_evaluation.expected(card, asked), self_evaluation.blind_spots(system)
    components = self_evaluation.components_of(asked.planned)
    typer.echo(report_text(rows, spots, components, self_evaluation.span_of(system), saved))


def report_text(
    rows: Sequence["Expected"],
    spots: Sequence["BlindSpot"],
    components: Sequence[str],
    span: tuple[datetime, datetime],
    saved_at: Path,
) -> str:
    """What to expect, kind by kind, then where nothing can be expected."""
    import textwrap

    from watchkeeper.cli.screen import one_line

    named = one_line(", ".join(components), 300)
    minutes = (span[1] - span[0]).total_seconds() / 60
    head = f"{sum(r.cases for r in rows if r.kind != 'all')} faults put into {minutes:.0f} minutes of telemetry, at"
    lines = textwrap.wrap(f"{head} {named}", 80)
    title = f"{'fault':<{KIND}}{'cases':>6}{'noticed':>9}{'first':>7}{'in 3':>6}{'wrong':>7}{'unsure':>8}"
    lines += ["", f"{title}{'seconds':>9}  95 %"]
    lines += [_row(row) for row in rows]
    lines += ["", *_explained(any(row.kind == "faint" for row in rows))]
    if spots:
        lines += ["", "Blind spots: faults here would be seen only by their neighbours, or not at all"]
        lines += [f"  {one_line(f'{spot.component} {spot.reason}', 78)}" for spot in spots[:SPOTS]]
        lines += [f"  and {len(spots) - SPOTS} more"] if len(spots) > SPOTS else []
    return "\n".join([*lines, "", f"Run   {saved_at}"])


def _row(row: "Expected") -> str:
    low, high = row.first_interval
    seconds = "–" if row.seconds is None else f"{row.seconds:.0f}"
    counted = f"{row.cases:>6}{row.noticed:>9}{row.first:>7}{row.in_three:>6}{row.wrong:>7}{row.abstained:>8}"
    return f"{row.kind:<{KIND}}{counted}{seconds:>9}  {low:.2f}-{high:.2f}"


def _explained(has_faint: bool) -> list[str]:
    told = [
        "first, in 3: the true component was named first, or among three; wrong: another",
        "was named; unsure: it said that it cannot tell. 95 %: of the share named first.",
    ]
    return [*told, "faint: too small to matter by its own plan; not counted in `all`."] if has_faint else told
