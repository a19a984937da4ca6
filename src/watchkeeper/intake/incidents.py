"""Opening an incident for a signal."""

from watchkeeper.domain import Incident, Signal, Window


def open_incident(signal: Signal, number: int, window: Window) -> Incident:
    """The incident that a signal opens; `number` counts the incidents of its year, from 1."""
    return Incident(
        id=f"INC-{signal.at.year}-{number:04d}",
        signals=(signal,),
        window=window,
        service=signal.service,
        state="investigating",
    )
