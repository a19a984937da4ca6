"""A target in memory: for trying things out without sending anything, and for tests."""

from collections import deque
from dataclasses import dataclass, field

from watchkeeper.domain import Parcel, Receipt
from watchkeeper.errors import DeliveryUncertain


@dataclass
class FakeTarget:
    """Takes everything, keeps it, and sends nothing; what is planned in `mishaps` happens first, one a delivery."""

    name: str = "fake"
    can_find: bool = True
    settles_seconds: float = 0.0
    parcels: list[Parcel] = field(default_factory=list)
    """What arrived, in the order in which it did; a target that cannot be asked takes the same one again."""
    tickets: list[str | None] = field(default_factory=list)
    """The ticket that each was for."""
    mishaps: deque[Exception] = field(default_factory=deque)

    def find(self, parcel: Parcel, ticket: str | None) -> Receipt | None:
        """What arrived under this key."""
        if not self.can_find:
            raise LookupError(f"{self.name} cannot be asked")
        known = [each.key for each in self.parcels]
        return self._receipt(known.index(parcel.key), True) if parcel.key in known else None

    def deliver(self, parcel: Parcel, ticket: str | None) -> Receipt:
        """Take it, or have the next mishap; after one that is uncertain it has arrived."""
        if self.mishaps and not isinstance(self.mishaps[0], DeliveryUncertain):
            raise self.mishaps.popleft()
        found = self.find(parcel, ticket) if self.can_find else None
        if found is not None:
            return found
        self.parcels.append(parcel)
        self.tickets.append(ticket)
        if self.mishaps:
            raise self.mishaps.popleft()
        return self._receipt(len(self.parcels) - 1, False)

    def _receipt(self, place: int, was_there: bool) -> Receipt:
        return Receipt(reference=f"{self.name.upper()}-{place + 1}", was_there=was_there)
