"""Signal and Incident: what was noticed, and what belongs together."""

from typing import Literal

from pydantic import AwareDatetime, Field

from watchkeeper.domain.ground import IncidentId, Noun, ServiceName, Window

Severity = Literal["P1", "P2", "P3", "P4"]
SignalKind = Literal["alert", "anomaly", "silence", "question", "release", "complaints", "business"]
Direction = Literal["up", "down"]


class Signal(Noun):
    """Something noticed: where, when, and in which figure, as far as that is known."""

    kind: SignalKind
    at: AwareDatetime
    """When it was noticed; the trouble itself may be older."""
    service: ServiceName | None = None
    measure: str | None = None
    """The figure that moved, such as `error ratio` or `p95 latency`."""
    direction: Direction | None = None
    observed: float | None = None
    expected: float | None = None
    text: str = ""
    fingerprint: str | None = None
    """What stays the same while the same thing is noticed again; None for a question."""
    severity: Severity | None = None
    """What its sender calls it; None where that says nothing that is known."""

    @property
    def is_of_everybody(self) -> bool:
        """Whether it says that no service at all reports any more."""
        return self.kind == "silence" and self.service is None


IncidentState = Literal["open", "investigating", "diagnosed", "mitigated", "resolved", "closed", "reopened"]


class Incident(Noun):
    """Signals that belong together."""

    id: IncidentId
    signals: tuple[Signal, ...] = Field(min_length=1)
    window: Window
    service: ServiceName | None = None
    severity: Severity | None = None
    state: IncidentState = "open"
    is_recorded: bool = False
    """Whether its telemetry lies in a recording, not in the live store."""
