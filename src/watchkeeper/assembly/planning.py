"""What of a case is to leave, put into the outbox: the policy, the case as it is kept, and what is known."""

from watchkeeper.assembly.books import Books
from watchkeeper.delivery.planning import plan
from watchkeeper.delivery.policy import Policy
from watchkeeper.domain import IncidentId, KeptParcel


def plan_and_put(policy: Policy, books: Books, incident_id: IncidentId) -> int:
    """Put what may leave into the outbox; how many parcels are new. Done again, it is nothing more.

    Raises RecordsUnavailable.
    """
    case = books.records.case(incident_id)
    drafts = [(each.number, each.draft) for each in books.decisions.drafts(incident_id)]
    known = books.outbox.of(incident_id)
    planned = plan(case, drafts, known, policy, resolutions=_reopened(books, incident_id) + 1)
    # Approved before it can leave: what has left is published only where it was approved.
    for number, by in planned.approvals:
        books.decisions.approve(incident_id, number, by)
    return books.outbox.put(planned.parcels)


def note_delivery(books: Books, kept: KeptParcel) -> None:
    """Say of the draft that a parcel carried where it has arrived; a copy in a folder of our own settles nothing."""
    parcel = kept.parcel
    if parcel.draft is None or parcel.kind == "file":
        return
    reference = kept.receipt.reference if kept.receipt is not None else None
    books.decisions.published(parcel.incident_id, parcel.draft, f"{parcel.target} {reference or ''}".strip())


def _reopened(books: Books, incident_id: IncidentId) -> int:
    by_alerts = {each.received_at for each in books.alerts.latest(incident_id) if each.outcome == "reopened"}
    by_people = [deed for deed in books.decisions.deeds(incident_id) if deed.deed == "reopened"]
    return len(by_alerts) + len(by_people)
