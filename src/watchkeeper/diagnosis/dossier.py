"""What an investigation begins with, as plain data that a checkpoint can keep, and who may carry one out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import AwareDatetime

from watchkeeper.domain import CaseFile, Diagnosis, Noun, ServiceName, Signal, Window
from watchkeeper.errors import QueryRejected
from watchkeeper.evidence.claims import Ground
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.telemetry.sources import Sources

RECENT = timedelta(minutes=5)
"""How much of the time before a signal counts as the incident where nobody knows when it began."""


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


@dataclass(frozen=True)
class Bearings:
    """What the rules found out about time and place, for whoever looks further."""

    ground: Ground | None
    """What their claims were checked against; None where there was nothing to claim."""
    looked_at: Window
    usual: Window | None = None
    """The control window; None where the rules had none of their own."""
    incident: Window | None = None
    edges: frozenset[tuple[str, str]] = frozenset()
    components: frozenset[str] = frozenset()


def open_dossier(case: CaseFile, now: datetime, found: Bearings) -> Dossier:
    """The dossier of a case that the rules have diagnosed.

    Where they found no onset, the last stretch before the signal (at most `RECENT`, half of what was looked at) is
    taken for the incident, and what came before it for the usual.
    """
    ground, whole = found.ground, found.looked_at
    split = max(case.incident.signals[-1].at - RECENT, whole.start + whole.duration / 2)
    if not whole.start < split < whole.end:
        split = whole.start + whole.duration / 2
    return Dossier(
        case=case,
        now=now,
        usual=found.usual or Window(start=whole.start, end=split),
        incident=found.incident or Window(start=split, end=whole.end),
        latest_onset=ground.latest_onset if ground is not None else None,
        edges=tuple(sorted(ground.edges if ground is not None and ground.edges else found.edges)),
        components=tuple(sorted((ground.components if ground is not None else frozenset()) | found.components)),
    )


class Investigator(Protocol):
    """Whoever looks further than the rules did."""

    def investigate(self, dossier: Dossier, ledger: Ledger, sources: Sources) -> Diagnosis:
        """The diagnosis after looking further; new evidence is in the ledger. Never raises for a model that fails."""
