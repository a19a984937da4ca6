"""How an incident stands, as far as alerts are concerned: what is active, where, how severe, since when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from watchkeeper.domain import (
    Alert,
    AlertOutcome,
    DiagnosisStatus,
    IncidentId,
    IncidentState,
    KeptAlert,
    Severity,
)
from watchkeeper.intake.labels import Place, Words

OVER: frozenset[IncidentState] = frozenset(("resolved", "closed"))
NEWS: frozenset[AlertOutcome] = frozenset(("opened", "joined", "worsened", "reopened"))
"""Outcomes that say something about an incident that was not known."""
_RANK: dict[Severity | None, int] = {None: 0, "P4": 1, "P3": 2, "P2": 3, "P1": 4}


@dataclass(frozen=True)
class Standing:
    """One incident that is open, or was until recently."""

    id: IncidentId
    state: IncidentState
    last_signal_at: datetime
    """When the last alert came in that was news."""
    services: frozenset[str] = frozenset()
    """Of its alerts, of its scope, and the cause."""
    spells: Mapping[str, datetime] = field(default_factory=dict)
    """Every fingerprint that ever fired, with when its latest spell began."""
    active: frozenset[str] = frozenset()
    """Fingerprints that fire."""
    places: frozenset[Place] = frozenset()
    severity: Severity | None = None
    """The highest of its alerts."""
    status: DiagnosisStatus | None = None
    """Of its latest diagnosis; None while there is none."""
    is_objected: bool = False
    """Whether the latest verdict is that it was wrong."""
    ended_at: datetime | None = None
    """When it was over; None while it is not."""

    @property
    def is_over(self) -> bool:
        """Whether it is resolved or closed."""
        return self.state in OVER


def is_higher(severity: Severity | None, other: Severity | None) -> bool:
    """Whether the first is the more severe one; one that is not known is the least."""
    return _RANK[severity] > _RANK[other]


def told(start: Standing, kept: Iterable[KeptAlert], words: Words) -> Standing:
    """The standing after the alerts that it got, in their order; state and end stay those of `start`."""
    standing = start
    for each in kept:
        standing = after(standing, each.alert, each.outcome, each.received_at, words)
    return replace(standing, state=start.state, ended_at=start.ended_at)


def after(standing: Standing, alert: Alert, outcome: AlertOutcome, now: datetime, words: Words) -> Standing:
    """How it stands once an alert has done what it did to it."""
    if outcome == "resolved":
        return _ended(standing, alert, now)
    if outcome in ("repeated", "ignored") or alert.status == "resolved":
        return standing
    is_news = outcome in NEWS
    service = frozenset((alert.service,)) if alert.service else frozenset()
    return replace(
        standing,
        state="reopened" if outcome == "reopened" else standing.state,
        ended_at=None if outcome == "reopened" else standing.ended_at,
        last_signal_at=now if is_news else standing.last_signal_at,
        services=standing.services | service,
        spells={**standing.spells, alert.fingerprint: alert.starts_at},
        active=standing.active | {alert.fingerprint},
        places=standing.places | words.places(alert.labels),
        severity=alert.severity if is_higher(alert.severity, standing.severity) else standing.severity,
    )


def _ended(standing: Standing, alert: Alert, now: datetime) -> Standing:
    active = standing.active - {alert.fingerprint}
    if active or standing.is_over:
        return replace(standing, active=active)
    return replace(standing, active=active, state="resolved", ended_at=now)
