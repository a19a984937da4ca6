"""A case file as text for a terminal of 80 columns: the sentence first, then what it rests on."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from watchkeeper.cli.progress import counted
from watchkeeper.cli.screen import one_line
from watchkeeper.domain import (
    Affected,
    Assignment,
    CaseFile,
    Change,
    Claim,
    Diagnosis,
    Evidence,
    Hypothesis,
    ReleaseVerdict,
    Scope,
)

WIDTH = 80
NOT_KEPT = "not kept in a folder: it cannot be written"
LABEL = 10
HYPOTHESES, AFFECTED, PORTIONS, CLAIMS, EVIDENCE = 3, 10, 5, 6, 40
"""How many of each are printed; the rest is counted, and is in the case's file."""


def case_text(case: CaseFile, saved_at: Path | None) -> str:
    """The latest diagnosis of a case and the evidence behind it; text from outside is made harmless."""
    diagnosis = case.latest
    if diagnosis is None:
        return f"{case.incident.id} has not been diagnosed yet\n\n{'Case':<{LABEL}}{saved_at or NOT_KEPT}"
    sections = [
        _wrapped(one_line(diagnosis.headline, 400)),
        _summary(diagnosis, case.assignment),
        _section("Who is affected", _affected(diagnosis.scope)),
        _section("What it is about", _portions(diagnosis.scope)),
        _section("Causes considered", _hypotheses(diagnosis)),
        _section("What the model adds", (_item("-", one_line(text, 400)) for text in diagnosis.explanation)),
        _section("What could not be seen", (_item("-", gap) for gap in diagnosis.gaps)),
        _section("Claims that did not hold", _struck(diagnosis)),
        _section("Evidence", _evidence(case.evidence, cited(diagnosis))),
        "\n".join([_field("Took", _cost(diagnosis)), f"{'Case':<{LABEL}}{saved_at or NOT_KEPT}"]),
    ]
    return "\n\n".join(part for part in sections if part)


def clock(time: datetime) -> str:
    """A time as people read it, in UTC to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _assigned(assignment: Assignment | None) -> Iterator[str]:
    if assignment is None:
        return
    what = ", ".join(assignment.actions) or "nothing"
    where = f" ({', '.join(assignment.channels)})" if assignment.channels else ""
    yield _field("Severity", f"{assignment.severity}, to {assignment.team}: {what}{where}; route {assignment.route}")
    yield _field("", assignment.reason)


def _summary(diagnosis: Diagnosis, assignment: Assignment | None) -> str:
    lines = [_field("Status", _status(diagnosis))]
    if diagnosis.inconclusive_because:
        lines.append(_field("Because", diagnosis.inconclusive_because))
    if diagnosis.scope.since:
        give = diagnosis.scope.onset_uncertainty_seconds
        lines.append(_field("Since", clock(diagnosis.scope.since) + (f" ± {give:g} s" if give is not None else "")))
    lines.append(_field("Release", _release(diagnosis.release)))
    lines += _assigned(assignment)
    if diagnosis.suggested_fix:
        lines.append(_field("Fix", diagnosis.suggested_fix))
    if diagnosis.status == "diagnosed":
        command = diagnosis.reproduction.command if diagnosis.reproduction else "none found"
        lines.append(_field("Reproduce", command))
    lines += [_field("Changed", text) for text in diagnosis.changed]
    lines += [_field("Note", note) for note in diagnosis.notes]
    lines += [_field("Waits for", text) for text in diagnosis.waits_for]
    lines += [_field("To settle", text) for text in diagnosis.settling[:HYPOTHESES]]
    return "\n".join(lines)


def _status(diagnosis: Diagnosis) -> str:
    words = {"diagnosed": "diagnosed", "nothing-wrong": "nothing wrong was found", "inconclusive": "inconclusive"}
    text = words[diagnosis.status]
    if diagnosis.hypotheses:
        sure = f"{diagnosis.hypotheses[0].probability:.0%}"
        text += f", {sure} sure" if diagnosis.status == "diagnosed" else f", the first of the causes at {sure}"
    return text


def _release(verdict: ReleaseVerdict) -> str:
    status = {"caused": "caused by", "not-release-related": "not release-related", "undetermined": "undetermined"}
    name = f" {_change(verdict.change)}" if verdict.change else ""
    return f"{status[verdict.status]}{name}: {verdict.reason}"


def _change(change: Change) -> str:
    version = f" {change.version}" if change.version else ""
    author = f" by {change.author}" if change.author else ""
    return f"{change.kind} {change.service}{version}{author} at {clock(change.began_at)} ({change.id})"


def _affected(scope: Scope) -> Iterator[str]:
    if not scope.affected:
        return
    yield f"  {'service':<15} {'endpoint':<25} {'requests':>8} {'errors':>7} {'p95':>8} {'usual':>8}"
    for row in scope.affected[:AFFECTED]:
        yield _affected_row(row)
    yield from _more(len(scope.affected) - AFFECTED)


def _affected_row(row: Affected) -> str:
    share = f"{row.errors / row.requests:.1%}" if row.requests else "-"
    name, operation = one_line(row.service, 15), one_line(row.operation or "all", 25)
    p95, usual = _milliseconds(row.p95_ms), _milliseconds(row.usual_p95_ms)
    return f"  {name:<15} {operation:<25} {row.requests:>8,} {share:>7} {p95:>8} {usual:>8}"


def _portions(scope: Scope) -> Iterator[str]:
    for portion in scope.portions[:PORTIONS]:
        share = f"{portion.errors:,} of {portion.requests:,} requests failed"
        if portion.errors == 0:
            share = f"{portion.requests:,} requests, p95 {_milliseconds(portion.p95_ms)}"
            share += f", usually {_milliseconds(portion.usual_p95_ms)}" if portion.usual_p95_ms is not None else ""
        what = "all requests" if portion.attribute == "service.name" else f"{portion.attribute} = {portion.value}"
        yield _item("-", f"{portion.service}, {what}: {share}{f' [{portion.evidence}]' if portion.evidence else ''}")
    yield from _more(len(scope.portions) - PORTIONS)
    if scope.users is not None:
        users = scope.users
        cited = f" [{users.evidence}]" if users.evidence else ""
        yield _item("-", f"{users.affected:,} of {users.seen:,} users ({users.attribute}) met {users.met}{cited}")


def _struck(diagnosis: Diagnosis) -> Iterator[str]:
    for struck in diagnosis.struck[:CLAIMS]:
        yield _item("x", f"{struck.claim.text}: {struck.because} [{struck.claim.evidence}]")
    yield from _more(len(diagnosis.struck) - CLAIMS)


def _milliseconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def _hypotheses(diagnosis: Diagnosis) -> Iterator[str]:
    for rank, hypothesis in enumerate(diagnosis.hypotheses[:HYPOTHESES], start=1):
        yield _item(f"{rank}.", _cause(hypothesis))
        yield from _claims("+", hypothesis.claims)
        yield from _claims("-", hypothesis.against)
    yield from _more(len(diagnosis.hypotheses) - HYPOTHESES)


def _cause(hypothesis: Hypothesis) -> str:
    parts = [f"{hypothesis.probability:.0%}  {hypothesis.component}: {hypothesis.kind}"]
    if hypothesis.dependency:
        parts.append(f"waiting for {hypothesis.dependency}")
    if hypothesis.change:
        parts.append(_change(hypothesis.change))
    if hypothesis.onset:
        parts.append(f"since {clock(hypothesis.onset)}")
    return ", ".join(parts)


def _claims(sign: str, claims: Sequence[Claim]) -> Iterator[str]:
    for claim in claims[:CLAIMS]:
        yield _item(sign, f"{claim.text} [{claim.evidence}]", indent=5)
    yield from (f"   {line}" for line in _more(len(claims) - CLAIMS))


def cited(diagnosis: Diagnosis) -> set[str]:
    """The numbers of the evidence that the diagnosis, as it is printed, points to."""
    scope = diagnosis.scope
    claims = [c for h in diagnosis.hypotheses[:HYPOTHESES] for c in (*h.claims[:CLAIMS], *h.against[:CLAIMS])]
    numbers = {claim.evidence for claim in claims} | {figure.evidence for figure in diagnosis.figures}
    numbers |= {each.evidence for each in scope.portions[:PORTIONS]} | {each.evidence for each in scope.affected}
    numbers |= {each.evidence for each in scope.measured} | {scope.users.evidence if scope.users else None}
    return {number for number in numbers if number}


def _evidence(evidence: Sequence[Evidence], pointed_at: set[str]) -> Iterator[str]:
    """What is pointed at, and what could not be answered; the rest is counted."""
    shown = [item for item in evidence if item.id in pointed_at or item.status == "failed"]
    for item in shown[:EVIDENCE]:
        yield _item(f"{item.id:<4} {item.status:<6} {_rows(item):>10}", item.failure or item.question, limit=300)
    yield from _more(len(evidence) - min(len(shown), EVIDENCE))


def _rows(item: Evidence) -> str:
    return counted(item.rows.total, "row") if item.status == "found" else ""


def _cost(diagnosis: Diagnosis) -> str:
    cost = diagnosis.cost
    text = f"{cost.seconds:.1f} s, {cost.queries} queries, engine: {cost.engine}"
    if cost.engine == "rules":
        return text
    if cost.calls == 0:
        return f"{text} (no call of it was answered)"
    model = one_line(cost.model or "unknown", 40)
    calls, claims = counted(cost.calls, "call"), counted(cost.claims_made, "claim")
    # A model of one's own costs nothing, and neither does one whose price nobody has set.
    price = f"{cost.usd:.4f} USD" if cost.usd else "no price set"
    asked = f"{calls} of {model} ({cost.graph}), {counted(cost.tokens, 'token')}, {price}"
    return f"{text}; {asked}; {claims} made, {cost.claims_struck} struck"


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"  … and {count} more in the case"


def _section(title: str, lines: Iterable[str]) -> str:
    body = list(lines)
    return "\n".join([title, *body]) if body else ""


def _field(label: str, text: str) -> str:
    return _wrapped(f"{label:<{LABEL}}{one_line(text, 1200)}", hanging=LABEL)


def _item(mark: str, text: str, indent: int = 2, limit: int = 600) -> str:
    begin = f"{' ' * indent}{mark} "
    return _wrapped(f"{begin}{one_line(text, limit)}", hanging=len(begin))


def _wrapped(text: str, hanging: int = 0) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * hanging, break_on_hyphens=False, replace_whitespace=False)
