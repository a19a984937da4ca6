"""Gauges on a fine grid, and who changed most by them: where no requests can be counted and no calls followed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from watchkeeper.analysis.gauges import ROWS, Changed, changed, gauges_of
from watchkeeper.analysis.series import Grid
from watchkeeper.domain import EvidenceId, Reading, Window
from watchkeeper.evidence.answers import Answers, Readings, parameters_of
from watchkeeper.evidence.golden import Asking
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.telemetry.sources import MetricBucketQuery, Metrics

STEP_SECONDS = 5.0
"""Fine enough to tell when it began, coarse enough that a step holds a value."""
READING = "gauges that changed"


@dataclass(frozen=True)
class GaugesChanged:
    """Who changed most, when, and the evidence that holds the rows."""

    found: Changed
    services: frozenset[str]
    """All that report a gauge that is recognised."""
    evidence: EvidenceId


def take_gauges(sources: Metrics, ask: Asking, window: Window) -> EvidenceId:
    """Ask what gauges said in the window. Never raises for a source that is down."""
    number, _ = ask(
        "How did latency, errors, workload and resources of every service run?", "metrics", sources.metric_buckets,
        MetricBucketQuery(window=window, step_seconds=STEP_SECONDS),
    )  # fmt: skip
    return number


def derive_changed(ledger: Ledger, asked: EvidenceId, at: datetime, window: Window) -> GaugesChanged | None:
    """Enter who changed most around `at` into the ledger, to be cited by claims; None where nothing can be said."""
    found, services = _changed(ledger, asked, at)
    if found is None:
        return None
    number = ledger.derive("Whose gauges changed most?", READING, [asked], {"at": at.isoformat()}, window)
    return GaugesChanged(found, services, number)


def rows_of_changed(answers: Answers, reading: Reading) -> pa.Table:
    """What changed, anew from the answers: `gauges.ROWS`, the most blamed component first."""
    found, _ = _changed(answers, reading.of[0], _moment(parameters_of(reading)))
    return ROWS.empty_table() if found is None else found.rows


READINGS: Readings = {READING: rows_of_changed}
"""By the name that evidence carries."""


def _changed(answers: Answers, number: EvidenceId, at: datetime) -> tuple[Changed | None, frozenset[str]]:
    table, window = answers.answer(number), answers.query(number).window
    if table is None:
        return None, frozenset()
    grid = Grid.over(window, STEP_SECONDS)
    gauges = gauges_of(table, grid)
    return changed(gauges, grid, grid.position_of(at)), frozenset(gauge.service for gauge in gauges)


def _moment(given: Mapping[str, object]) -> datetime:
    return datetime.fromisoformat(str(given["at"]))
