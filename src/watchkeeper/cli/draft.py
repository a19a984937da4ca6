"""`watchkeeper draft`: what was drafted about a case, as it would be sent."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from watchkeeper.cli.screen import one_line, plain

if TYPE_CHECKING:
    from watchkeeper.domain import CaseFile, Draft

WIDTH = 80
LONGEST = 200_000
Kind = Literal["ticket", "incident-report", "post-mortem", "internal-update", "status-page"]


def draft(
    context: typer.Context,
    case: Annotated[str, typer.Argument(metavar="CASE", help="An incident, INC-2026-0042, or a case.json.")],
    kind: Annotated[Kind | None, typer.Option(help="Only that one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Text, fields and state of each as JSON.")] = False,
) -> None:
    """Print what was drafted about a case, such as its ticket.

    Markdown on stdout, as it would be sent; nothing is sent. Exits 2 where the case has no such draft.
    """
    import json

    from watchkeeper import assembly, settings

    found = _wanted(assembly.case(settings.load(context.obj), case), kind)
    if as_json:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in found], indent=2, ensure_ascii=True))
    elif kind is not None:
        typer.echo(plain(found[0].text, LONGEST).rstrip())
    else:
        typer.echo("\n".join(_headed(each) for each in found).rstrip())


def _wanted(case: "CaseFile", kind: Kind | None) -> "list[Draft]":
    from watchkeeper.errors import ConfigError

    name = case.incident.id
    if not case.drafts:
        raise ConfigError(f"{name} has no drafts: they are written when a case is diagnosed")
    found = [each for each in case.drafts if kind is None or _name(each) == kind]
    if not found:
        there = ", ".join(dict.fromkeys(_name(each) for each in case.drafts))
        why = " (nothing that reaches users was measured)" if kind == "status-page" else ""
        raise ConfigError(f"{name} has no {kind}{why}, only: {there}")
    return found


def _name(draft: "Draft") -> str:
    if draft.kind != "status-update":
        return draft.kind
    return "status-page" if draft.audience == "public" else "internal-update"


def _headed(draft: "Draft") -> str:
    by = f" by {draft.approved_by}" if draft.approved_by else ""
    head = one_line(f"== {_name(draft)}, {draft.audience}, {draft.state}{by} ", WIDTH)
    return f"{head:=<{WIDTH}}\n\n{plain(draft.text, LONGEST).rstrip()}\n"
