"""What the watch saw, as the signals that open incidents."""

from datetime import datetime

from watchkeeper.analysis.symptoms import Symptom, say_symptom
from watchkeeper.domain import Signal


def signal_of(symptom: Symptom, at: datetime) -> Signal:
    """A symptom as a signal."""
    return Signal(
        kind="silence" if symptom.measure == "silence" else "anomaly",
        at=at,
        service=symptom.service,
        measure=symptom.measure,
        direction=symptom.direction,
        observed=symptom.observed,
        expected=symptom.expected,
        text=say_symptom(symptom),
    )


def nobody(at: datetime, since: datetime) -> Signal:
    """That no service reports any more, as one signal about all of them."""
    return Signal(
        kind="silence",
        at=at,
        measure="silence",
        direction="down",
        text=f"no service has reported since {since:%H:%M:%S %Z}",
    )
