"""Which log lines are new, which come much more often than before, and which come no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from watchkeeper.analysis.log_flows import templates_by_service, times_us, us_of
from watchkeeper.analysis.log_templates import Templates
from watchkeeper.analysis.robust import rate_shift
from watchkeeper.domain import Window

WARN, ERROR = 13, 17
SLICES = 12
"""Into how many parts the usual stretches are cut to see how unevenly a line comes."""
EXAMPLE = 300
"""Characters of an example line."""


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


@dataclass(frozen=True)
class LogLoss:
    """A template of one service that came before and comes no more, or at most half as often."""

    service: str
    template: str
    example: str
    before: int
    after: int
    p: float
    last: datetime | None
    """When it was last seen in the incident; None where it was not."""
    is_silent: bool
    """Whether the service wrote nothing at all in the incident: then it is silence, and says nothing of this line."""


def log_news(
    records: pa.Table,
    usual: Window | Sequence[Window],
    incident: Window,
    significance: float = 1e-3,
    least: int = 3,
) -> list[LogNews]:
    """Templates that are new or at least doubled their rate, the most severe and most significant first.

    `records` is a `LogQuery` answer that covers all windows; `usual` may be several stretches, whose seconds add up.
    p-values compare two rates, with counts that come in bursts counted for less (quasi-Poisson), and are held against
    `significance` divided by the number of templates looked at.
    """
    counted = _counted(records, usual, incident)
    seconds, past = incident.duration.total_seconds(), _seconds(usual)
    found: list[LogNews] = []
    for seen in counted:
        if seen.after < least or seen.after / seconds < 2 * seen.before / past:
            continue
        p = seen.p_of(seconds, past)
        if p <= significance / len(counted):
            first = _datetime(int(seen.times_after.min()))
            counts = seen.before, seen.after
            found.append(LogNews(seen.service, seen.template, seen.example_after, seen.severity, *counts, p, first))
    return sorted(found, key=lambda n: (n.severity < WARN, n.p, -n.after, n.service, n.template))


def log_losses(
    records: pa.Table,
    usual: Window | Sequence[Window],
    incident: Window,
    significance: float = 1e-3,
    least: int = 3,
) -> list[LogLoss]:
    """Templates that vanished or came at most half as often, the most significant first; as `log_news`."""
    counted = _counted(records, usual, incident)
    seconds, past = incident.duration.total_seconds(), _seconds(usual)
    talking = {seen.service for seen in counted if seen.after}
    found: list[LogLoss] = []
    for seen in counted:
        if seen.before < least or 2 * seen.after / seconds > seen.before / past:
            continue
        p = seen.p_of(seconds, past)
        if p <= significance / len(counted):
            last = _datetime(int(seen.times_after.max())) if seen.after else None
            silent = seen.service not in talking
            counts = seen.before, seen.after
            found.append(LogLoss(seen.service, seen.template, seen.example_before, *counts, p, last, silent))
    return sorted(found, key=lambda n: (n.is_silent, n.p, -n.before, n.service, n.template))


@dataclass(frozen=True)
class _Seen:
    """One template of one service: its lines before and in the incident."""

    service: str
    template: str
    severity: int
    example_before: str
    example_after: str
    slices: NDArray[np.int64]
    """Its lines in equal parts of the usual stretches."""
    times_after: NDArray[np.int64]

    @property
    def before(self) -> int:
        return int(self.slices.sum())

    @property
    def after(self) -> int:
        return self.times_after.size

    def p_of(self, seconds: float, past: float) -> float:
        """Two-sided p-value that its rate changed."""
        mean = float(self.slices.mean())
        bursts = max(1.0, float(self.slices.var(ddof=1)) / mean) if mean > 0 else 1.0
        return rate_shift(round(self.after / bursts), seconds, round(self.before / bursts), past)


def _counted(records: pa.Table, usual: Window | Sequence[Window], incident: Window) -> list[_Seen]:
    """All templates that came in any of the windows, in order of service and template."""
    at = np.array(times_us(records), dtype=np.int64)
    before, after = _slices(at, usual), _holds(at, incident)
    records = records.select(["service_name", "body", "severity_number"])
    kept = np.flatnonzero((before >= 0) | after)
    records, at, before, after = records.take(pa.array(kept)), at[kept], before[kept], after[kept]
    learnt = templates_by_service(records)
    rows: dict[tuple[str, str], list[int]] = {}
    bodies = [body or "" for body in records["body"].to_pylist()]
    services = records["service_name"].to_pylist()
    for row, (service, body) in enumerate(zip(services, bodies, strict=True)):
        rows.setdefault((service, learnt[service].of(body).id), []).append(row)
    texts = {service: _texts(known) for service, known in learnt.items()}
    severity = [number or 0 for number in records["severity_number"].to_pylist()]
    found = []
    for (service, number), of in rows.items():
        now, past = [row for row in of if after[row]], [row for row in of if before[row] >= 0]
        seen = _Seen(
            service=service,
            template=texts[service][number],
            severity=max(severity[row] for row in of),
            example_before=_example(bodies, at, past),
            example_after=_example(bodies, at, now),
            slices=np.bincount(before[past], minlength=SLICES),
            times_after=at[now],
        )
        found.append(seen)
    return sorted(found, key=lambda seen: (seen.service, seen.template))


def _texts(known: Templates) -> dict[str, str]:
    return {template.id: template.text for template in known.known}


def _example(bodies: list[str], at: NDArray[np.int64], rows: list[int]) -> str:
    """The first of the lines, whatever their order."""
    return min(((int(at[row]), bodies[row]) for row in rows), default=(0, ""))[1][:EXAMPLE]


def _holds(at: NDArray[np.int64], window: Window) -> NDArray[np.bool_]:
    start, end = us_of(window)
    return (at >= start) & (at < end)


def _slices(at: NDArray[np.int64], usual: Window | Sequence[Window]) -> NDArray[np.int64]:
    """In which part of the usual stretches each time lies, -1 for none."""
    stretches = [usual] if isinstance(usual, Window) else list(usual)
    out = np.full(at.size, -1, dtype=np.int64)
    whole, passed = _seconds(usual), 0.0
    for window in stretches:
        inside = (at >= us_of(window)[0]) & (at < us_of(window)[1])
        since = passed + (at[inside] - us_of(window)[0]) / 1e6
        out[inside] = np.minimum(since / whole * SLICES, SLICES - 1).astype(np.int64)
        passed += window.duration.total_seconds()
    return out


def _seconds(usual: Window | Sequence[Window]) -> float:
    stretches = [usual] if isinstance(usual, Window) else usual
    return sum(window.duration.total_seconds() for window in stretches)


def _datetime(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, UTC)
