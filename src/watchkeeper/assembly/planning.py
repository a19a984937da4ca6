"""What of a case is to leave, put into the outbox: the policy, the case as it is kept, and what is known."""

from watchkeeper.assembly.books import Books
from watchkeeper.delivery.planning import plan
from watchkeeper.delivery.policy import Policy
from watchkeeper.domain import IncidentId, KeptParcel
from watchkeeper.errors import QueryRejected

TRIES = 5
"""How often it is planned anew because somebody decided about a draft in that very moment."""


def plan_and_put(policy: Policy, books: Books, incident_id: IncidentId) -> int:
    """Put what may leave into the outbox; how many parcels are new. Done again, it is nothing more.

    Raises RecordsUnavailable.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return _planned_and_put(policy, books, incident_id)
        except QueryRejected:
            if attempt == TRIES:
                raise
    raise AssertionError("the last try answers or raises")


def _planned_and_put(policy: Policy, books: Books, incident_id: IncidentId) -> int:
    """The same once; raises QueryRejected where a person edited or rejected meanwhile what a policy approves."""
    case = books.records.case(incident_id)
    numbered = books.decisions.drafts(incident_id)
    read = {each.number: each.digest for each in numbered}
    known = books.outbox.of(incident_id)
    drafts = [(each.number, each.draft) for each in numbered]
    planned = plan(case, drafts, known, policy, resolutions=_reopened(books, incident_id) + 1)
    # Approved before it can leave: what has left is published only where it was approved, as it was planned.
    for number, by in () if books.is_dry_run else planned.approvals:
        books.decisions.approve(incident_id, number, by, read[number])
    return books.outbox.put(planned.parcels)


def note_delivery(books: Books, kept: KeptParcel) -> None:
    """Say of the draft that a parcel carried where it has arrived.

    A copy in a folder of our own settles nothing, and neither does a dry run.
    """
    parcel = kept.parcel
    if parcel.draft is None or parcel.kind == "file" or books.is_dry_run:
        return
    reference = kept.receipt.reference if kept.receipt is not None else None
    books.decisions.published(parcel.incident_id, parcel.draft, f"{parcel.target} {reference or ''}".strip())


def _reopened(books: Books, incident_id: IncidentId) -> int:
    by_alerts = {each.received_at for each in books.alerts.latest(incident_id) if each.outcome == "reopened"}
    by_people = [deed for deed in books.decisions.deeds(incident_id) if deed.deed == "reopened"]
    return len(by_alerts) + len(by_people)
