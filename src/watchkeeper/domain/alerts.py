"""Alert: what somebody else's rule, or our own watch, says is wrong; and what became of each that came in."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from watchkeeper.domain.ground import IncidentId, Noun, ServiceName
from watchkeeper.domain.signals import Severity

AlertStatus = Literal["firing", "resolved"]
AlertOutcome = Literal["opened", "joined", "repeated", "worsened", "resolved", "reopened", "cooled", "ignored"]
"""What an alert did: opened an incident, joined one, said again what is known, made a known one worse, ended,
opened an incident that was over again, was not looked into anew (cool-down), or belongs to nothing (an end of what
was never seen to begin)."""
INVESTIGATED: frozenset[AlertOutcome] = frozenset(("opened", "worsened", "reopened"))
"""Outcomes that have an incident diagnosed."""


class Alert(Noun):
    """One alert of one sender, firing or resolved, as it was read from the body that it came in. Untrusted text."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """`alertmanager`, `grafana`, the name of a mapping, or `watch` for our own eyes."""
    fingerprint: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """The same for every alert with the same labels of the same source."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    status: AlertStatus
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None = None
    service: ServiceName | None = None
    severity: Severity | None = None
    """What the sender's own severity comes to here; None where it says none that is known."""
    labels: dict[str, str] = Field(default_factory=dict)
    group_key: Annotated[str, StringConstraints(max_length=1024)] = ""
    """What the sender itself groups by; empty where it does not."""
    text: Annotated[str, StringConstraints(max_length=4000)] = ""
    link: Annotated[str, StringConstraints(max_length=2048)] | None = None

    @model_validator(mode="after")
    def _what_is_over_has_an_end(self) -> Self:
        if self.status == "resolved" and self.ends_at is None:
            raise ValueError("a resolved alert says when it ended")
        return self


class KeptAlert(Noun):
    """An alert that came in, and what it did: every one is accounted for."""

    id: int
    alert: Alert
    received_at: AwareDatetime
    outcome: AlertOutcome
    incident_id: IncidentId | None = None
    reason: str
    """Why that outcome, in words."""
