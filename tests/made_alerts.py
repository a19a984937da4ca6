"""Bodies of alerts as senders write them, and a storm of them: 40 label sets, six services, one fault."""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from watchkeeper.assembly.topology import close

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SERVICES = ("gateway", "checkout", "payment", "cart", "orders", "notifications")
CALLS = (
    ("gateway", "checkout"),
    ("gateway", "cart"),
    ("checkout", "payment"),
    ("checkout", "orders"),
    ("checkout", "cart"),
    ("orders", "notifications"),
    ("payment", "postgresql/payments"),
    ("search", "index"),
)
NAMES = ("HighErrorRate", "HighLatency", "BudgetBurn", "QueueGrows", "PodRestarts", "ProbeFails", "TooManyRetries")
LABEL_SETS = 40
STORM = 1000
SEED = 7


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def written(time: datetime | None) -> str:
    return "0001-01-01T00:00:00Z" if time is None else time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def alert(
    labels: Mapping[str, object],
    starts_at: datetime = NOON,
    ends_at: datetime | None = None,
    fingerprint: str | None = None,
    annotations: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """One alert as Alertmanager writes it; with an end it is resolved."""
    return {
        "status": "firing" if ends_at is None else "resolved",
        "labels": dict(labels),
        "annotations": dict(annotations or {"summary": "it is bad"}),
        "startsAt": written(starts_at),
        "endsAt": written(ends_at),
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up",
        "fingerprint": fingerprint or hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:16],
    }


def body(*alerts: Mapping[str, object], **more: object) -> bytes:
    """A webhook's body, version 4."""
    post = {
        "receiver": "hook",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "HighErrorRate"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "version": "4",
        "groupKey": '{}:{alertname="HighErrorRate"}',
        "truncatedAlerts": 0,
        **more,
    }
    return json.dumps(post).encode()


def of(service: str, name: str = "HighErrorRate", severity: str = "warning", **more: object) -> dict[str, object]:
    """Labels."""
    return {"alertname": name, "service": service, "severity": severity, "env": "prod", "cluster": "eu", **more}


def storm() -> list[dict[str, object]]:
    """A thousand alerts that began within half a minute, repeated and shuffled."""
    chance = random.Random(SEED)
    severities = ("info", "warning", "high", "page")
    sets = [
        alert(
            of(SERVICES[number % len(SERVICES)], NAMES[number % len(NAMES)], severities[number % 4], pod=f"p-{number}"),
            starts_at=NOON + timedelta(seconds=chance.uniform(0, 30)),
            fingerprint=f"{number:016x}",
        )
        for number in range(LABEL_SETS)
    ]
    repeated = [sets[number % LABEL_SETS] for number in range(STORM)]
    chance.shuffle(repeated)
    return repeated


class Known:
    """A call graph that is known; see `intake.grouping.Neighbours`."""

    def __init__(self, calls: Sequence[tuple[str, str]] = CALLS) -> None:
        self._close = close(calls)

    def of(self, service: str) -> frozenset[str] | None:
        return self._close.get(service)


class Unknown:
    """Nobody has seen any call."""

    def of(self, service: str) -> frozenset[str] | None:
        return None
