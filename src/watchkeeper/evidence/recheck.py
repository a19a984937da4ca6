"""Evidence asked again, in full, for a check: nothing here rests on what was kept from the first time."""

from collections.abc import Iterable
from typing import get_type_hints

import pyarrow as pa

from watchkeeper.domain import Evidence, EvidenceId
from watchkeeper.errors import QueryRejected
from watchkeeper.evidence.answers import Answers, Readings
from watchkeeper.telemetry.sources import Answer, Cancel, Query, Sources

FULL = 200_000
"""Rows up to which a limited question is asked again in full; beyond it, what counts rows is not checkable."""


class Recheck(Answers):
    """The sources asked again, each question once and only when a claim needs it."""

    def __init__(
        self, evidence: Iterable[Evidence], sources: Sources, readings: Readings, cancel: Cancel | None = None
    ) -> None:
        super().__init__(readings)
        self._entries = {entry.id: entry for entry in evidence}
        self._sources = sources
        self._cancel = cancel
        self._answers: dict[EvidenceId, Answer] = {}

    def entry(self, number: EvidenceId) -> Evidence:
        """The piece of evidence; raises QueryRejected where there is none of that number."""
        if number not in self._entries:
            raise QueryRejected(f"there is no evidence {number}")
        return self._entries[number]

    def answer(self, number: EvidenceId) -> pa.Table | None:
        """What the source says now; None where it failed the first time. Raises SourceUnavailable where it is down."""
        if self.entry(number).status == "failed":
            return None
        if number not in self._answers:
            self._answers[number] = self._ask(number)
        return self._answers[number].rows

    def query(self, number: EvidenceId) -> Query:
        """The typed query, read from what was kept of it."""
        asked = self.entry(number).asked
        if asked is None:
            raise QueryRejected(f"{number} was computed, not asked")
        return query_class(asked.method).model_validate_json(asked.query)

    def is_part(self, number: EvidenceId) -> bool:
        """Whether only a part of the rows behind this evidence can be had."""
        entry = self.entry(number)
        inputs = entry.reading.of if entry.reading is not None else ()
        if entry.asked is not None:
            self.answer(number)
        own = self._answers.get(number)
        return (own is not None and own.is_truncated) or any(self.is_part(each) for each in inputs if each != number)

    def _ask(self, number: EvidenceId) -> Answer:
        query, asked = self.query(number), self.entry(number).asked
        limit = getattr(query, "limit", None)
        if isinstance(limit, int):
            query = query.model_copy(update={"limit": max(limit, FULL)})
        found: Answer = getattr(self._sources, asked.method)(query, self._cancel)  # type: ignore[union-attr]
        return found


def query_class(method: str) -> type[Query]:
    """What a method of the sources is asked with; raises QueryRejected where there is no such method."""
    function = getattr(Sources, method, None)
    kind = get_type_hints(function).get("query") if callable(function) else None
    if not isinstance(kind, type) or not issubclass(kind, Query):
        raise QueryRejected(f"sources cannot be asked {method!r}")
    return kind
