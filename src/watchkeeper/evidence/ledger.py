"""The book of everything that was asked for one case, and what came back."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import pyarrow as pa

from watchkeeper.domain import Evidence, EvidenceId, Rows, Scalar
from watchkeeper.errors import SourceUnavailable
from watchkeeper.telemetry.sources import Answer, Cancel, Query

EXCERPT = 20
"""Rows of an answer that evidence keeps."""
WIDEST = 400
"""Characters of a text that evidence keeps."""

Q = TypeVar("Q", bound=Query)
Ask = Callable[[Q, Cancel | None], Answer]


class Ledger:
    """Asks sources and numbers the evidence. A source that fails leaves evidence that says so, and no rows."""

    def __init__(self, cancel: Cancel | None = None) -> None:
        self._cancel = cancel
        self._entries: dict[EvidenceId, Evidence] = {}

    def ask(self, question: str, source: str, method: Ask[Q], query: Q) -> tuple[EvidenceId, pa.Table | None]:
        """Put one question; the answer's table, or None where the source failed. Its evidence is kept."""
        number = f"e{len(self._entries) + 1}"
        try:
            answer = method(query, self._cancel)
        except SourceUnavailable as error:
            self._enter(number, question, source, query, query.model_dump_json(), None, str(error))
            return number, None
        self._enter(number, question, source, query, answer.query, answer.rows, None)
        return number, answer.rows

    def keep(self, number: EvidenceId, columns: Iterable[str], rows: Iterable[tuple[Scalar, ...]]) -> None:
        """Replace the excerpt of evidence that was found by what an analysis made of the whole answer."""
        entry = self._entries[number]
        if entry.status != "found":
            return
        values = [tuple(_bounded(v) for v in row) for row in rows]
        if values:
            kept = Rows(columns=tuple(columns), values=tuple(values[:EXCERPT]), total=len(values))
            self._entries[number] = entry.model_copy(update={"rows": kept})

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All of it, in the order in which it was asked."""
        return tuple(self._entries.values())

    @property
    def gaps(self) -> tuple[str, ...]:
        """One sentence for each question that could not be answered."""
        return tuple(f"{e.question} Not known: {e.failure}" for e in self._entries.values() if e.status == "failed")

    def _enter(
        self,
        number: EvidenceId,
        question: str,
        source: str,
        query: Query,
        text: str,
        table: pa.Table | None,
        failure: str | None,
    ) -> None:
        rows = excerpt(table) if table is not None else Rows(columns=())
        status = "failed" if failure is not None else "found" if rows.total else "empty"
        self._entries[number] = Evidence.model_validate(
            {
                "id": number,
                "question": question,
                "source": source,
                "query": text,
                "window": query.window,
                "status": status,
                "rows": rows,
                "failure": failure,
            }
        )


def excerpt(table: pa.Table) -> Rows:
    """The first rows of a table, long texts cut; maps and lists as text."""
    head = table.slice(0, EXCERPT).to_pylist()
    values = tuple(tuple(_bounded(row[c]) for c in table.column_names) for row in head)
    return Rows(columns=tuple(table.column_names), values=values, total=table.num_rows)


def _bounded(value: object) -> Scalar:
    if value is None or isinstance(value, bool | int | float):
        return value
    if hasattr(value, "isoformat"):
        return value  # type: ignore[return-value]
    text = str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
