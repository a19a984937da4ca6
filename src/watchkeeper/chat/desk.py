"""What an answer may draw on: sources, cases, the catalogue, runbooks, perhaps a model; all of it handed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from watchkeeper.catalogue import Catalogue
from watchkeeper.chat.replies import Reply
from watchkeeper.chat.understanding import Understanding
from watchkeeper.domain import CaseFile, IncidentId, ServiceName
from watchkeeper.evidence.answers import Answers, Readings
from watchkeeper.telemetry.sources import Cancel, Sources

Say = Callable[[str], None]


@dataclass(frozen=True)
class LookedAgain:
    """A case diagnosed once more."""

    case: CaseFile
    is_over: bool
    """Whether no symptom stands out any more at the moment up to which it was looked."""


class Cases(Protocol):
    """Diagnoses, and what is kept of them. Raises what the pipeline and the records raise."""

    def diagnose(self, service: ServiceName | None, at: datetime) -> CaseFile:
        """A new case about a service, or about everything, as at a moment; it is kept."""

    def again(self, case: CaseFile) -> LookedAgain:
        """The case with one more diagnosis of what is known now; it is kept."""

    def kept(self, case_id: IncidentId | None) -> CaseFile | None:
        """The case of that id (QueryRejected where there is none), or without an id the latest of these sources."""

    def keep(self, case: CaseFile) -> CaseFile:
        """The case with evidence that was added to it, as it is kept now."""


class Runbooks(Protocol):
    """What is written about what to do."""

    def steps_for(self, case: CaseFile) -> tuple[str, ...]:
        """The steps that apply, filled with the incident's values; empty where no runbook does."""


class Teller(Protocol):
    """Whoever puts an answer into words; a model may."""

    def tell(self, question: str, reply: Reply, answers: Answers) -> Sequence[str]:
        """Sentences with every number as a placeholder over the reply's evidence (`evidence.prose`); code fills them.

        A sentence that cannot be filled is left out. May raise ModelUnavailable: then the reply stays as it is.
        """


@dataclass(frozen=True)
class Desk:
    """Everything that one question is answered with."""

    sources: Sources
    cases: Cases
    readings: Readings
    """Every analysis that evidence of a case may name."""
    now: datetime
    """The moment that times are relative to; of a recording, its end."""
    catalogue: Catalogue = field(default_factory=Catalogue)
    is_recording: bool = False
    zone: tzinfo = UTC
    runbooks: Runbooks | None = None
    understanding: Understanding | None = None
    """A model's; None: only the rules'."""
    teller: Teller | None = None
    say: Say = lambda _: None
    cancel: Cancel | None = None
