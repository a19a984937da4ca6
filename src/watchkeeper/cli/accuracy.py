"""`watchkeeper accuracy`: how often the diagnoses were right, as a table or as JSON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watchkeeper.casebook.accuracy import Accuracy, Period
    from watchkeeper.casebook.calibration import Calibration
    from watchkeeper.casebook.figures import Delay, Share


def accuracy(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> None:
    """Say how often the diagnoses were right, and how soon they came.

    Counted over the cases that are kept and the verdicts that engineers gave, against what is wanted. The brackets
    hold the range in which the true share lies with 95 % confidence; few verdicts make it wide.
    """
    from watchkeeper import assembly, settings
    from watchkeeper.casebook.accuracy import accuracy as figures_of

    with assembly.open_records(settings.load(context.obj)) as records:
        histories = records.histories()
    figures = figures_of(histories)
    if as_json:
        typer.echo(figures.model_dump_json(indent=2))
    elif histories:
        typer.echo("\n".join(_lines(figures)))
    else:
        typer.echo("There are no cases yet, so there is nothing to count.")


def _lines(figures: "Accuracy") -> Iterator[str]:
    yield from _counted(figures)
    yield from ("", *_against_targets(figures.overall))
    yield from ("", *_by_week(figures))
    yield from ("", *_probabilities(figures.calibration))


def _counted(figures: "Accuracy") -> Iterator[str]:
    counts = figures.overall.counts
    yield f"{counts.incidents} {'case' if counts.incidents == 1 else 'cases'}, answered {_share(figures.answered)}"
    yield f"  judged       {counts.confirmed} confirmed, {counts.partly} partly, {counts.wrong} wrong"
    yield f"  not judged   {counts.unjudged}"
    yield f"  no answer    {counts.abstained} abstained (inconclusive), {counts.failed} failed (no diagnosis)"


def _against_targets(period: "Period") -> Iterator[str]:
    yield f"{'':<22}{'so far':<34}wanted"
    for name, share in (
        ("Diagnosis accuracy", period.diagnosis_accuracy),
        ("Auto-filing accuracy", period.filing_accuracy),
    ):
        yield f"{name:<22}{_share(share) or 'no verdict yet':<34}{f'> {share.target:.0%}':<10}{share.standing}"
    for name, delay in (("Time to detect", period.time_to_detect), ("Time to diagnose", period.time_to_diagnose)):
        target = f"< {delay.target_minutes:.0f} min"
        yield f"{name:<22}{_delay(delay):<34}{target:<10}{delay.standing}"


def _by_week(figures: "Accuracy") -> Iterator[str]:
    yield f"{'week':<10}{'cases':>6}  {'diagnosis':<18}{'auto-filing':<18}{'detect':>11}{'diagnose':>13}"
    for week in figures.weeks:
        now = week.figures
        accuracy, filing = _short(now.diagnosis_accuracy), _short(now.filing_accuracy)
        detect, diagnose = _mean(now.time_to_detect), _mean(now.time_to_diagnose)
        yield f"{week.week:<10}{now.counts.incidents:>6}  {accuracy:<18}{filing:<18}{detect:>11}{diagnose:>13}"


def _probabilities(stated: "Calibration") -> Iterator[str]:
    if stated.brier is None:
        yield "Stated probabilities: no cause has been judged yet"
        return
    causes = f"{stated.count} judged cause{'' if stated.count == 1 else 's'}"
    yield f"Stated probabilities of {causes}: Brier score {stated.brier:.2f}; 0 is perfect,"
    yield f"{stated.brier_of_the_mean:.2f} has whoever states the share that was confirmed every time"
    yield f"  {'stated':<14}{'on average':<12}confirmed"
    for each in stated.bins:
        if each.mean_probability is not None:
            between = f"{each.low:.0%} to {each.high:.0%}"
            yield f"  {between:<14}{each.mean_probability:<12.0%}{_share(each.confirmed)}"


def _share(share: "Share") -> str:
    """`7 of 9, 78% [45% to 94%]`; empty where there is nothing to divide by."""
    if share.value is None or share.low is None or share.high is None:
        return ""
    return f"{_short(share)}, {share.value:.0%} [{share.low:.0%} to {share.high:.0%}]"


def _short(share: "Share") -> str:
    return f"{share.part} of {share.whole}" if share.whole else "-"


def _delay(delay: "Delay") -> str:
    if delay.mean_minutes is None:
        return "no case with both times yet"
    return f"mean {_mean(delay)}, {_short(delay.in_time)} in time"


def _mean(delay: "Delay") -> str:
    return "-" if delay.mean_minutes is None else f"{delay.mean_minutes:,.1f} min"
