"""What an investigation begins with, as plain data that a checkpoint can keep, and who may carry one out."""

from datetime import datetime
from typing import Protocol

from pydantic import AwareDatetime

from watchkeeper.domain import CaseFile, Diagnosis, Noun, ServiceName, Signal, Window
from watchkeeper.errors import QueryRejected
from watchkeeper.evidence.claims import Ground
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.telemetry.sources import Sources


class Dossier(Noun):
    """The rules' case, and what its claims were checked against."""

    case: CaseFile
    """The latest diagnosis is the rules'; its evidence is what tools go on from."""
    now: AwareDatetime
    """The moment up to which anything may be known."""
    usual: Window
    incident: Window
    latest_onset: AwareDatetime | None
    """A cause began at this moment at the latest; None where no onset is known: then no cause can be stated."""
    edges: tuple[tuple[ServiceName, ServiceName], ...] = ()
    """Who calls whom."""
    components: tuple[ServiceName, ...] = ()

    @property
    def signal(self) -> Signal:
        """What was noticed last."""
        return self.case.incident.signals[-1]

    @property
    def rules(self) -> Diagnosis:
        """The diagnosis without any model."""
        found = self.case.latest
        if found is None:
            raise QueryRejected(f"{self.case.incident.id} was never diagnosed")
        return found

    def ground(self, recheck: Recheck, names: frozenset[str]) -> Ground:
        """What claims are checked against; where no onset is known, none is early enough."""
        latest = self.latest_onset or datetime.min.replace(tzinfo=self.now.tzinfo)
        return Ground(
            recheck=recheck,
            usual=self.usual,
            latest_onset=latest,
            names=names,
            edges=frozenset(self.edges),
            components=frozenset(self.components),
        )


class Investigator(Protocol):
    """Whoever looks further than the rules did."""

    def investigate(self, dossier: Dossier, ledger: Ledger, sources: Sources) -> Diagnosis:
        """The diagnosis after looking further; new evidence is in the ledger. Never raises for a model that fails."""
