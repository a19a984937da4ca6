"""The second look: inside requests, into logs, and at what was changed, before and after the onset."""

from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa
from pydantic import ValidationError

from watchkeeper.analysis.call_habits import MissingCall
from watchkeeper.analysis.lognews import LogNews
from watchkeeper.analysis.requests import ErrorOrigin, FailingInput, Fanout, OwnTime
from watchkeeper.analysis.series import Key, Red, red_series
from watchkeeper.domain import Change, EvidenceId, Reading, Window
from watchkeeper.evidence.answers import window_text
from watchkeeper.evidence.call_habits import missing_in
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.readings import failing_inputs_in, fanouts_in, log_news_in, origins_in, own_times_in
from watchkeeper.evidence.vitals import Vitals
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
    missing: list[MissingCall]
    logs: list[LogNews]
    evidence: dict[str, EvidenceId]
    """Which evidence holds `changes`, `versions`, `usual`, `spans`, `logs`, and what is computed from these:
    `own time`, `fan-out`, `origins`, `inputs`, `missing`."""


def take_details(sources: Sources, vitals: Vitals, usual: Window, incident: Window, ledger: Ledger) -> Details:
    """Ask what happened inside, before and after the onset. Never raises for a source that is down."""
    grid = vitals.grid
    whole = Window(start=usual.start, end=incident.end)
    past = Window(start=Window.before(incident.start, CHANGES_SECONDS).start, end=incident.end)
    e_changes, changes = ledger.ask(
        "What was changed before it began?", "changes", sources.changes, ChangeQuery(window=past)
    )
    by_version = RedQuery(
        window=Window(start=grid.start, end=grid.time_of(grid.size)),
        step_seconds=grid.step_seconds,
        by=("service_version",),
    )
    e_versions, versions = ledger.ask("How did each version do?", "traces", sources.red, by_version)
    e_usual, _ = ledger.ask(
        "What did requests look like before?", "traces", sources.spans, SpanQuery(window=usual, limit=SPANS)
    )
    e_spans, _ = ledger.ask(
        "What do requests look like now?", "traces", sources.spans, SpanQuery(window=incident, limit=SPANS)
    )
    e_logs, _ = ledger.ask(
        "Which log lines are new or surging?", "logs", sources.records, LogQuery(window=whole, limit=LOG_LINES)
    )
    asked = {"changes": e_changes, "versions": e_versions, "usual": e_usual, "spans": e_spans, "logs": e_logs}
    _read_by(ledger, vitals, asked, usual, incident)
    evidence = {**asked, **_derive(ledger, asked, incident)}

    def reading(name: str) -> Reading:
        found = ledger.entry(evidence[name]).reading
        assert found is not None
        return found

    return Details(
        changes=() if changes is None else changes_of(changes),
        versions={} if versions is None else red_series(versions, ["service_name", "service_version"], grid),
        own_times=own_times_in(ledger, reading("own time")),
        fanouts=fanouts_in(ledger, reading("fan-out")),
        origins=origins_in(ledger, reading("origins")),
        failing_inputs={found.service: found for found in failing_inputs_in(ledger, reading("inputs"))},
        missing=missing_in(ledger, reading("missing")),
        logs=log_news_in(ledger, reading("logs")) if ledger.entry(e_logs).status == "found" else [],
        evidence=evidence,
    )


def _read_by(ledger: Ledger, vitals: Vitals, asked: dict[str, EvidenceId], usual: Window, incident: Window) -> None:
    """Have what was asked read as before beside now."""
    windows = {"usual": window_text(usual), "incident": window_text(incident)}
    seen = vitals.evidence
    for number, by in (
        (seen["services"], ["service_name"]),
        (seen["operations"], ["service_name", "operation"]),
        (seen["calls"], ["service_name", "callee", "operation"]),
        (asked["versions"], ["service_name", "service_version"]),
    ):
        ledger.read(number, "before and now", {**windows, "by": by})
    ledger.read(seen["resources"], "resources before and now", windows)
    ledger.read(asked["logs"], "new lines", windows)


def _derive(ledger: Ledger, asked: dict[str, EvidenceId], incident: Window) -> dict[str, EvidenceId]:
    """What is computed from spans; every number is that of the evidence."""
    both = (asked["usual"], asked["spans"])
    questions: tuple[tuple[str, str, str, tuple[EvidenceId, ...]], ...] = (
        ("own time", "Where does the time of a request go?", "own time", both),
        ("fan-out", "What is done more often per request?", "fan-out", both),
        ("origins", "Where do failures begin?", "error origins", both),
        ("missing", "Which calls are missing in requests?", "missing calls", both),
        ("inputs", "Which inputs fail?", "failing inputs", (asked["spans"],)),
    )
    return {key: ledger.derive(question, name, of, {}, incident) for key, question, name, of in questions}


def changes_of(table: pa.Table) -> tuple[Change, ...]:
    """The rows that are changes; what makes no sense (it was not posted, but read from a file) is left out."""
    found = []
    for row in table.to_pylist():
        with suppress(ValidationError):
            found.append(change_of(row))
    return tuple(found)


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
