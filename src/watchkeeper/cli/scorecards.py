"""Runs of suites as text for a terminal of 80 columns: counts, shares with intervals, baselines beside them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from watchkeeper.cli.screen import one_line

if TYPE_CHECKING:
    from watchkeeper.evaluation.comparing import Comparison
    from watchkeeper.evaluation.history import Entry
    from watchkeeper.evaluation.scorecard import Group, Result, Scorecard

NAME, GROUP, WORTH = 20, 24, 28
GROUPS = 12
"""How many groups are printed; all are in the run's file."""


def card_text(card: "Scorecard", saved_at: Path) -> str:
    """One run: how its cases ended, its figures, the baselines, and the groups that have more than one case."""
    from watchkeeper.evaluation.figures import figures_of

    sections = [
        _head(card),
        "\n".join(f"{name:<{NAME}}{value:>8}   {interval}".rstrip() for name, value, interval in figures_of(card)),
        _baselines(card),
        _reliability(card),
        _calibrations(card),
        _groups("by kind", card.by_kind),
        _groups("by system", card.by_system if len(card.by_system) > 1 else {}),
        _groups("by true cause", card.by_truth if 2 * len(card.by_truth) <= card.cases else {}),
        _failures(card),
        f"{'Run':<6}{saved_at}",
    ]
    return "\n\n".join(section for section in sections if section)


def history_text(entries: Sequence["Entry"]) -> str:
    """All runs, the oldest first."""
    if not entries:
        return "no suite has been run yet; begin with `watchkeeper eval run drills`"
    lines = [f"{'when (UTC)':<17}{'suite':<26}{'commit':<9}{'cases':>5}{'cover':>7}{'top1':>7}{'forced':>7}"]
    for run in entries:
        is_told = run.data is not None and run.data.startswith(run.suite)
        name = " ".join(filter(None, ("" if is_told else run.suite, run.data)))
        aside = f" -{','.join(run.without)}" if run.without else ""
        aside += f" +{run.alert_delay_seconds:g}s" if run.alert_delay_seconds else ""
        aside += f" <{run.until_seconds:g}s" if run.until_seconds is not None else ""
        aside += f" -{run.missing_edges_percent:g}%" if run.missing_edges_percent is not None else ""
        aside += f" !{run.failed}" if run.failed else ""
        lines.append(
            f"{run.at.astimezone(UTC):%Y-%m-%d %H:%M} {one_line(name + aside, 25):<26}{one_line(run.commit, 8):<9}"
            f"{run.cases:>5}{run.coverage:>7.2f}{run.top1:>7.2f}{run.forced_top1:>7.2f}"
        )
    return "\n".join(lines)


def comparison_text(compared: "Comparison", before: str, after: str) -> str:
    """What flipped from one run to another, and whether it is more than noise."""
    n = compared.cases
    p = "p < 0.001" if compared.p < 0.001 else f"p = {compared.p:.3f}"
    told = "more than noise" if compared.p < 0.05 else "could be noise"
    lines = [
        f"{one_line(before, 60)}: top1 {compared.hits_before} of {n}",
        f"{one_line(after, 60)}: top1 {compared.hits_after} of {n}",
        f"{compared.won} won, {compared.lost} lost; {p} (McNemar, exact, two-sided): {told}",
    ]
    for flip in compared.flips:
        lines.append("")
        lines.append(f"{'won' if flip.is_won else 'lost':<5}{one_line(flip.after.case, 74)}")
        lines.append(f"     truth {one_line(flip.after.truth, 68)}")
        lines.append(f"     {one_line(f'{_said(flip.before)} -> {_said(flip.after)}', 75)}")
    for which, names in (("first", compared.only_before), ("second", compared.only_after)):
        if names:
            lines.append(f"{len(names)} cases are only in the {which}, such as {one_line(names[0], 40)}")
    return "\n".join(lines)


def _head(card: "Scorecard") -> str:
    from watchkeeper.evaluation.figures import conditions_of

    name = f"{card.suite} {card.data or ''}".strip()
    aside = f", model ({card.graph})" if card.graph else ""
    aside += f", without {', '.join(card.without)}" if card.without else ""
    aside += f", the first {card.limit}" if card.limit else ""
    took = card.seconds_per_case
    return "\n".join(
        [
            f"{one_line(name, 60)}: {card.cases} cases{aside}",
            *conditions_of(card),
            f"answered {card.answered}, none {card.none}, abstained {card.abstained}, failed {card.failed}; "
            f"{took.median:.1f} s a case, p95 {took.p95:.1f} s",
        ]
    )


def _baselines(card: "Scorecard") -> str:
    from watchkeeper.evaluation.figures import baselines_of

    lines = [f"{'baseline':<{NAME}}{'top1':>8}{'top3':>8}{'top5':>8}   95 % of top1"]
    lines += [f"{n:<{NAME}}{top1:>8}{top3:>8}{top5:>8}   {aside}" for n, top1, top3, top5, aside in baselines_of(card)]
    return "\n".join(lines)


def _reliability(card: "Scorecard") -> str:
    from watchkeeper.evaluation.figures import reliability_of, risks_of

    rows = reliability_of(card)
    if card.calibration is None or not rows:
        return ""
    lines = [f"{'stated probability':<{GROUP}}{'cases':>6}{'stated':>8}{'right':>7}   95 % of right"]
    lines += [f"{name:<{GROUP}}{cases:>6}{stated:>8}{right:>7}   {aside}" for name, cases, stated, right, aside in rows]
    risks = "   ".join(f"{covered} {risk}" for covered, risk in risks_of(card.calibration))
    return "\n".join([*lines, f"wrong of the surest   {risks}"])


def _calibrations(card: "Scorecard") -> str:
    from watchkeeper.evaluation.figures import calibrations_of

    rows = list(calibrations_of(card))
    if not rows:
        return ""
    head = (
        f"{'what probabilities are worth':<{WORTH}}{'n':>4}{'brier':>7}{'base':>6}{'skill':>7}{'sure':>6}{'right':>7}"
    )
    lines = [f"{head}   95 %"]
    for name, cases, brier, base, skill, sure, right, aside in rows[:GROUPS]:
        figures = f"{cases:>4}{brier:>7}{base:>6}{skill:>7}{sure:>6}{right:>7}   {aside}"
        lines.append(f"{one_line(name, WORTH - 1):<{WORTH}}{figures}".rstrip())
    if len(rows) > GROUPS:
        lines.append(f"and {len(rows) - GROUPS} more")
    return "\n".join(lines)


def _groups(title: str, groups: Mapping[str, "Group"]) -> str:
    if len(groups) < 2:
        return ""
    head = f"{title:<{GROUP}}{'cases':>6}{'top1':>7}{'top3':>7}{'forced1':>9}{'forced3':>9}   95 % of top1"
    return "\n".join([head, *_rows(groups)])


def _rows(groups: Mapping[str, "Group"]) -> Iterator[str]:
    from watchkeeper.evaluation.figures import between

    for name, g in list(groups.items())[:GROUPS]:
        figures = f"{g.cases:>6}{g.top1:>7.2f}{g.top3:>7.2f}{g.forced_top1:>9.2f}{g.forced_top3:>9.2f}"
        yield f"{one_line(name, GROUP - 1):<{GROUP}}{figures}   {between(g.intervals['top1'])}"
    if len(groups) > GROUPS:
        yield f"and {len(groups) - GROUPS} more"


def _failures(card: "Scorecard") -> str:
    return "\n".join(one_line(f"failed {r.case}: {r.reason}", 80) for r in card.results if r.status == "failed")


def _said(result: "Result") -> str:
    first = f" {result.ranked[0][:24]}" if result.ranked else ""
    return f"{result.status}{first}"
