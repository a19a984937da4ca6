"""Questions put through a ledger once: what it holds already is not asked again."""

from collections.abc import Iterable, Mapping

import pyarrow as pa

from watchkeeper.domain import Evidence, EvidenceId, Reading, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.evidence.answers import spelled
from watchkeeper.evidence.ledger import Ask, Ledger, Q
from watchkeeper.evidence.recheck import query_class
from watchkeeper.telemetry.sources import Query


class AskingOnce:
    """Asks as the ledger does, and answers with the evidence that is there where it answers the same."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __call__(
        self,
        question: str,
        source: str,
        method: Ask[Q],
        query: Q,
        reading: str = "",
        parameters: Mapping[str, object] | None = None,
    ) -> EvidenceId:
        """The evidence of that question, read as `reading` says where one is named."""
        given = spelled(parameters or {})
        for entry in self._ledger.evidence:
            if _reads(entry, reading, given) and _asks(entry, _name_of(method), query, "usual" in (parameters or {})):
                return entry.id
        number, _ = self._ledger.ask(question, source, method, query)
        if reading:
            self._ledger.read(number, reading, parameters or {})
        return number

    def table(self, question: str, source: str, method: Ask[Q], query: Q, /) -> tuple[EvidenceId, pa.Table | None]:
        """The same with the answer's table, None where the source failed."""
        number = self.input(question, source, method, query)
        return number, self._ledger.answer(number)

    def input(self, question: str, source: str, method: Ask[Q], query: Q) -> EvidenceId:
        """Evidence whose answer is at hand, or that failed: to be computed with."""
        for entry in self._ledger.evidence:
            if _asks(entry, _name_of(method), query, False) and self._is_at_hand(entry.id):
                return entry.id
        return self._ledger.ask(question, source, method, query)[0]

    def derive(
        self, question: str, name: str, of: Iterable[EvidenceId], parameters: Mapping[str, object], window: Window
    ) -> EvidenceId:
        """What an analysis makes of other evidence; of what failed, that which failed."""
        inputs = tuple(of)
        for number in inputs:
            if self._ledger.entry(number).status == "failed":
                return number
        wanted = Reading(name=name, of=inputs, parameters=spelled(parameters))
        for entry in self._ledger.evidence:
            if entry.asked is None and entry.reading == wanted:
                return entry.id
        return self._ledger.derive(question, name, inputs, parameters, window)

    def _is_at_hand(self, number: EvidenceId) -> bool:
        try:
            self._ledger.answer(number)
        except SourceUnavailable:
            return False
        return True


def _name_of(method: object) -> str:
    """The name under which the ledger keeps a method."""
    return getattr(method, "__name__", "unknown")


def _reads(entry: Evidence, reading: str, parameters: str) -> bool:
    """Whether the evidence is read so; what failed or is empty is not read at all."""
    if entry.reading is None:
        return not reading or entry.status != "found"
    return (entry.reading.name, entry.reading.parameters) == (reading, parameters)


def _asks(entry: Evidence, method: str, query: Query, is_compared: bool) -> bool:
    """Whether the evidence was asked the same; where two windows in it are compared, it may hold more than these."""
    if entry.asked is None or entry.asked.method != method:
        return False
    if entry.asked.query == query.model_dump_json():
        return True
    if not is_compared or entry.status != "found":
        return False
    asked = query_class(method).model_validate_json(entry.asked.query)
    holds = asked.window.start <= query.window.start and query.window.end <= asked.window.end
    ignored = {"window", "timeout_seconds", "limit", "step_seconds"}
    return holds and asked.model_dump(exclude=ignored) == query.model_dump(exclude=ignored)
