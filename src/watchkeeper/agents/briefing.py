"""What a model is told first: the rules' diagnosis and what it rests on, bounded, redacted, and marked as quoted."""

from collections.abc import Iterable, Sequence

from watchkeeper.agents.events import line
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.domain import Affected, Claim, Diagnosis, Evidence, Hypothesis, Portion, Window
from watchkeeper.evidence.telling import CLOSE, OPEN, Clean, plain
from watchkeeper.redaction import redact

CHARACTERS = 6000
SMALLEST = 2400
CONTEXT_SHARE = 0.4
"""Characters of a briefing for each token of context, where the context is small."""
HYPOTHESES, CLAIMS, AFFECTED, PORTIONS = 3, 6, 6, 4
TOLD_SHARE = 0.7
"""How much of a briefing the diagnosis may take: the rest is for what evidence there is."""
WIDEST, COLUMNS = 400, 120
BEFORE = "_before"
LAST_LINE = "… and more: read_evidence shows any of e1 to {last}."


def characters_for(context_tokens: int) -> int:
    """How long a briefing may be for a model that holds so many tokens."""
    return max(SMALLEST, min(CHARACTERS, int(context_tokens * CONTEXT_SHARE)))


def briefing(
    dossier: Dossier, evidence: Sequence[Evidence], characters: int = CHARACTERS, clean: Clean = redact
) -> str:
    """The dossier in at most that many characters; evidence is listed as far as there is room, what is cited first."""
    told = [plain(each, clean, WIDEST) for each in _told(dossier)]
    room = characters - len(OPEN) - len(CLOSE) - 2
    kept = list(_fitting(told, int(room * TOLD_SHARE)))
    room -= sum(len(each) + 1 for each in kept)
    listed = [plain(each, clean, WIDEST) for each in _listed(evidence, dossier.rules)]
    last = LAST_LINE.format(last=evidence[-1].id) if evidence else ""
    shown = list(_fitting(listed, room - len(last) - 1))
    shown += [last] if len(shown) < len(listed) else []
    return "\n".join((OPEN, *kept, *shown, CLOSE))


def _fitting(lines: Iterable[str], room: int) -> Iterable[str]:
    for each in lines:
        room -= len(each) + 1
        if room < 0:
            return
        yield each


def _told(dossier: Dossier) -> Iterable[str]:
    signal, rules = dossier.signal, dossier.rules
    yield f"Noticed at {signal.at:%Y-%m-%d %H:%M:%S %Z} ({signal.kind}): {signal.text or 'no text'}"
    if signal.service:
        yield f"It is about: {signal.service}"
    yield f"Compared: usual {_window(dossier.usual)} with incident {_window(dossier.incident)}"
    yield f"Components: {', '.join(dossier.components)}"
    yield f"Calls: {', '.join(f'{caller} → {callee}' for caller, callee in dossier.edges)}"
    yield f"First diagnosis, by code ({rules.status}): {rules.headline}"
    for hypothesis in rules.hypotheses[:HYPOTHESES]:
        yield from _hypothesis(hypothesis)
    yield f"Releases ({rules.release.status}): {rules.release.reason}"
    yield from (f"Affected: {_affected(each)}" for each in rules.scope.affected[:AFFECTED])
    yield from (f"Trouble in a part: {_portion(each)}" for each in rules.scope.portions[:PORTIONS])
    yield from (f"Gap: {gap}" for gap in rules.gaps)
    yield from (f"Note: {note}" for note in rules.notes)


def _window(window: Window) -> str:
    return f"{window.start:%H:%M:%S}–{window.end:%H:%M:%S}"


def _hypothesis(hypothesis: Hypothesis) -> Iterable[str]:
    change = f", change {hypothesis.change.id}" if hypothesis.change else ""
    yield f"Hypothesis: {hypothesis.component}, {hypothesis.kind}{change}, {hypothesis.probability:.2f}"
    yield from (f"  + {_claim(claim)}" for claim in hypothesis.claims[:CLAIMS])
    yield from (f"  − {_claim(claim)}" for claim in hypothesis.against[:CLAIMS])


def _claim(claim: Claim) -> str:
    return f"{claim.text} [{claim.evidence} · {claim.selector} · {claim.operator} · {claim.value}]"


def _affected(each: Affected) -> str:
    slow = f", p95 {each.p95_ms:.0f} ms" if each.p95_ms is not None else ""
    usual = f" (usually {each.usual_p95_ms:.0f})" if each.usual_p95_ms is not None else ""
    return f"{each.service} {each.operation or ''}: {each.requests} requests, {each.errors} failed{slow}{usual}"


def _portion(each: Portion) -> str:
    return f"{each.service} where {each.attribute} = {each.value}: {each.errors} of {each.requests} failed"


def _listed(evidence: Sequence[Evidence], rules: Diagnosis) -> Iterable[str]:
    """One line for each piece of evidence with rows, what was found empty before them, those that claims cite first."""
    cited = {c.evidence for h in rules.hypotheses for c in (*h.claims, *h.against)}
    found = [entry for entry in evidence if entry.status == "found"]
    empty = [f"{entry.id} ({entry.question})" for entry in evidence if entry.status == "empty"]
    yield f"Evidence so far, with its columns (x± stands for x and x{BEFORE}):"
    if empty:
        yield f"Without any row: {', '.join(empty)}"
    for entry in sorted(found, key=lambda e: e.id not in cited):
        yield f"{entry.id} {entry.question} {entry.rows.total} rows: {_columns(entry.rows.columns)}"


def _columns(names: Sequence[str]) -> str:
    pairs = [f"{name}±" if f"{name}{BEFORE}" in names else name for name in names if not name.endswith(BEFORE)]
    return line(", ".join(pairs), COLUMNS)
