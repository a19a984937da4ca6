"""How probable a model may call a cause, by what its claims establish: being slow is what a victim shows too."""

from collections.abc import Iterable

from watchkeeper.domain import Claim
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.selectors import Selector, evaluate, parse

OWN_WORK = frozenset(
    {"blame", "own time", "fan-out", "error origins", "last seen", "resources before and now", "metric over time"}
    | {"restarts", "changes on trial", "inside visits", "what speaks against whom", "excess work"}
)
"""Analyses that tell a component's own doing from what it only suffers. Log lines are none: anybody may write them."""
MOST_LATE, MOST_BY_SYMPTOMS, MOST_UNTIMED = 0.15, 0.3, 0.5
"""The most for a cause whose trouble came late, that shows nothing but symptoms, whose time is open."""
TIMES_MORE = 1.3
"""By how much a figure must have grown to count: large samples make small differences true."""
LEAST_MS, LEAST_SHARE = 2.0, 0.2
"""The least growth of a duration, and the least share of the blame, that count."""


def most_probable(claims: Iterable[Claim], against: Iterable[Claim], component: str, answers: Answers) -> float:
    """The most that a model's probability may be, between 0 and 1, whatever it says."""
    backing = [claim for claim in claims if claim.about == component and claim.standing == "supports"]
    if any(claim.role == "timing" and claim.about == component for claim in against):
        return MOST_LATE
    if not any(_is_own_work(claim, answers) for claim in backing):
        return MOST_BY_SYMPTOMS
    return 1.0 if any(claim.role == "timing" for claim in backing) else MOST_UNTIMED


def _is_own_work(claim: Claim, answers: Answers) -> bool:
    reading = answers.entry(claim.evidence).reading
    if claim.role == "timing" or reading is None or reading.name not in OWN_WORK:
        return False
    return _is_material(parse(claim.selector), claim, answers)


def _is_material(selector: Selector, claim: Claim, answers: Answers) -> bool:
    """Whether the figure grew by more than a large sample makes true of anything."""
    try:
        rows = answers.rows(claim.evidence)
        now = evaluate(selector, rows)
        before = f"{selector.column}_before"
        then = evaluate(selector.over(before), rows) if before in rows.column_names else None
    except (QueryRejected, SourceUnavailable):
        return False
    if not isinstance(now, int | float):
        return True
    if selector.column == "share":
        return now >= LEAST_SHARE
    if not isinstance(then, int | float):
        return True
    return now >= TIMES_MORE * then and (not selector.column.endswith("_ms") or now - then >= LEAST_MS)
