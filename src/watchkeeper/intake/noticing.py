"""An alert as a signal: what an incident remembers of it."""

import math
from datetime import datetime

from watchkeeper.domain import Alert, Signal, SignalKind
from watchkeeper.intake.senders import WATCH

LONGEST = 1000
"""Characters of an alert's text that its signal keeps."""


def signal_of(alert: Alert, at: datetime) -> Signal:
    """The signal that an alert is, noticed at that time.

    Our own watch says in the labels `measure`, `direction`, `observed` and `expected` what it saw.
    """
    said = alert.labels if alert.source == WATCH else {}
    measure = said.get("measure")
    kind: SignalKind = "alert" if alert.source != WATCH else _kind_noticed(measure, alert.labels.get("kind"))
    return Signal(
        kind=kind,
        at=at,
        service=alert.service,
        measure=measure,
        direction="up" if said.get("direction") == "up" else "down" if said.get("direction") == "down" else None,
        observed=_number(said.get("observed")),
        expected=_number(said.get("expected")),
        text=_text(alert),
        fingerprint=alert.fingerprint,
        severity=alert.severity,
    )


def _text(alert: Alert) -> str:
    text = alert.text[:LONGEST]
    if alert.source == WATCH:
        return text or alert.name
    return f"{alert.name}: {text}" if text else alert.name


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _kind_noticed(measure: str | None, kind: str | None) -> SignalKind:
    """What our own watch saw: telemetry that stopped, a business figure that fell, or any other anomaly."""
    if measure == "silence":
        return "silence"
    return "business" if kind == "business" else "anomaly"
