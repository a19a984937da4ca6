"""The words of a model's claim: code makes them of the predicate, so that they say no more than what is checked."""

from watchkeeper.diagnosis.findings import ProposedClaim
from watchkeeper.diagnosis.phrasing import Speech
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.claims import CONTROLS
from watchkeeper.evidence.prose import bare_digits, number_of
from watchkeeper.evidence.selectors import Selector

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
WHERE = ("service", "component", "caller", "callee", "operation", "span", "kind", "version", "metric", "unit")
"""Columns whose values say of what a figure speaks, in the order in which they are said."""


def worded(proposed: ProposedClaim, selector: Selector, answers: Answers, speech: Speech) -> str:
    """`mean latency of cart: 531 ms, before 22 ms`, as a template; raises SourceUnavailable where rows are missing."""
    label, usual_unit = LABELS.get(selector.column, (selector.column.replace("_", " "), ""))
    if selector.aggregate == "count":
        label, usual_unit = "rows", "count"
    elif selector.aggregate not in ("first", "last"):
        label = f"{selector.aggregate.replace('quantile_', 'quantile ').split()[0]} of {label}"
    unit = proposed.unit or usual_unit
    held = [quoted(value) for column in WHERE if (value := selector.held(column))]
    said = [value for value in held if bare_digits(value, speech.names) is None]
    text = f"{label} of {', '.join(said or [quoted(proposed.about)])}: {number_of(proposed.evidence, selector, unit)}"
    rows = answers.rows(proposed.evidence)
    before = next((selector.column + end for end in CONTROLS if selector.column + end in rows.column_names), None)
    if before is not None and answers.rows(proposed.evidence)[before].null_count < rows.num_rows:
        control = number_of(proposed.evidence, selector.over(before), unit)
        filled = speech.can_fill(control)
        text += f", {'elsewhere' if before.endswith('_elsewhere') else 'before'} {control}" if filled else ""
    return text
