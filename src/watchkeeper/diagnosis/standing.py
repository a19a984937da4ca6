"""How probable a model may call a cause, by what its claims establish: being slow is what a victim shows too."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from watchkeeper.domain import Claim, Evidence
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.selectors import Selector, evaluate, parse, select

OWN_WORK: Mapping[str, frozenset[str]] = {
    "blame": frozenset({"share"}),
    "own time": frozenset({"own_ms"}),
    "fan-out": frozenset({"per_request"}),
    "error origins": frozenset({"count"}),
    "resources before and now": frozenset({"value", "mean"}),
    "restarts": frozenset({"started", "began", "last_started"}),
    "last seen": frozenset({"last_seen"}),
    "inside visits": frozenset({"value", "score"}),
    "what speaks against whom": frozenset({"share", "score"}),
    "excess work": frozenset({"share"}),
}
"""By analysis, the figures that tell a component's own doing from what it only suffers.

Log lines are none: anybody may write them. Neither is a change: that one was made says nothing of what it did. That a
row is there, or what it is called, is no figure.
"""
MOST_LATE, MOST_BY_SYMPTOMS, MOST_UNTIMED = 0.15, 0.3, 0.5
"""The most for a cause whose trouble came late, that shows nothing but symptoms, whose time is open."""
SURE_ENOUGH = 1.0
"""What may be called so probable shows own work in time."""
TIMES_MORE = 1.3
"""By how much a figure must have grown to count: large samples make small differences true."""
LEAST_MS, LEAST_SHARE, LEAST_FAILURES = 2.0, 0.2, 5
"""The least growth of a duration, the least share of the blame, and the least failures more, that count."""
WHOSE = frozenset({"own time", "error origins"})
"""Analyses that take for own work what a component waits for and nobody traced: these count beside blame only."""
LEAST_PART = 0.1
"""The least part of the blame, where that is computed, with which they count."""
LEAST_OF: Mapping[str, float] = {"cpu": 0.1, "memory": 16e6, "pool": 0.5}
"""The least growth that counts of a share of CPU, of bytes, and of requests that wait for a connection."""
LEAST_WAITING = 1.0
"""The same of other queues."""
LEAST_SILENCE = timedelta(seconds=20)
"""So long before the end somebody must have been seen last to be silent."""


def most_probable(claims: Iterable[Claim], against: Iterable[Claim], component: str, ledger: Ledger) -> float:
    """The most that a model's probability may be, between 0 and 1, whatever it says."""
    backing = [claim for claim in claims if claim.about == component and claim.standing == "supports"]
    if any(claim.role == "timing" and claim.about == component for claim in against):
        return MOST_LATE
    if not any(_is_own_work(claim, component, ledger) for claim in backing):
        return MOST_BY_SYMPTOMS
    return SURE_ENOUGH if any(claim.role == "timing" for claim in backing) else MOST_UNTIMED


def _is_own_work(claim: Claim, component: str, ledger: Ledger) -> bool:
    entry = ledger.entry(claim.evidence)
    if claim.role == "timing" or entry.reading is None:
        return False
    selector = parse(claim.selector)
    if selector.column not in OWN_WORK.get(entry.reading.name, ()):
        return False
    if entry.reading.name in WHOSE and not _is_blamed(component, ledger):
        return False
    return _is_material(selector, entry, ledger)


def _is_blamed(component: str, ledger: Ledger) -> bool:
    """Whether some of the blame is the component's, or nobody computed that."""
    numbers = [entry.id for entry in ledger.evidence if entry.reading is not None and entry.reading.name == "blame"]
    if not numbers:
        return True
    part = evaluate(select("max", "share", component=component), ledger.rows(numbers[-1]))
    return isinstance(part, int | float) and part >= LEAST_PART


def _is_material(selector: Selector, entry: Evidence, answers: Answers) -> bool:
    """Whether the figure grew by more than a large sample, or a well chosen row, makes true of anybody."""
    try:
        rows = answers.rows(entry.id)
        now = evaluate(selector, rows)
        before = f"{selector.column}_before"
        then = evaluate(selector.over(before), rows) if before in rows.column_names else None
    except (QueryRejected, SourceUnavailable):
        return False
    if isinstance(now, datetime):
        return selector.column != "last_seen" or now + LEAST_SILENCE <= entry.window.end
    if not isinstance(now, int | float):
        return False
    if selector.column == "share":
        return now >= LEAST_SHARE
    grown = now - then if isinstance(then, int | float) else now
    if isinstance(then, int | float) and now < TIMES_MORE * then:
        return False
    return grown >= _least(selector, entry)


def _least(selector: Selector, entry: Evidence) -> float:
    """How much the figure must have grown, beside by which factor."""
    if selector.column.endswith("_ms"):
        return LEAST_MS
    if entry.reading is not None and entry.reading.name == "resources before and now":
        kind = selector.held("kind")
        # Of figures of several kinds none says anything: bytes of memory are always more than shares of CPU.
        return LEAST_OF.get(kind, LEAST_WAITING) if kind is not None else math.inf
    return LEAST_FAILURES if selector.column == "count" else 0.0
