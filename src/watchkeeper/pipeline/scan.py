"""Which stretch of telemetry a diagnosis looks at, and what it may take for granted."""

from dataclasses import dataclass, field

from watchkeeper.analysis.symptoms import Sensitivity
from watchkeeper.domain import Window


@dataclass(frozen=True)
class Scan:
    """Which stretch of telemetry a diagnosis looks at, in seconds."""

    lookback_seconds: float = 1800.0
    """What counts as the recent past."""
    follow_seconds: float = 60.0
    """How much of what came after the signal is used, where it is there."""
    lag_seconds: float = 5.0
    """How long telemetry may be under way."""
    sensitivity: Sensitivity = field(default_factory=Sensitivity)
    references: tuple[Window, ...] = ()
    """Stretches that are known to be good, where the minutes before the signal are not."""
    topology: frozenset[tuple[str, str]] = frozenset()
    """Who calls whom (caller, callee), where that is declared and not to be seen in traces."""
