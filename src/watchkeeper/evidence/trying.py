"""A predicate tried on evidence before it is claimed: what the figure is, and whether it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from watchkeeper.domain import EvidenceId, Operator, Scalar
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.selectors import evaluate, holds, parse
from watchkeeper.evidence.telling import Clean, plain, tell_figure
from watchkeeper.redaction import redact

_SIGNS: Mapping[str, Operator] = {
    **{sign: sign for sign in get_args(Operator)},
    **{"<=": "≤", ">=": "≥", "!=": "≠", "==": "=", "~": "≈"},
}


@dataclass(frozen=True)
class Tried:
    """What a predicate comes to on the rows of evidence."""

    evidence: EvidenceId
    operator: Operator
    value: str | float
    found: Scalar = None
    holds: bool = False
    before: Scalar = None
    """The same figure in the time before, where the rows have it."""
    failure: str | None = None
    """Why the rows cannot be had."""


def try_claim(answers: Answers, evidence: str, selector: str, operator: str, value: str | float) -> Tried:
    """Evaluate a predicate on evidence as it was seen; nothing is said of what it supports.

    Raises QueryRejected where it makes no sense, or the evidence is no telemetry.
    """
    entry, sign, chosen = answers.entry(evidence.strip()), _SIGNS.get(operator.strip()), parse(selector)
    if entry.asked is None and entry.reading is None:
        raise QueryRejected(f"{entry.id} is no telemetry: no claim can rest on it")
    if sign is None:
        raise QueryRejected(f"there is no operator {operator[:20]!r} (known: {' '.join(get_args(Operator))})")
    try:
        rows = answers.rows(entry.id)
    except SourceUnavailable as error:
        return Tried(entry.id, sign, value, failure=str(error))
    found = evaluate(chosen, rows)
    given = _number(value) if isinstance(found, int | float) else value
    column = f"{chosen.column}_before"
    before = evaluate(chosen.over(column), rows) if column in rows.column_names else None
    return Tried(entry.id, sign, given, found, holds(found, sign, given), before)


def tell_tried(tried: Tried, clean: Clean = redact) -> str:
    """What was found, in two sentences; texts in it are cut, so that it stays short."""
    if tried.failure is not None:
        return f"{tried.evidence} · failed: {plain(tried.failure, clean)}"
    verdict = "holds" if tried.holds else "does not hold"
    text = f"{tried.evidence}: the figure is {tell_figure(tried.found, clean)}; {tried.operator} "
    text += f"{tell_figure(tried.value, clean)} {verdict}."
    if tried.before is not None:
        text += f" Before, it was {tell_figure(tried.before, clean)}."
    return text


def _number(value: str | float) -> str | float:
    try:
        return float(value)
    except ValueError:
        return value
