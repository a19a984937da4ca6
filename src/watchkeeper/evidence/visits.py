"""A look inside visits: asks for spans, lines and metrics around the signal, and finds what changed in them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import pyarrow as pa

from watchkeeper.analysis.visit_changes import ONSETS, Inputs, visit_changes
from watchkeeper.analysis.visit_findings import FINDINGS, blamed
from watchkeeper.analysis.visit_metrics import PAST, STEP_SECONDS
from watchkeeper.analysis.visit_splits import PAST_SECONDS
from watchkeeper.domain import EvidenceId, Reading, Window
from watchkeeper.evidence.answers import Answers, Readings, parameters_of, window_text
from watchkeeper.evidence.readings import key_of, table_of_rows
from watchkeeper.telemetry.sources import Answer, Cancel, LogQuery, MetricBucketQuery, Query, Sources, SpanQuery

ROWS = 200_000
"""Spans, and lines, that are asked for in one window."""

Q = TypeVar("Q", bound=Query)


class AskOne(Protocol):
    """Puts one question to a source and keeps its evidence, as `Ledger.ask` does."""

    def __call__(
        self, question: str, source: str, method: Callable[[Q, Cancel | None], Answer], query: Q, /
    ) -> tuple[EvidenceId, pa.Table | None]:
        """The evidence's number, and the answer's rows; None where the source failed."""
        ...


@dataclass(frozen=True)
class VisitsAsked:
    """What was asked about visits, to be read by `READINGS`."""

    of: tuple[EvidenceId, ...]
    parameters: dict[str, object]
    """What the readings need to be told."""
    components: frozenset[str]
    """All that reported anything around it."""


def ask_visits(
    sources: Sources, ask: AskOne, references: Sequence[Window], incident: Window, at: datetime
) -> VisitsAsked:
    """Ask for what happened in visits from some minutes before `at`, when it was noticed, to the incident's end.

    `references` are stretches that are known to be good; without any, the minutes before are all there is to compare
    with. Whatever a source cannot answer is missing, and nothing is raised for that.
    """
    near = Window(start=at + timedelta(seconds=ONSETS[0] - PAST_SECONDS), end=incident.end)
    hour = Window(start=near.start - PAST, end=incident.end)
    asked = [
        ask("What happened in requests around it?", "traces", sources.spans, SpanQuery(window=near, limit=ROWS)),
        ask("What was logged around it?", "logs", sources.records, LogQuery(window=near, limit=ROWS)),
        ask(
            "What did metrics say in the hour before it?",
            "metrics",
            sources.metric_buckets,
            MetricBucketQuery(window=hour, step_seconds=STEP_SECONDS),
        ),
    ]
    for window in references:
        asked += [
            ask("What happens in requests when all is well?", "traces", sources.spans, _spans(window)),
            ask("What is logged when all is well?", "logs", sources.records, LogQuery(window=window, limit=ROWS)),
        ]
    parameters: dict[str, object] = {
        "at": at.isoformat(),
        "until": incident.end.isoformat(),
        "references": [window_text(window) for window in references],
    }
    tables = [table for _, table in asked if table is not None]
    components = frozenset(name for table in tables for name in table["service_name"].unique().to_pylist() if name)
    return VisitsAsked(tuple(number for number, _ in asked), parameters, components)


def _spans(window: Window) -> SpanQuery:
    return SpanQuery(window=window, limit=ROWS)


def visit_rows(answers: Answers, reading: Reading) -> pa.Table:
    """What changed inside visits, the weightiest first; `change` is a short name of operation, event and order."""
    return answers.once(("visits", *reading.of, reading.parameters), lambda: _read(answers, reading))


def _read(answers: Answers, reading: Reading) -> pa.Table:
    given = parameters_of(reading)
    at, until = (datetime.fromisoformat(str(given[name])) for name in ("at", "until"))
    listed: list[list[str]] = given["references"]  # type: ignore[assignment]
    references = [Window(start=datetime.fromisoformat(a), end=datetime.fromisoformat(b)) for a, b in listed]
    tables = (answers.answer(number) for number in reading.of)
    return _rows((table for table in tables if table is not None), references, at, until)


def visit_blame(answers: Answers, reading: Reading) -> pa.Table:
    """How much speaks against each component, the most first, and from when on that is clearest."""
    found = blamed(visit_rows(answers, reading))
    give = float(ONSETS[1] - ONSETS[0])
    columns = ("component", "kind", "share", "score", "began", "give_seconds")
    return table_of_rows(columns, ((b.component, b.kind, b.share, b.score, b.began, give) for b in found))


READINGS: Readings = {"inside visits": visit_rows, "what speaks against whom": visit_blame}
"""By the name that evidence carries."""
STEP_OF_ONSETS = timedelta(seconds=ONSETS[1] - ONSETS[0])
"""How closely the onset of a change is known."""


def _rows(tables: Iterable[pa.Table], references: Sequence[Window], at: datetime, until: datetime) -> pa.Table:
    by_kind: dict[str, list[pa.Table]] = {}
    for table in tables:
        by_kind.setdefault(_kind(table), []).append(table)
    found = visit_changes(
        Inputs(**{kind: pa.concat_tables(tables) for kind, tables in by_kind.items()}), references, at, until
    )
    columns = ("operation", "event", "after")
    texts = zip(*(found[c].to_pylist() for c in columns), strict=True)
    return found.add_column(
        FINDINGS.get_field_index("event"), "change", pa.array([key_of(*t) for t in texts], pa.string())
    )


def _kind(table: pa.Table) -> str:
    """Of which query a table is the answer, by the columns that only that one has."""
    if "duration_ns" in table.column_names:
        return "spans"
    return "logs" if "body" in table.column_names else "buckets"
