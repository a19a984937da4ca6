"""What drafts promise by severity, and what they measure a response against: the only numbers that are not measured."""

from pydantic import BaseModel

from watchkeeper.domain import Severity


class Policy(BaseModel, frozen=True, extra="forbid"):
    """Times that are agreed, not observed."""

    repair_days: dict[Severity, float] = {"P1": 7, "P2": 14, "P3": 30, "P4": 90}
    """Until what caused the trouble is to be mended."""
    prevention_days: dict[Severity, float] = {"P1": 14, "P2": 30, "P3": 60, "P4": 90}
    """Until what would have caught it, or shown it sooner, is to be in place."""
    update_minutes: dict[Severity, float] = {"P1": 15, "P2": 30, "P3": 120, "P4": 1440}
    """Between two updates while the trouble lasts."""
    review_hours: dict[Severity, float] = {"P1": 24, "P2": 72, "P3": 168, "P4": 336}
    """Until the post-mortem is held."""
    detection_minutes: float = 5
    """Within which trouble should be noticed."""
    diagnosis_minutes: float = 15
    """Within which, once noticed, it should be diagnosed."""
    priorities: dict[Severity, str] = {"P1": "Highest", "P2": "High", "P3": "Medium", "P4": "Low"}
    """What a tracker calls the severities, until delivery maps them."""
    words: dict[Severity, str] = {"P1": "critical", "P2": "major", "P3": "minor", "P4": "trend"}


UNJUDGED: Severity = "P3"
"""Whose times hold while no severity was judged."""
