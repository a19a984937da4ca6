"""Evidence and Claim: one question put to one source, and one statement that code can check against it."""

from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from watchkeeper.domain.ground import EvidenceId, Noun, Scalar, ServiceName, Window

Text = Annotated[str, StringConstraints(min_length=1)]


class Rows(Noun):
    """A bounded excerpt of what a source answered, column names first."""

    columns: tuple[str, ...]
    values: tuple[tuple[Scalar, ...], ...] = ()
    total: int = 0
    """How many rows the answer had before it was bounded."""

    @model_validator(mode="after")
    def _rows_are_as_wide_as_the_columns(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.values):
            raise ValueError("each row has one value a column")
        if self.total < len(self.values):
            raise ValueError("the total counts the rows shown too")
        return self


class Asked(Noun):
    """How a source is asked the same again: which method of its Protocol, and the typed query as JSON."""

    method: Text
    query: Text


class Reading(Noun):
    """The analysis that made readable rows of one or more answers; it runs anew whenever a claim is checked."""

    name: Text
    of: tuple[EvidenceId, ...] = ()
    """The evidence that it reads, its own where that was asked of a source."""
    parameters: str = "{}"
    """What else it was given, as JSON."""


EvidenceStatus = Literal["found", "empty", "failed"]


class Evidence(Noun):
    """One question put to one source, with what it answered: enough for a person to ask again."""

    id: EvidenceId
    question: Text
    source: Text
    query: Text
    """The exact text that the source was given; of an analysis, what was computed from which evidence."""
    window: Window
    status: EvidenceStatus
    """Absence is a result: `empty` is evidence, `failed` is a gap that the diagnosis must name."""
    rows: Rows = Rows(columns=())
    failure: str | None = None
    link: str | None = None
    asked: Asked | None = None
    """None where it was computed from other evidence."""
    reading: Reading | None = None
    """None where the rows are the answer's own."""

    @model_validator(mode="after")
    def _status_and_rows_agree(self) -> Self:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("evidence that failed says how, other evidence has no failure")
        if (self.status == "found") != (self.rows.total > 0):
            raise ValueError("evidence is `found` exactly when there are rows")
        return self


Operator = Literal["=", "≠", "<", "≤", ">", "≥", "≈", "before", "after"]
ClaimRole = Literal["symptom", "cause", "timing", "change", "context"]
Standing = Literal["unchecked", "holds", "supports"]


class Figure(Noun):
    """One number, time or quotation in a text, and where it comes from."""

    text: Text
    evidence: EvidenceId | None
    """None where it is a field of the diagnosis itself, such as its probability."""
    selector: Text
    """What was asked of the evidence's rows, or the name of the field."""
    unit: str = ""


class Claim(Noun):
    """One statement about one piece of evidence, in words and as a predicate that code evaluates.

    The predicate reads `selector operator value`, such as `max(mean_ms) where service = "cart"` `≈` 531 (ms).
    """

    text: Text
    evidence: EvidenceId
    selector: str = "count()"
    """`count()` or `min|max|mean|sum|first|last|quantile_q(column)`, then perhaps `where column op literal and …`."""
    operator: Operator = ">"
    value: Scalar = 0
    unit: str = ""
    role: ClaimRole = "context"
    about: ServiceName | None = None
    """The component that it speaks of."""
    standing: Standing = "unchecked"
    """`holds`: true when asked again; `supports`: and it sets the component apart from the past or from its peers."""
    figures: tuple[Figure, ...] = ()
    """Where each number of the text comes from."""


class Struck(Noun):
    """A claim that did not survive being checked, and why."""

    claim: Claim
    because: Text
