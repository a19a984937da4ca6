"""What a workflow does for an incident, one step after the other; whoever builds things from settings supplies it."""

from typing import Protocol

from watchkeeper.domain import IncidentId


class Steps(Protocol):
    """The steps of one look into an incident, in their order.

    A step that was killed in its middle is carried out again, and so is one whose end was not kept: each leaves the
    same behind however often it runs. What they answer is one sentence about what was done. Each may raise
    RecordsUnavailable, SourceUnavailable, StoreUnavailable or OSError for what may be over soon; it is then tried
    again.
    """

    def begin(self, incident_id: IncidentId, occasion: str) -> int:
        """Take the incident up; how many diagnoses it has before this look."""

    def gather(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        """Ask the telemetry and keep the rules' diagnosis; nothing where there are more than `before` already."""

    def diagnose(self, incident_id: IncidentId, occasion: str, before: int) -> str:
        """Have a model look further, where one is to; the case does without where it cannot."""

    def route(self, incident_id: IncidentId) -> str:
        """Say how bad it is and whose it is."""

    def draft(self, incident_id: IncidentId) -> str:
        """Write the drafts, and the case's folder."""

    def deliver(self, incident_id: IncidentId) -> str:
        """Put into the outbox what a policy lets leave."""
