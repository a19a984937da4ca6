"""What severity is judged on: each service over the last five minutes and the last thirty seconds, as it was served."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from watchkeeper.analysis.resources import Usage
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.symptoms import Symptom
from watchkeeper.domain import EvidenceId, Measured, Window
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.vitals import Vitals
from watchkeeper.telemetry.sources import RedQuery, Sources

LAST_SECONDS, FAST_SECONDS = 300.0, 30.0
"""The stretch that severity is judged on, and the short one that decides what is plainly down."""
ONE_STEP = 1e9
"""A step so long that a window lies in one: percentiles are exact over all of it."""
LOST_SHARE = 0.5
"""Share of failed calls from which a silent service counts as unavailable."""


@dataclass(frozen=True)
class _Asked:
    """One stretch, with the rows by service that were answered for it."""

    window: Window
    evidence: EvidenceId
    rows: dict[str, dict[str, float]]


def measure(
    sources: Sources, vitals: Vitals, symptoms: list[Symptom], usual: Window | None, ledger: Ledger
) -> tuple[Measured, ...]:
    """Every known service over the last minutes; entry services over the last thirty seconds too.

    `usual` is the calm before an incident; without one it is all that lies before the last minutes. Never raises for a
    source that is down.
    """
    end = vitals.grid.time_of(vitals.grid.size)
    last = _ask("How were requests served over the last minutes?", Window.before(end, LAST_SECONDS), sources, ledger)
    fast = _ask("And over the last half minute?", Window.before(end, FAST_SECONDS), sources, ledger)
    before = usual or _all_before(vitals, last.window)
    past = _ask("And usually?", before, sources, ledger).rows if before is not None else {}
    silent = {s.service for s in symptoms if s.measure == "silence"}
    doors = entries(vitals)
    found = [_measured(name, last, past, vitals, name in doors, name in silent) for name in vitals.names]
    return (*found, *(_measured(name, fast, past, vitals, True, name in silent) for name in sorted(doors)))


def _ask(question: str, window: Window, sources: Sources, ledger: Ledger) -> _Asked:
    query = RedQuery(window=window, step_seconds=ONE_STEP)
    number, table = ledger.ask(question, "traces", sources.red, query)
    return _Asked(window, number, {} if table is None else dict(_by_service(table)))


def _by_service(table: pa.Table) -> Iterator[tuple[str, dict[str, float]]]:
    for row in table.to_pylist():
        yield row["service_name"], row


def _all_before(vitals: Vitals, last: Window) -> Window | None:
    start = vitals.grid.start
    return Window(start=start, end=last.start) if start + timedelta(seconds=1) < last.start else None


def entries(vitals: Vitals) -> set[str]:
    """Services that take requests and that no other service calls."""
    called = {callee for caller, callee, _ in vitals.calls if caller != callee}
    return {name for name in vitals.services if name not in called}


def _measured(
    name: str, asked: _Asked, past: dict[str, dict[str, float]], vitals: Vitals, is_entry: bool, is_silent: bool
) -> Measured:
    row = asked.rows.get(name, {})
    is_lost = is_silent and _is_lost(name, vitals, asked.window)
    return Measured(
        service=name,
        window=asked.window,
        is_entry=is_entry,
        requests=int(row.get("requests", 0)),
        errors=int(row.get("errors", 0)),
        p95_ms=row.get("p95_ms"),
        usual_p95_ms=past.get(name, {}).get("p95_ms"),
        is_unavailable=is_lost,
        is_silent=is_silent and not is_lost,
        cpu_share=_share(vitals.resources.get((name, "cpu")), asked.window, vitals),
        memory_share=_share(vitals.resources.get((name, "memory")), asked.window, vitals),
        evidence=asked.evidence,
    )


def _is_lost(name: str, vitals: Vitals, window: Window) -> bool:
    """Whether its callers get no answer either."""
    part = slice(vitals.grid.index_of(window.start), vitals.grid.size)
    totals = [red.total(part) for (_, callee, _), red in vitals.calls.items() if callee == name]
    requests, errors = (sum(total[i] for total in totals) for i in (0, 1))
    return requests > 0 and errors > LOST_SHARE * requests


def _share(usage: Usage | None, window: Window, vitals: Vitals) -> float | None:
    """The level of a resource that is reported as a share of what there is; None for one in bytes or seconds."""
    if usage is None or usage.unit not in ("1", "%"):
        return None
    part = usage.values[vitals.grid.index_of(window.start) :]
    level = location_scale(part)[0]
    return float(level / (100 if usage.unit == "%" else 1)) if np.isfinite(level) else None
