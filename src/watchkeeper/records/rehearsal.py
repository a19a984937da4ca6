"""The outbox of a dry run: beside the records, and gone with them that hold it."""

from collections.abc import Iterable

from watchkeeper.domain import CaseFile, Parcel
from watchkeeper.records.outbox import Outbox
from watchkeeper.records.store import Records


class RehearsedOutbox(Outbox):
    """Parcels in records of their own; of the real ones it reads which incident a parcel is about, nothing else."""

    def __init__(self, real: Records, own: Records) -> None:
        super().__init__(own)
        self._real, self._own = real, own

    def put(self, parcels: Iterable[Parcel]) -> int:
        """Keep the parcels whose keys are new; their incidents are made known first."""
        wanted = list(parcels)
        for incident_id in {parcel.incident_id for parcel in wanted}:
            self._own.save(CaseFile(incident=self._real.case(incident_id).incident))
        return super().put(wanted)
