"""The second look: inside requests, into logs, and at what was changed, before and after the onset."""

from dataclasses import dataclass

import pyarrow as pa

from watchkeeper.analysis.lognews import LogNews, log_news
from watchkeeper.analysis.requests import (
    ErrorOrigin,
    FailingInput,
    Fanout,
    OwnTime,
    failing_input,
    fanouts,
    origins,
    own_times,
)
from watchkeeper.analysis.series import Grid, Key, Red, red_series
from watchkeeper.analysis.spans import read_spans
from watchkeeper.domain import Change, EvidenceId, Window
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.telemetry.sources import ChangeQuery, LogQuery, RedQuery, Sources, SpanQuery

SPANS = 20_000
LOG_LINES = 20_000
CHANGES_SECONDS = 7200.0
"""How long before the onset changes are looked for."""


@dataclass(frozen=True)
class Details:
    """What the second look found; empty lists where there is nothing or the source failed."""

    changes: tuple[Change, ...]
    versions: dict[Key, Red]
    """Requests by (service, version) on the vitals' grid."""
    own_times: list[OwnTime]
    fanouts: list[Fanout]
    origins: list[ErrorOrigin]
    failing_inputs: dict[str, FailingInput]
    logs: list[LogNews]
    evidence: dict[str, EvidenceId]
    """Which evidence holds `changes`, `versions`, `usual`, `spans`, `logs`."""


def take_details(sources: Sources, grid: Grid, usual: Window, incident: Window, ledger: Ledger) -> Details:
    """Ask what happened inside, before and after the onset. Never raises for a source that is down."""
    whole = Window(start=usual.start, end=incident.end)
    past = Window(start=Window.before(incident.start, CHANGES_SECONDS).start, end=incident.end)
    e_changes, changes = ledger.ask(
        "What was changed before it began?", "changes", sources.changes, ChangeQuery(window=past)
    )
    e_versions, versions = ledger.ask(
        "How did each version do?",
        "traces",
        sources.red,
        RedQuery(
            window=Window(start=grid.start, end=grid.time_of(grid.size)),
            step_seconds=grid.step_seconds,
            by=("service_version",),
        ),
    )
    e_usual, before = ledger.ask(
        "What did requests look like before?", "traces", sources.spans, SpanQuery(window=usual, limit=SPANS)
    )
    e_spans, after = ledger.ask(
        "What do requests look like now?", "traces", sources.spans, SpanQuery(window=incident, limit=SPANS)
    )
    e_logs, logs = ledger.ask(
        "Which log lines are new or surging?", "logs", sources.records, LogQuery(window=whole, limit=LOG_LINES)
    )
    return _details(
        changes,
        {} if versions is None else red_series(versions, ["service_name", "service_version"], grid),
        before,
        after,
        [] if logs is None else log_news(logs, usual, incident),
        {"changes": e_changes, "versions": e_versions, "usual": e_usual, "spans": e_spans, "logs": e_logs},
    )


def _details(
    changes: pa.Table | None,
    versions: dict[Key, Red],
    before: pa.Table | None,
    after: pa.Table | None,
    logs: list[LogNews],
    evidence: dict[str, EvidenceId],
) -> Details:
    known = () if changes is None else tuple(change_of(row) for row in changes.to_pylist())
    if before is None or after is None:
        return Details(known, versions, [], [], [], {}, logs, evidence)
    usual, incident = read_spans(before), read_spans(after)
    starts = origins(usual, incident)
    failing = {name: failing_input(incident, name) for name in sorted(set(incident.service[incident.is_error]))}
    return Details(
        changes=known,
        versions=versions,
        own_times=own_times(usual, incident),
        fanouts=fanouts(usual, incident),
        origins=starts,
        failing_inputs={name: found for name, found in failing.items() if found is not None},
        logs=logs,
        evidence=evidence,
    )


def change_of(row: dict[str, object]) -> Change:
    """A row of the changes table as the noun."""
    return Change.model_validate(
        {
            "id": row["id"],
            "kind": row["kind"],
            "service": row["service_name"],
            "environment": row["environment"],
            "version": row["version"],
            "commits": tuple(row["commits"] or ()),  # type: ignore[arg-type]
            "author": row["author"],
            "began_at": row["time"],
            "ended_at": row["ended_at"],
            "title": row["title"],
            "expected_impact": row["expected_impact"],
        }
    )
