"""`watchkeeper doctor`: what is configured, what answers, what is missing, and what to do about it."""

import typer


def doctor(context: typer.Context) -> None:
    """Say what is configured, what answers, what is missing and what to do; exits 0 when usable."""
    from watchkeeper import assembly, settings

    findings = assembly.examine(settings.load(context.obj))
    for finding in findings:
        typer.echo(f"{finding.mark:<8} {finding.what}")
        if finding.todo:
            typer.echo(f"{'':<8} -> {finding.todo}")
    if any(finding.mark == "broken" for finding in findings):
        raise typer.Exit(1)
