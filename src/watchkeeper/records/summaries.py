"""What of a case is read without reading all of it: its line in a list, its history for the casebook."""

import hashlib
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, StringConstraints, computed_field

from watchkeeper.domain import (
    DiagnosisStatus,
    Draft,
    IncidentId,
    IncidentState,
    Noun,
    Probability,
    ReleaseStatus,
    ServiceName,
    Severity,
    Verdict,
)

OVER: tuple[IncidentState, ...] = ("resolved", "closed")
"""States of an incident that has ended; in every other it is open."""
Order = Literal["latest", "severity", "changed"]
"""The latest opened first; the most severe first, of those the latest; the latest changed first."""


class CaseSummary(Noun):
    """One line about a case: its latest diagnosis and its latest verdict."""

    incident_id: IncidentId
    service: ServiceName | None = None
    severity: Severity | None = None
    state: IncidentState
    opened_at: AwareDatetime
    """When the first of its signals was noticed."""
    updated_at: AwareDatetime
    revision: int
    diagnoses: int = 0
    status: DiagnosisStatus | None = None
    """None where it has not been diagnosed."""
    headline: str | None = None
    component: ServiceName | None = None
    probability: Probability | None = None
    release: ReleaseStatus | None = None
    """Whether the latest diagnosis says that a change did it; None where it has not been diagnosed."""
    judged: str | None = None


class Conclusion(Noun):
    """What one diagnosis came to."""

    at: AwareDatetime
    status: DiagnosisStatus
    component: ServiceName | None = None
    probability: Probability | None = None
    since: AwareDatetime | None = None
    """When the symptom began."""


class History(Noun):
    """How one incident went: when it was noticed, what was concluded, how that was judged."""

    incident_id: IncidentId
    service: ServiceName | None = None
    noticed_at: AwareDatetime
    """When the first of its signals was noticed."""
    conclusions: tuple[Conclusion, ...] = ()
    """One for each diagnosis, in their order."""
    verdicts: tuple[Verdict, ...] = ()
    """In the order in which they were given."""


class Judgement(Noun):
    """A verdict, whose diagnosis it judges, and what else the engineer had to say."""

    incident_id: IncidentId
    verdict: Verdict
    note: str | None = None


class NumberedDraft(Noun):
    """A draft under the number by which it is decided about; the number stays its own while it is there."""

    number: int
    draft: Draft

    @computed_field  # type: ignore[prop-decorator]
    @property
    def digest(self) -> str:
        """Of the words that it has now: whoever decides about them says by it which they saw."""
        return digest_of(self.draft.title, self.draft.text)


def digest_of(title: str, text: str) -> str:
    """What tells two texts of a draft apart: 64 hexadecimal digits, of its title and its text."""
    return hashlib.sha256(f"{title}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()


class Deed(Noun):
    """Who did what, when and why."""

    at: AwareDatetime
    by: str
    """The name of a token or of a policy."""
    deed: str
    """Such as `approved`, `rejected`, `edited`, `judged`, `looked again`, `closed`, `signed in`, `made a token`."""
    incident_id: IncidentId | None = None
    subject: str
    """To what it was done, such as `draft 2 (ticket)`."""
    reason: str = ""


class KeptToken(Noun):
    """What is kept of a token; the token itself is not."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    digest: str
    """SHA-256 of the token, in hexadecimal digits."""
    scopes: frozenset[str]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    used_at: AwareDatetime | None = None
    """To the minute."""

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything at that time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
