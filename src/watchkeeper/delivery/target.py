"""What delivery asks of a place outside: find what arrived, and deliver what did not."""

import hashlib
from typing import Protocol

from watchkeeper.domain import Parcel, Receipt

NOTICED_AT = "noticed_at"
"""The field of a parcel that tells two incidents with one number apart: when the first signal was noticed."""


class Target(Protocol):
    """One place outside. Both methods may be called again and again with one parcel; `deliver` delivers it once."""

    can_find: bool
    """Whether it can be asked if a parcel arrived; one that cannot is never sent to again by itself."""
    settles_seconds: float
    """How long it may take until what arrived can be found."""

    def find(self, parcel: Parcel, ticket: str | None) -> Receipt | None:
        """The receipt of a parcel that arrived before, None where it did not; LookupError where it cannot be asked.

        Raises DeliveryFailed where it cannot be asked now.
        """

    def deliver(self, parcel: Parcel, ticket: str | None) -> Receipt:
        """Deliver it, or find it delivered; `ticket` is the reference of the incident's ticket, once there is one.

        Raises DeliveryFailed where it should be tried again later, DeliveryRefused where that would not help,
        DeliveryUncertain where it may have arrived and cannot be asked for.
        """


def mark(parcel: Parcel) -> str:
    """A short text that is this parcel's own, for systems that search by one word."""
    told = f"{parcel.key}|{parcel.fields.get(NOTICED_AT, '')}"
    return f"watchkeeper-{parcel.incident_id}-{hashlib.sha256(told.encode()).hexdigest()[:10]}"
