"""What is known beside telemetry: runbooks and earlier cases, as evidence that can be read and not claimed on."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import pyarrow as pa

from watchkeeper.domain import EvidenceId, Window
from watchkeeper.errors import KnowledgeUnavailable, RecordsUnavailable, SourceUnavailable
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.redaction import redact

HITS = 5
"""Runbooks, or earlier cases, that are told."""


@dataclass(frozen=True)
class RunbookHit:
    """A part of a runbook that fits a question."""

    runbook: str
    section: str
    text: str
    score: float
    path: str


@dataclass(frozen=True)
class PastCase:
    """An earlier incident, and what came of it."""

    incident: str
    headline: str
    component: str
    verdict: str | None
    """What an engineer judged; None where nobody did."""


class Runbooks(Protocol):
    """Where runbooks are found."""

    def find(self, text: str, component: str | None) -> tuple[RunbookHit, ...]:
        """The parts that fit best, the best first; raises KnowledgeUnavailable."""


class PastCases(Protocol):
    """Where earlier cases are found."""

    def like(self, component: str) -> tuple[PastCase, ...]:
        """Those about that component, the latest first; raises RecordsUnavailable."""


def look_up(
    ledger: Ledger,
    question: str,
    source: str,
    query: str,
    window: Window,
    find: Callable[[], Sequence[RunbookHit | PastCase]],
) -> EvidenceId:
    """What is found, entered into the ledger once; what cannot be read is entered as failed."""
    for entry in ledger.evidence:
        if entry.source == source and entry.query == redact(query):
            return entry.id
    table, failure = None, None
    try:
        table = pa.Table.from_pylist([asdict(hit) for hit in find()[:HITS]])
    except (KnowledgeUnavailable, RecordsUnavailable, SourceUnavailable) as error:
        failure = str(error)
    return ledger.enter(question, source, query, window, table, failure)
