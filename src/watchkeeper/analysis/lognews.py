"""Which log lines are new, and which come much more often than before."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from watchkeeper.analysis.robust import rate_shift
from watchkeeper.analysis.templates import Miner
from watchkeeper.domain import Window

WARN, ERROR = 13, 17


@dataclass(frozen=True)
class LogNews:
    """A template of one service that is new or surging in the incident."""

    service: str
    template: str
    example: str
    severity: int
    """OpenTelemetry's severity number, the highest seen."""
    before: int
    after: int
    p: float
    first: datetime
    """When it was first seen in the incident."""

    @property
    def is_new(self) -> bool:
        """Whether it was never seen before the incident."""
        return self.before == 0


def log_news(
    records: pa.Table, usual: Window, incident: Window, significance: float = 1e-3, least: int = 3
) -> list[LogNews]:
    """Templates that are new or at least doubled their rate, the most severe and most significant first.

    `records` is a `LogQuery` answer that covers both windows; p-values are divided into `significance` by the number of
    templates looked at.
    """
    counts = _count(records, usual, incident)
    seconds, past = incident.duration.total_seconds(), usual.duration.total_seconds()
    found: list[LogNews] = []
    for service, template, seen in counts:
        if seen.after < least or seen.after / seconds < 2 * seen.before / past:
            continue
        p = rate_shift(seen.after, seconds, seen.before, past)
        if p <= significance / max(1, len(counts)) and seen.first is not None:
            found.append(
                LogNews(service, template, seen.example, seen.severity, seen.before, seen.after, p, seen.first)
            )
    return sorted(found, key=lambda n: (n.severity < WARN, n.p, -n.after, n.service, n.template))


@dataclass
class _Seen:
    before: int = 0
    after: int = 0
    severity: int = 0
    example: str = ""
    first: datetime | None = None


def _count(records: pa.Table, usual: Window, incident: Window) -> list[tuple[str, str, _Seen]]:
    miners: dict[str, Miner] = {}
    seen: dict[tuple[str, int], _Seen] = {}
    columns = (records[c].to_pylist() for c in ("time", "service_name", "body", "severity_number"))
    for time, service, body, severity in zip(*columns, strict=True):
        in_incident = incident.holds(time)
        if not in_incident and not usual.holds(time):
            continue
        number = miners.setdefault(service, Miner()).add(body or "")
        entry = seen.setdefault((service, number), _Seen())
        entry.severity = max(entry.severity, severity or 0)
        if not in_incident:
            entry.before += 1
            continue
        entry.after += 1
        entry.example = entry.example or (body or "")[:300]
        entry.first = time if entry.first is None else min(entry.first, time)
    return [(service, miners[service].template(number), entry) for (service, number), entry in sorted(seen.items())]
