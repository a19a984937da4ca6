"""`watchkeeper routes`: which rule a case was routed by and why, and whether every rule can be reached."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchkeeper.cli.screen import one_line

if TYPE_CHECKING:
    from watchkeeper.routing.assignment import Explanation
    from watchkeeper.routing.routes import Routing
    from watchkeeper.routing.trials import Trial
    from watchkeeper.settings import Settings

WIDTH, LABEL, NAMES = 80, 10, 28
CAN_NEVER_MATCH = 2

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who gets which case, by which rule.")

File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Routes instead of $WATCHKEEPER_HOME/config/routes.yaml.")
]


@app.command("explain")
def explain_case(
    context: typer.Context,
    case: Annotated[str, typer.Argument(metavar="CASE", help="An incident, INC-2026-0042, or a case.json.")],
    file: File = None,
) -> None:
    """Say how severe a case is, which route took it, and why."""
    from watchkeeper import assembly, catalogue, settings
    from watchkeeper.errors import ConfigError
    from watchkeeper.routing import assignment

    chosen = settings.load(context.obj)
    found = assembly.case(chosen, case)
    if found.latest is None:
        raise ConfigError(f"{found.incident.id} was not diagnosed yet: there is nothing to route")
    explained = assignment.explain(found, catalogue.load(chosen.home), _routing(chosen, file))
    typer.echo("\n".join(_explained(found.incident.id, explained)))


@app.command("test")
def try_routes(context: typer.Context, file: File = None) -> None:
    """Try every route, and say what can never happen.

    Exits 2 where a route can never match. Doubts (services that nobody described, channels that are missing) do not
    count.
    """
    from watchkeeper import catalogue, settings
    from watchkeeper.routing import trials

    chosen = settings.load(context.obj)
    routing, known = _routing(chosen, file), catalogue.load(chosen.home)
    tried = trials.try_routes(routing, known)
    typer.echo("\n".join([*_tried(tried), *_doubted(trials.doubts(routing, known))]))
    if not all(trial.is_reached for trial in tried):
        raise typer.Exit(CAN_NEVER_MATCH)


def _routing(chosen: "Settings", file: Path | None) -> "Routing":
    from watchkeeper.routing import routes

    return routes.load(chosen.home) if file is None else routes.read(file)


def _explained(incident: str, explained: "Explanation") -> Iterator[str]:
    assigned = explained.assignment
    yield f"{incident}: {assigned.severity}, {one_line(assigned.team)}, by the route `{one_line(assigned.route)}`"
    yield ""
    yield _field("Severity", explained.severity_from)
    for fired in explained.judged.fired:
        yield _field("", f"{fired.severity}: {fired.text}")
    yield _field("Team", f"{assigned.team}: {explained.team_from}")
    yield _field("Owner", assigned.owner or "nobody is named")
    yield _field("Actions", ", ".join(assigned.actions) or "none")
    if "channel" in assigned.actions:
        yield _field("Channels", ", ".join(assigned.channels) or "none is named")
    yield ""
    yield "Routes, in order"
    marks = {"chosen": "=>", "refined": "+", "not-matched": "-", "not-reached": "."}
    for each in explained.routes:
        yield _row(marks[each.outcome], each.depth, each.route, each.because)
    yield ""
    yield "=> decides   + takes it, refined below   - does not match   . not reached"


def _tried(tried: "tuple[Trial, ...]") -> Iterator[str]:
    for trial in tried:
        if trial.is_reached:
            yield _row("ok", trial.depth, trial.route, _example(trial))
        else:
            yield _row("NO", trial.depth, trial.route, f"can never match: {trial.because}")


def _example(trial: "Trial") -> str:
    """A case that the route takes, by what the route asks."""
    facts = trial.example
    if facts is None or not trial.asks:
        words = "every case"
    else:
        named = {**facts.model_dump(), "when": f"{facts.at:%a %H:%M %Z}"}
        words = ", ".join(f"{name} {named[name]}" for name in trial.asks)
    then = ", ".join(trial.actions) or "nothing"
    return f"{words} -> {then}" if trial.decides else f"{words}; a route under it always decides"


def _doubted(doubts: tuple[str, ...]) -> Iterator[str]:
    if doubts:
        yield ""
        yield "Perhaps not as it was meant"
        yield from (_wrapped(f"  - {one_line(doubt, 400)}", 4) for doubt in doubts)


def _row(mark: str, depth: int, name: str, text: str) -> str:
    begin = f"  {mark:<3} {'  ' * min(depth, 5)}{one_line(name, NAMES - 2 * min(depth, 5))}"
    return _wrapped(f"{begin:<{NAMES + 7}} {one_line(text, 400)}", NAMES + 8)


def _field(label: str, text: str) -> str:
    return _wrapped(f"{label:<{LABEL}}{one_line(text, 2000)}", LABEL)


def _wrapped(text: str, hanging: int) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * hanging, break_on_hyphens=False, replace_whitespace=False)
