"""Parcel: one thing that is to be done outside, once; and how far that has come."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from watchkeeper.domain.ground import IncidentId, Noun, Scalar
from watchkeeper.domain.signals import Severity

ParcelKind = Literal["ticket", "comment", "transition", "notice", "file"]
"""A ticket is created (or found); a comment or a transition goes to the incident's ticket; a notice to a channel; a
file into a folder."""
ParcelState = Literal["waiting", "sending", "delivered", "uncertain", "failed"]
"""`uncertain`: it was being sent when we stopped, and the other side cannot be asked whether it arrived: a person
decides. `failed`: refused for good (not for now), with the reason."""


class Parcel(Noun):
    """What is to be delivered; `key` is the same whenever the same thing is meant, and no key is delivered twice."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    incident_id: IncidentId
    target: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """Whither: `jira`, `slack`, `files`."""
    kind: ParcelKind
    title: str = ""
    text: str = ""
    """Markdown; the target writes it in its own markup."""
    severity: Severity | None = None
    fields: dict[str, Scalar] = Field(default_factory=dict)
    """The draft's facts, for systems that take fields."""
    draft: int | None = None
    """The number of the draft that it delivers."""
    approved_by: Annotated[str, StringConstraints(min_length=1)]
    """Who, or which policy, approved it: nothing leaves without."""


class Receipt(Noun):
    """What the other side answered."""

    reference: str | None = None
    """Its own name of it, such as `OPS-42`."""
    link: str | None = None
    was_there: bool = False
    """It had been delivered before, and was found instead of being made again."""


class KeptParcel(Noun):
    """A parcel in the outbox."""

    parcel: Parcel
    state: ParcelState
    attempts: int = 0
    not_before: AwareDatetime
    error: str | None = None
    receipt: Receipt | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime
