"""`watchkeeper runbook`: search, list and show runbooks, and make their index anew."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from watchkeeper.cli.screen import one_line, plain, say

if TYPE_CHECKING:
    from watchkeeper.knowledge import Hit, Problem, Runbook, Shelf, Step

WIDTH, NAME = 80, 20
EXCERPT = 6
"""Lines of the section that fits best."""
BAR = "  | "
"""Stands before every line that a runbook says: what is behind it was written by others."""

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Runbooks: what to do when it is known what is wrong."
)

Named = Annotated[str, typer.Argument(metavar="NAME", help="As `runbook list` prints it.")]


@app.command("search")
def search(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is wrong, in words; an error message will do.")],
    component: Annotated[str | None, typer.Option(metavar="S", help="The service that it is about.")] = None,
) -> None:
    """Find the runbooks that fit, the best first.

    The search knows words, not meanings. Where none fits it says so, and still exits 0: that is an answer.
    """
    from watchkeeper.knowledge import Query

    with _shelf(context) as shelf:
        hits = shelf.find(Query(text=text, component=component))
        lines = [line for hit in hits for line in _hit(hit)] if hits else _none(text, shelf)
    typer.echo("\n".join(lines))


@app.command("list")
def list_all(context: typer.Context) -> None:
    """List all runbooks, and what was passed over while reading them."""
    with _shelf(context) as shelf:
        typer.echo("\n".join([*map(_row, shelf.runbooks), *_passed_over(shelf.problems)]))


@app.command("show")
def show(
    context: typer.Context,
    name: Named,
    value: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Fill the steps, as service=cart.")
    ] = None,
) -> None:
    """Print one runbook, or its steps that apply, filled with what is set."""
    with _shelf(context) as shelf:
        runbook = shelf.get(name)
        body = _steps(runbook.steps(_values(value))) if value else _sections(runbook)
        typer.echo("\n".join([*_about(runbook), *body]))


@app.command("reindex")
def reindex(context: typer.Context) -> None:
    """Read every folder again and make the index anew."""
    with _shelf(context) as shelf:
        count = shelf.reindex()
        typer.echo("\n".join([f"{count} runbooks are indexed.", *_passed_over(shelf.problems)]))


def _shelf(context: typer.Context) -> "Shelf":
    from watchkeeper import settings
    from watchkeeper.knowledge import open_shelf

    return open_shelf(settings.load(context.obj), say)


def _values(pairs: list[str]) -> dict[str, str]:
    from watchkeeper.errors import QueryRejected
    from watchkeeper.knowledge.filling import NAMES

    values = {}
    for pair in pairs:
        name, is_pair, value = pair.partition("=")
        if not is_pair or name not in NAMES:
            raise QueryRejected(
                f"--set {one_line(pair, 80)}: expected NAME=VALUE with one of {', '.join(sorted(NAMES))}"
            )
        values[name] = value
    return values


def _hit(hit: "Hit") -> Iterator[str]:
    yield _wrapped(f"{one_line(hit.runbook.name, NAME * 2):<{NAME}} {one_line(hit.title)}", NAME + 1)
    yield _wrapped(f"  {one_line(hit.why, 300)}", 2)
    yield _wrapped(f"  {one_line(str(hit.path), 400)}", 2)
    lines = [line for raw in plain(hit.text, 1500).splitlines() if raw.strip() for line in _quoted(raw)]
    yield from lines[:EXCERPT]
    yield f"{BAR}…" if len(lines) > EXCERPT else ""
    if len(lines) > EXCERPT:
        yield ""


def _none(text: str, shelf: "Shelf") -> list[str]:
    return [
        _wrapped(f"No runbook fits “{one_line(text, 120)}”.", 0),
        _wrapped(f"There are {len(shelf.runbooks)}; `watchkeeper runbook list` names them.", 0),
    ]


def _row(runbook: "Runbook") -> str:
    kinds = f" ({', '.join(runbook.applies_to)})" if runbook.applies_to else ""
    return _wrapped(f"{one_line(runbook.name, NAME * 2):<{NAME}} {one_line(runbook.title)}{kinds}", NAME + 1)


def _about(runbook: "Runbook") -> Iterator[str]:
    yield _wrapped(one_line(runbook.title), 0)
    yield _wrapped(one_line(str(runbook.path), 400), 0)
    for label, said in (("for", runbook.applies_to), ("services", runbook.services)):
        if said:
            yield _wrapped(f"{label}: {one_line(', '.join(said), 400)}", 2)


def _sections(runbook: "Runbook") -> Iterator[str]:
    for section in runbook.sections:
        yield ""
        if section.heading:
            yield _wrapped(one_line(section.heading), 0)
        for raw in plain(section.text, 6000).splitlines():
            yield from _quoted(raw)


def _steps(steps: "tuple[Step, ...]") -> Iterator[str]:
    heading = None
    for step in steps:
        if step.section != heading:
            heading = step.section
            yield ""
            yield _wrapped(one_line(heading), 0)
        yield from _quoted(f"- {one_line(step.text, 1000)}")
        for command in step.commands:
            yield from _quoted(f"    {one_line(command, 1000)}")


def _passed_over(problems: "tuple[Problem, ...]") -> Iterator[str]:
    if problems:
        yield ""
        yield "Passed over"
        yield from (_wrapped(f"  - {one_line(problem.text, 500)}", 4) for problem in problems)


def _quoted(line: str) -> list[str]:
    indent = " " * min(len(line) - len(line.lstrip()), 8)
    return textwrap.wrap(
        line.strip(),
        WIDTH,
        initial_indent=f"{BAR}{indent}",
        subsequent_indent=f"{BAR}{indent}  ",
        break_on_hyphens=False,
    ) or [BAR.rstrip()]


def _wrapped(text: str, hanging: int) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * hanging, break_on_hyphens=False, replace_whitespace=False)
