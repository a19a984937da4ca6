"""What severity is judged on: services over the last five minutes and the last half minute, as they were served."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np

from watchkeeper.analysis.resources import Usage
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Key
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
    rows: dict[Key, dict[str, float]]
    """By (service, operation); the operation is empty where all requests count."""


def measure(
    sources: Sources, vitals: Vitals, symptoms: list[Symptom], usual: Window | None, ledger: Ledger
) -> tuple[Measured, ...]:
    """Every known service over the last minutes; entry services also over the last half minute and, where one of their
    endpoints shows a symptom, that endpoint.

    `usual` is the calm before an incident; without one it is all that lies before the last minutes. Never raises for a
    source that is down.
    """
    end = vitals.grid.time_of(vitals.grid.size)
    last, fast = Window.before(end, LAST_SECONDS), Window.before(end, FAST_SECONDS)
    before = usual or _all_before(vitals, last)
    silent, doors = {s.service for s in symptoms if s.measure == "silence"}, entries(vitals)
    hit = {(s.service, s.operation) for s in symptoms if s.operation and s.service in doors}

    def ask(question: str, window: Window | None, *by: Literal["operation"]) -> _Asked:
        return _ask(question, window or last, by, sources, ledger)

    now = ask("How were requests served over the last minutes?", last)
    past = ask("And usually?", before) if before is not None else _Asked(last, now.evidence, {})
    found = [_measured((name, ""), now, past, vitals, name in doors, name in silent) for name in vitals.names]
    short = ask("And over the last half minute?", fast)
    found += [_measured((name, ""), short, past, vitals, True, name in silent) for name in sorted(doors)]
    if hit:
        now = ask("How were the endpoints served, where requests enter?", last, "operation")
        past = ask("And those usually?", before, "operation") if before is not None else past
        found += [_measured(key, now, past, vitals, True, False) for key in sorted(hit)]
    return tuple(found)


def _ask(
    question: str, window: Window, by: tuple[Literal["operation"], ...], sources: Sources, ledger: Ledger
) -> _Asked:
    query = RedQuery(window=window, step_seconds=ONE_STEP, by=by)
    number, table = ledger.ask(question, "traces", sources.red, query)
    rows = [] if table is None else table.to_pylist()
    return _Asked(window, number, {(row["service_name"], row.get("operation") or ""): row for row in rows})


def _all_before(vitals: Vitals, last: Window) -> Window | None:
    start = vitals.grid.start
    return Window(start=start, end=last.start) if start + timedelta(seconds=1) < last.start else None


def entries(vitals: Vitals) -> set[str]:
    """Services that take requests and that no other service calls."""
    called = {callee for caller, callee, _ in vitals.calls if caller != callee}
    return {name for name in vitals.services if name not in called}


def _measured(
    key: tuple[str, str], asked: _Asked, past: _Asked, vitals: Vitals, is_entry: bool, is_silent: bool
) -> Measured:
    (name, operation), row = key, asked.rows.get(key, {})
    is_lost = is_silent and _is_lost(name, vitals, asked.window)
    return Measured(
        service=name,
        operation=operation or None,
        window=asked.window,
        is_entry=is_entry,
        requests=int(row.get("requests", 0)),
        errors=int(row.get("errors", 0)),
        p95_ms=row.get("p95_ms"),
        usual_p95_ms=past.rows.get(key, {}).get("p95_ms"),
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
