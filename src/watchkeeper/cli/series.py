"""`watchkeeper drill series` and `score`: many drills, each scored, each a line of a file that goes on another day."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watchkeeper.evaluation.drills import Row


def run_series(
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many, over all kinds in turn.")] = 27,
    seed: Annotated[int, typer.Option(metavar="N", help="The first one's; each has the next.")] = 1000,
    minutes: Annotated[float, typer.Option(metavar="M", help="How long each runs.")] = 6.0,
    side_by_side: Annotated[int, typer.Option(metavar="N", min=1, help="How many shops at once.")] = 2,
    results: Annotated[Path, typer.Option(metavar="FILE", help="The file that is added to.")] = Path("drills.csv"),
    record: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep telemetry and truth there.")] = None,
) -> None:
    """Run many drills and score the diagnoses.

    A drill that could not be run is said and has no line; wrong answers have one.
    """
    from watchkeeper.cli.drill import folder_for, needs_the_lab
    from watchkeeper.cli.screen import say

    with needs_the_lab():
        from watchkeeper.evaluation import drills, recording

    rows: list[Row] = []
    plans = recording.planned(count, seed, minutes)
    with folder_for(record) as folder:
        for done in recording.record_series(plans, folder, side_by_side, say):
            row, _ = drills.score(done)
            drills.append_rows([row], results)
            say(f"{len(rows) + 1}/{count}  {row.run}: {_outcome(row)}")
            rows.append(row)
    typer.echo(summary(rows, count))


def score_recorded(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR…", help="Recorded drills, or folders of them.")],
    results: Annotated[Path | None, typer.Option(metavar="FILE", help="A file that the lines are added to.")] = None,
) -> None:
    """Score drills that were recorded before.

    Exits 2 where a folder holds no recorded drill.
    """
    from watchkeeper.cli.drill import needs_the_lab
    from watchkeeper.cli.screen import say

    with needs_the_lab():
        from watchkeeper.evaluation import drills, recording

    found = recording.recorded_in(folders)
    rows: list[Row] = []
    for folder in found:
        row, _ = drills.score(folder)
        say(f"{len(rows) + 1}/{len(found)}  {row.run}: {_outcome(row)}")
        rows.append(row)
    if results is not None:
        drills.append_rows(rows, results)
    typer.echo(summary(rows, len(found)))


def _outcome(row: "Row") -> str:
    if row.status == "no-alarm":
        return "nothing was noticed, rightly" if row.hit else "nothing was noticed"
    named = f"{row.answer} ({row.answer_kind})" if row.answer else "no cause"
    return f"{row.status}, {named}, {'right' if row.hit else 'wrong'}"


def summary(rows: Sequence["Row"], count: int) -> str:
    """The series in figures, those that could not be run counted apart."""
    faults = [row for row in rows if row.service]
    quiet = [row for row in rows if not row.service]
    services = {row.service for row in faults}
    lines = {
        "drills": f"{len(rows)} of {count} ran, {len({row.kind for row in rows})} kinds, {len(services)} services",
        "right service first": _share(sum(row.hit for row in faults), len(faults)),
        "innocent change blamed": _share(sum(row.innocent_blamed for row in rows), len(rows)),
        "noticed in time": _share(sum(row.in_time for row in faults), len(faults)),
        "quiet runs left alone": _share(sum(row.hit for row in quiet), len(quiet)),
        "false alarms before": str(sum(row.false_alarms for row in faults)),
        "slowest diagnosis": f"{max((row.diagnosis_seconds or 0.0 for row in rows), default=0.0):.1f} s",
    }
    return "\n".join(f"{name:<24}{value}" for name, value in lines.items())


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({part / whole:.0%})" if whole else "")
