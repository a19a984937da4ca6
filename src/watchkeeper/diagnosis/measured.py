"""What severity is judged on: services over the last five minutes and the last half minute, as they were served."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal

import numpy as np

from watchkeeper.analysis.resources import Usage
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Key
from watchkeeper.analysis.symptoms import Symptom
from watchkeeper.diagnosis.timing import Timing
from watchkeeper.domain import EvidenceId, Measured, Window
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.vitals import Vitals
from watchkeeper.telemetry.sources import RedQuery, Sources

LAST_SECONDS, FAST_SECONDS = 300.0, 30.0
"""The stretch that severity is judged on, and the short one that decides what is plainly down."""
LEAST_USUAL_SECONDS = 30.0
"""Telemetry that a usual level needs."""
ONE_STEP = 1e9
"""A step so long that a window lies in one: percentiles are exact over all of it."""
LOST_SHARE = 0.5
"""Share of failed calls from which a silent service counts as unavailable."""


@dataclass(frozen=True)
class Stretch:
    """How requests were served over one stretch of time, exactly: by (service, operation), the operation perhaps ''."""

    window: Window
    evidence: EvidenceId
    rows: dict[Key, dict[str, float]]


@dataclass(frozen=True)
class Served:
    """How requests were served since it began, and usually; and what severity is judged on."""

    since: Stretch
    usual: Stretch | None
    measured: tuple[Measured, ...]


def measure(sources: Sources, vitals: Vitals, symptoms: list[Symptom], timing: Timing | None, ledger: Ledger) -> Served:
    """Every known service since the onset, or over the last minutes where that is nearer or there is none.

    Entry services also over the last half minute and, where one of their endpoints shows a symptom, that endpoint.
    Never raises for a source that is down.
    """
    end = vitals.grid.time_of(vitals.grid.size)
    last, before = Window.before(end, LAST_SECONDS), _all_before(vitals, Window.before(end, LAST_SECONDS).start)
    if timing is not None:
        start = min(max(last.start, timing.onset.at), Window.before(end, FAST_SECONDS).start)
        last, before = Window(start=start, end=end), timing.usual
    ask = partial(_ask, sources, ledger)
    now = ask(f"How were requests served {'since it began' if timing else 'in the last minutes'}?", last)
    usual = ask("How are requests served usually?", before) if before is not None else None
    short = ask("How were requests served in the last half minute?", Window.before(end, FAST_SECONDS))
    look = _Look(vitals, {s.service for s in symptoms if s.measure == "silence"}, timing is not None)
    doors = entries(vitals)
    found = [look.measured((name, ""), now, usual, name in doors) for name in vitals.names]
    found += [look.measured((name, ""), short, usual, True) for name in sorted(doors)]
    hit = sorted({(s.service, s.operation) for s in symptoms if s.operation and s.service in doors})
    if hit:
        by_now = ask("How was each endpoint served since it began?", last, ("operation",))
        by_usual = ask("How is each endpoint served usually?", before, ("operation",)) if before is not None else None
        found += [look.measured(key, by_now, by_usual, True) for key in hit]
    return Served(now, usual, tuple(found))


def _ask(
    sources: Sources, ledger: Ledger, question: str, window: Window, by: tuple[Literal["operation"], ...] = ()
) -> Stretch:
    query = RedQuery(window=window, step_seconds=ONE_STEP, by=by)
    number, table = ledger.ask(question, "traces", sources.red, query)
    ledger.read(number, "over the whole window", {})
    rows = [] if table is None else table.to_pylist()
    return Stretch(window, number, {(row["service_name"], row.get("operation") or ""): row for row in rows})


def _all_before(vitals: Vitals, last: datetime) -> Window | None:
    """What was reported before the last minutes; where that is too little, the first half of all that was."""
    reported = [int(np.flatnonzero(rows)[0]) for rows in vitals.presence.values() if rows.any()]
    if not reported:
        return None
    first = vitals.grid.time_of(min(reported))
    if (last - first).total_seconds() >= LEAST_USUAL_SECONDS:
        return Window(start=first, end=last)
    half = first + (vitals.grid.time_of(vitals.grid.size) - first) / 2
    return Window(start=first, end=half) if (half - first).total_seconds() >= LEAST_USUAL_SECONDS else None


def entries(vitals: Vitals) -> set[str]:
    """Services that take requests and that no other service calls."""
    called = {callee for caller, callee, _ in vitals.calls if caller != callee}
    return {name for name in vitals.services if name not in called}


@dataclass(frozen=True)
class _Look:
    """What is known of all services beside their requests."""

    vitals: Vitals
    silent: set[str]
    is_since_onset: bool

    def measured(self, key: tuple[str, str], now: Stretch, usual: Stretch | None, is_entry: bool) -> Measured:
        """One service, or one endpoint of it, in one stretch."""
        (name, operation), row = key, now.rows.get(key, {})
        is_silent = name in self.silent and not operation
        is_lost = is_silent and _is_lost(name, self.vitals, now.window)
        resources = self.vitals.resources
        return Measured(
            service=name,
            operation=operation or None,
            window=now.window,
            is_since_onset=self.is_since_onset,
            is_entry=is_entry,
            requests=int(row.get("requests", 0)),
            errors=int(row.get("errors", 0)),
            p95_ms=row.get("p95_ms"),
            usual_p95_ms=usual.rows.get(key, {}).get("p95_ms") if usual is not None else None,
            is_unavailable=is_lost,
            is_silent=is_silent and not is_lost,
            cpu_share=_share(resources.get((name, "cpu")), now.window, self.vitals),
            memory_share=_share(resources.get((name, "memory")), now.window, self.vitals),
            evidence=now.evidence,
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
