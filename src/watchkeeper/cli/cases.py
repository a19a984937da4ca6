"""`watchkeeper cases`, `case show` and `verdict`: what is kept of cases, and what engineers say about them."""

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from watchkeeper.domain import CaseFile
    from watchkeeper.records.summaries import CaseSummary, Judgement

WIDTH = 80
LIMIT = 50
Judged = Literal["confirmed", "partly", "wrong"]
Ticket = Literal["valid", "false-alarm"]

case_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at one case.")


def cases(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(metavar="STATE", help="Only those in it, such as open.")] = None,
    service: Annotated[str | None, typer.Option(metavar="S", help="Only those of this service.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many.")] = LIMIT,
) -> None:
    """List the cases that are kept, the latest first."""
    from typing import get_args

    from watchkeeper import assembly, settings
    from watchkeeper.domain import IncidentState

    if state is not None and state not in get_args(IncidentState):
        raise typer.BadParameter(f"expected one of {', '.join(get_args(IncidentState))}", param_hint="--state")
    with assembly.open_records(settings.load(context.obj)) as records:
        found = records.cases(limit + 1, state, service)
    if not found:
        typer.echo("There is no such case." if state or service else "There are no cases yet.")
        return
    typer.echo("\n".join(_table(found[:limit])))
    if len(found) > limit:
        typer.echo(f"… and more: ask for them with --limit {2 * limit}")


@case_app.command("show")
def show_case(
    context: typer.Context,
    incident_id: Annotated[str, typer.Argument(metavar="CASE", help="Its id, such as INC-2026-0001.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole case file as JSON.")] = False,
) -> None:
    """Print a case: its latest diagnosis, those before it, its verdicts."""
    from pathlib import Path

    from watchkeeper import assembly, settings
    from watchkeeper.cli import show

    chosen = settings.load(context.obj)
    with assembly.open_records(chosen) as records:
        case, judgements, name = records.case(incident_id), records.verdicts(incident_id), records.name
    if as_json:
        typer.echo(assembly.as_json(case))
        return
    file = chosen.home / "cases" / incident_id / "case.json"
    sections = [show.case_text(case, file if file.exists() else Path(name)), _earlier(case), _verdicts(judgements)]
    typer.echo("\n\n".join(section for section in sections if section))


def verdict(
    context: typer.Context,
    incident_id: Annotated[str, typer.Argument(metavar="CASE", help="Its id, such as INC-2026-0001.")],
    judged: Annotated[Judged, typer.Argument(metavar="JUDGED", help="Whether the diagnosis was right.")],
    cause: Annotated[str | None, typer.Option(metavar="C", help="The true cause, or `unknown`.")] = None,
    onset: Annotated[str | None, typer.Option(metavar="TIME", help="When it truly began: ISO 8601, a zone.")] = None,
    ticket: Annotated[Ticket | None, typer.Option(help="What the ticket turned out to be.")] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who judges, instead of the login name.")] = None,
    number: Annotated[
        int | None, typer.Option("--diagnosis", metavar="N", min=0, help="Which, from 0; the latest if not said.")
    ] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="What else is to be remembered.")] = None,
) -> None:
    """Say whether a diagnosis was right.

    It is kept for good, and counts in `watchkeeper accuracy`; the latest verdict on a case is the one that counts.
    A verdict of `wrong` needs --cause.
    """
    if judged == "wrong" and _typed(cause) is None:
        raise typer.BadParameter("a verdict of `wrong` names the true cause, or `unknown`", param_hint="--cause")
    now = datetime.now(UTC)
    began, judge = _past(onset, now), _typed(by) or _login()
    from watchkeeper import assembly, settings
    from watchkeeper.cli.screen import say
    from watchkeeper.domain import Verdict
    from watchkeeper.errors import QueryRejected

    chosen = settings.load(context.obj)
    with assembly.open_records(chosen) as records:
        case = records.case(incident_id)
        if not case.diagnoses:
            raise QueryRejected(f"{incident_id} has no diagnosis to judge yet")
        given = Verdict(
            diagnosis=len(case.diagnoses) - 1 if number is None else number,
            judged=judged,
            by=judge,
            at=now,
            true_cause=_typed(cause),
            true_onset=began,
            ticket=ticket,
        )
        records.add_verdict(incident_id, given, _typed(note))
        judged_case = records.case(incident_id)
    assembly.save_case(chosen, judged_case, say)
    meant = case.diagnoses[given.diagnosis].headline
    truly = f" The true cause: {_safe(given.true_cause)}." if given.true_cause else ""
    told = f"{incident_id}, diagnosis {given.diagnosis}: {judged} by {judge}.{truly} It said: {_safe(meant)}"
    typer.echo(_filled(told))


def _table(found: list["CaseSummary"]) -> Iterator[str]:
    yield f"{'case':<13}  {'noticed (UTC)':<16}  {'':<2}  {'service':<16}  {'state':<13}  verdict"
    for each in found:
        noticed, service = f"{each.opened_at.astimezone(UTC):%Y-%m-%d %H:%M}", _safe(each.service or "-", 16)
        begin = f"{each.incident_id:<13}  {noticed}  {each.severity or '-':<2}  {service:<16}"
        yield f"{begin}  {each.state:<13}  {each.judged or '-'}"
        yield f"  {_safe(each.headline or 'not diagnosed yet', WIDTH - 2)}"


def _earlier(case: "CaseFile") -> str:
    """The diagnoses before the latest, a line or two each; empty where there is only one."""
    from watchkeeper.cli.show import clock

    lines = [
        _filled(f"  {number}  {clock(each.at)}, {_safe(each.occasion, 40)}: {_safe(each.headline)}", 5)
        for number, each in enumerate(case.diagnoses[:-1])
    ]
    return "\n".join(["Diagnosed before", *lines]) if lines else ""


def _verdicts(judgements: list["Judgement"]) -> str:
    from watchkeeper.cli.show import clock

    lines = []
    for each in judgements:
        given = each.verdict
        text = f"diagnosis {given.diagnosis} {given.judged} by {_safe(given.by, 60)} at {clock(given.at)}"
        told = {
            "true cause": given.true_cause,
            "true onset": clock(given.true_onset) if given.true_onset else None,
            "ticket": given.ticket,
            "note": each.note,
        }
        text += "".join(f"; {name}: {_safe(value)}" for name, value in told.items() if value)
        lines.append(_filled(f"  - {text}", 4))
    return "\n".join(["Verdicts", *lines]) if lines else ""


def _past(text: str | None, now: datetime) -> datetime | None:
    from watchkeeper.cli.diagnose import moment

    if text is None:
        return None
    try:
        time = moment(text)
    except typer.BadParameter as error:
        error.param_hint = "--onset"
        raise
    if time > now:
        raise typer.BadParameter("expected a time that has passed: nothing began in the future", param_hint="--onset")
    return time


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise typer.BadParameter("this user has no name here: say who judges", param_hint="--by") from error


def _typed(text: str | None) -> str | None:
    """What a person typed, without what cannot be shown or kept; None where nothing is left."""
    return _safe(text, 1000).strip() or None if text else None


def _safe(text: str, limit: int = 400) -> str:
    from watchkeeper.cli.screen import one_line

    return one_line(text, limit)


def _filled(text: str, hanging: int = 0) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * hanging, break_on_hyphens=False)
