"""The book of everything that was asked for one case, and what came back."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

import pyarrow as pa

from watchkeeper.domain import Asked, Evidence, EvidenceId, Reading, Rows, Scalar, Window
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import Answers, Readings, spelled
from watchkeeper.redaction import redact
from watchkeeper.telemetry.sources import Answer, Cancel, Query, missing

EXCERPT = 20
"""Rows of an answer that evidence keeps."""
WIDEST = 400
"""Characters of a text that evidence keeps."""

Q = TypeVar("Q", bound=Query)
Ask = Callable[[Q, Cancel | None], Answer]


class Ledger(Answers):
    """Asks sources and numbers the evidence. A source that fails leaves evidence that says so, and no rows."""

    def __init__(self, cancel: Cancel | None = None, readings: Readings | None = None, first: int = 1) -> None:
        super().__init__(readings or {})
        self._cancel = cancel
        self._next = first
        self._entries: dict[EvidenceId, Evidence] = {}
        self._answers: dict[EvidenceId, pa.Table | None] = {}
        self._queries: dict[EvidenceId, Query] = {}
        self._adopted: Answers | None = None

    def adopt(self, evidence: Iterable[Evidence], again: Answers) -> None:
        """Go on from evidence that was kept; what its sources said is asked `again` when it is needed."""
        self._adopted = again
        self._entries.update({entry.id: entry for entry in evidence})
        self._next = max((int(number[1:]) for number in self._entries), default=0) + 1

    def ask(self, question: str, source: str, method: Ask[Q], query: Q) -> tuple[EvidenceId, pa.Table | None]:
        """Put one question; the answer's table, or None where the source failed. Its evidence is kept."""
        number = self._number()
        text, table, failure = query.model_dump_json(), None, None
        try:
            answer = method(query, self._cancel)
            text, table = answer.query, answer.rows
        except SourceUnavailable as error:
            failure = str(error)
        self._queries[number], self._answers[number] = query, table
        self._entries[number] = Evidence(
            id=number,
            question=question,
            source=source,
            query=text,
            window=query.window,
            status=_status(table, failure),
            rows=Rows(columns=()) if table is None else excerpt(table),
            failure=failure,
            asked=Asked(method=getattr(method, "__name__", "unknown"), query=query.model_dump_json()),
        )
        return number, table

    def read(self, number: EvidenceId, name: str, parameters: Mapping[str, object]) -> None:
        """Have an analysis make the rows of this evidence from now on; evidence that failed stays as it is."""
        entry = self._entries[number]
        if entry.status == "found":
            reading = Reading(name=name, of=(number,), parameters=spelled(parameters))
            self._entries[number] = self._with_rows(entry.model_copy(update={"reading": reading}))

    def derive(
        self, question: str, name: str, of: Iterable[EvidenceId], parameters: Mapping[str, object], window: Window
    ) -> EvidenceId:
        """Evidence that an analysis computes from other evidence; what of that failed is missing in it."""
        number = self._number()
        reading = Reading(name=name, of=tuple(of), parameters=spelled(parameters))
        entry = Evidence(
            id=number,
            question=question,
            source="analysis",
            query=f"{name} of {', '.join(reading.of) or 'nothing'} {reading.parameters}",
            window=window,
            status="empty",
            reading=reading,
        )
        self._entries[number] = self._with_rows(entry)
        return number

    def enter(
        self,
        question: str,
        source: str,
        query_text: str,
        window: Window,
        table: pa.Table | None,
        failure: str | None = None,
    ) -> EvidenceId:
        """Keep what is not telemetry, such as runbooks: it cannot be asked again, so no claim can be checked on it.

        No table means that the source failed, as `failure` says.
        """
        number = self._number()
        if table is None:
            failure = failure or "it did not answer"
        self._answers[number] = table
        self._entries[number] = Evidence(
            id=number,
            question=question,
            source=source,
            query=redact(query_text) or question,
            window=window,
            status=_status(table, failure),
            rows=Rows(columns=()) if table is None else excerpt(table),
            failure=failure,
        )
        return number

    def entry(self, number: EvidenceId) -> Evidence:
        """The piece of evidence; raises QueryRejected where there is none of that number."""
        if number not in self._entries:
            raise QueryRejected(f"there is no evidence {number}")
        return self._entries[number]

    def answer(self, number: EvidenceId) -> pa.Table | None:
        """What the source said, None where it failed; raises SourceUnavailable where it cannot be asked again."""
        if number not in self._answers and self._adopted is not None:
            self._answers[number] = self._adopted.answer(number)
        return self._answers[number]

    def query(self, number: EvidenceId) -> Query:
        """The typed query that was asked."""
        if number not in self._queries and self._adopted is not None:
            return self._adopted.query(number)
        return self._queries[number]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All of it, in the order in which it was asked."""
        return tuple(self._entries.values())

    @property
    def gaps(self) -> tuple[str, ...]:
        """One sentence for each question that could not be answered."""
        entries = self._entries.values()
        failed = [f"{e.question} Not known: {e.failure}" for e in entries if e.status == "failed"]
        return (*failed, *(f"{e.question} Not known in full: {why}" for e in entries if (why := missing(e.query))))

    @property
    def asked(self) -> int:
        """How many questions were put to sources."""
        return len(self._queries)

    def _number(self) -> EvidenceId:
        self._next += 1
        return f"e{self._next - 1}"

    def _with_rows(self, entry: Evidence) -> Evidence:
        """The entry with what its analysis makes of the answers."""
        self._entries[entry.id] = entry
        self.forget(entry.id)
        rows = excerpt(self.rows(entry.id))
        return entry.model_copy(update={"rows": rows, "status": "found" if rows.total else "empty"})


def _status(table: pa.Table | None, failure: str | None) -> str:
    return "failed" if failure is not None else "found" if table is not None and table.num_rows else "empty"


def excerpt(table: pa.Table) -> Rows:
    """The first rows of a table, long texts cut; maps and lists as text, numbers to six digits."""
    head = table.slice(0, EXCERPT).to_pylist() if table.num_rows else []
    values = tuple(tuple(_bounded(row[c]) for c in table.column_names) for row in head)
    return Rows(columns=tuple(table.column_names), values=values, total=table.num_rows)


def _plain(value: object) -> object:
    """A map as an object: beside its name a secret is known as one."""
    is_map = isinstance(value, list) and value and all(isinstance(e, tuple) and len(e) == 2 for e in value)
    return dict(value) if is_map else value  # type: ignore[call-overload]


def _bounded(value: object) -> Scalar:
    if isinstance(value, float):
        return float(f"{value:.6g}") if value == value else None
    if value is None or isinstance(value, bool | int | datetime):
        return value
    text = redact(value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False, default=str))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
