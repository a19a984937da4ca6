"""How services call each other, before and now, as rows: retries, missing calls, gaps between two ends, waiting."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, fields

import pyarrow as pa

from watchkeeper.analysis.call_habits import Gap, MissingCall, Retry, Waiting, gaps, missing_calls, retries, waiting
from watchkeeper.analysis.spans import Spans
from watchkeeper.domain import Reading, Scalar
from watchkeeper.evidence.answers import NO_ROWS, Answers, ReadingFunction, Readings
from watchkeeper.evidence.readings import spans_of, table_of_rows

Habit = Retry | MissingCall | Gap | Waiting
Compare = Callable[[Spans, Spans], Sequence[Habit]]


def _rows_of(compare: Compare) -> ReadingFunction:
    """A reading of spans of the usual stretch and of the incident: a column a field, without those of no number."""

    def read(answers: Answers, reading: Reading) -> pa.Table:
        usual, incident = (spans_of(answers, number) for number in reading.of)
        if usual is None or incident is None:
            return NO_ROWS
        found = answers.once((reading.name, *reading.of), lambda: list(compare(usual, incident)))
        if not found:
            return NO_ROWS
        rows = [tuple(_known(value) for value in astuple(each)) for each in found]
        return table_of_rows([field.name for field in fields(found[0])], rows)

    return read


def _known(value: Scalar) -> Scalar:
    return None if isinstance(value, float) and value != value else value


def missing_in(answers: Answers, reading: Reading) -> list[MissingCall]:
    """The missing calls of a reading of that name, computed once."""
    usual, incident = (spans_of(answers, number) for number in reading.of)
    if usual is None or incident is None:
        return []
    return answers.once((reading.name, *reading.of), lambda: missing_calls(usual, incident))


READINGS: Readings = {
    "retries": _rows_of(retries),
    "missing calls": _rows_of(missing_calls),
    "gaps between ends": _rows_of(gaps),
    "waiting": _rows_of(waiting),
}
"""By the name that evidence carries."""
