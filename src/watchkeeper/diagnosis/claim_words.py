"""The words of a model's claim: code makes them of the predicate, so that they say no more than what is checked."""

from collections.abc import Collection
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.diagnosis.findings import ProposedClaim
from watchkeeper.diagnosis.phrasing import Speech
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.domain import EvidenceId, Scalar
from watchkeeper.errors import QueryRejected
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.claims import CONTROLS
from watchkeeper.evidence.prose import number_of
from watchkeeper.evidence.selectors import Selector, evaluate
from watchkeeper.evidence.telling import is_plain_name

LONGEST_TEXT = 400
QUOTES = frozenset("“”")
"""What a quotation may not hold: it would end it."""

LABELS = {
    "error_ratio": ("share of failed requests", "%"),
    "errors": ("failed requests", "count"),
    "requests": ("requests", "count"),
    "per_second": ("requests a second", "x"),
    "mean_ms": ("mean latency", "ms"),
    "p95_ms": ("p95 latency", "ms"),
    "p99_ms": ("p99 latency", "ms"),
    "own_ms": ("own time a request", "ms"),
    "per_request": ("calls a request", "x"),
    "count": ("count", "count"),
    "started": ("restarts", "count"),
    "share": ("share", "%0"),
    "value": ("level", ""),
    "mean": ("mean level", "x"),
    "onset": ("onset", "clock"),
    "earliest": ("earliest onset", "clock"),
    "began": ("begin", "clock"),
    "last_seen": ("last seen", "clock"),
    "gap_seconds": ("time from the change to the onset", "s"),
    "answered_well": ("requests that the new version answered well before", "count"),
    "outcome": ("outcome of the change's trial", "text"),
}
"""How a column is called in words, and its unit where none was given."""
SUBJECT_FIRST = ("service", "component", "caller", "callee")
"""Columns that say of whom a figure speaks, in the order in which they are said."""
PLACES = ("operation", "span", "kind", "version", "metric", "unit")
"""Columns that say of which part of them; what stands there is quoted from the rows."""


def worded(proposed: ProposedClaim, selector: Selector, answers: Answers, speech: Speech) -> str:
    """`mean latency of cart: 531 ms, before 22 ms`, as a template; raises SourceUnavailable where rows are missing."""
    require_known(selector, proposed.evidence, answers, speech.components)
    label, usual_unit = LABELS.get(selector.column, (selector.column.replace("_", " "), ""))
    if selector.aggregate == "count":
        label, usual_unit = "rows", "count"
    elif selector.aggregate not in ("first", "last"):
        label = f"{selector.aggregate.replace('quantile_', 'quantile ').split()[0]} of {label}"
    unit = proposed.unit or usual_unit
    held = [value for column in SUBJECT_FIRST if (value := selector.held(column))]
    known = [quoted(value) for value in held if value in speech.components]
    places = [
        _quotation(proposed.evidence, selector, column, value) for column in PLACES if (value := selector.held(column))
    ]
    whose = ", ".join((*(known or [quoted(proposed.about)]), *places))
    figure = number_of(proposed.evidence, selector, unit)
    text = f"{label} of {whose}: {f'“{figure}”' if is_quotation(selector, proposed.evidence, answers) else figure}"
    rows = answers.rows(proposed.evidence)
    before = next((selector.column + end for end in CONTROLS if selector.column + end in rows.column_names), None)
    if before is not None and answers.rows(proposed.evidence)[before].null_count < rows.num_rows:
        control = number_of(proposed.evidence, selector.over(before), unit)
        filled = speech.can_fill(control)
        text += f", {'elsewhere' if before.endswith('_elsewhere') else 'before'} {control}" if filled else ""
    return text


def is_quotation(selector: Selector, number: EvidenceId, answers: Answers) -> bool:
    """Whether the figure is a text that somebody outside wrote."""
    return selector.column not in OUR_WORDS and isinstance(evaluate(selector, answers.rows(number)), str)


OUR_WORDS = frozenset({"outcome", "kind", "signal", "unit"})
"""Columns of words that code of ours chooses from."""


def _quotation(number: EvidenceId, selector: Selector, column: str, value: str) -> str:
    """The value that a column is held to, out of the rows; between quotation marks unless it is a mere name."""
    text = number_of(number, Selector("first", column, selector.conditions), "text")
    return text if is_plain_name(value) else f"“{text}”"


def require_known(selector: Selector, number: EvidenceId, answers: Answers, components: Collection[str]) -> None:
    """Raise QueryRejected for a text in the selector that neither rows nor names of components hold.

    A predicate is shown where it is checked: so nothing may stand in it that only a model wrote.
    """
    rows = answers.rows(number)
    for condition in selector.conditions:
        value = condition.value
        if isinstance(value, str) and value not in components and not _is_in(rows, condition.column, value):
            raise QueryRejected(f"no row of {number} has that text as {condition.column}")


def require_known_value(value: Scalar, selector: Selector, number: EvidenceId, answers: Answers) -> None:
    """Raise QueryRejected for a text that the figure is compared with and that its column does not hold."""
    if isinstance(value, str) and not _is_in(answers.rows(number), selector.column, value):
        raise QueryRejected(f"asked again, no row of {number} has that text as {selector.column or 'its count'}")


def _is_in(rows: pa.Table, column: str, value: str) -> bool:
    """Whether a column holds a text; any moment may be compared with times."""
    if column not in rows.column_names or len(value) > LONGEST_TEXT or (set(value) & QUOTES and len(value) > 0):
        return False
    if pa.types.is_timestamp(rows[column].type):
        return is_moment(value)
    return pa.types.is_string(rows[column].type) and bool(pc.any(pc.equal(rows[column], value)).as_py())


def is_moment(text: str) -> bool:
    """Whether a text is a time in ISO 8601."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
