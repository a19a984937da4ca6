"""What services promise, watched: whether the budget of failures burns too fast."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from watchkeeper.analysis.burn import RULES, Burning, burning
from watchkeeper.analysis.series import Floats, Grid, Key, Red, added, red_series
from watchkeeper.domain import Signal, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.telemetry.sources import RedQuery, Traces
from watchkeeper.watch.splicing import Splice, spliced

STEP_SECONDS = 60.0
LATE_STEPS = 2
"""Steps that are asked for again: their telemetry may have been under way."""
INFERRED = 0.999
"""What an entry service is held to that nobody has described: the share of its requests that must not fail."""
ENTRY_SHARE = 0.2
"""The share of all requests that enter which an entry service that matters carries at least."""
SLOW_SHARE = 0.05
"""The share of requests that is slower than a limit at least, where the 95th percentile is."""


@dataclass(frozen=True)
class Promise:
    """What a service promises of its requests, or of those of one route."""

    service: str
    share: float = INFERRED
    """The share of requests that must be good, below 1."""
    latency_ms: float | None = None
    """A request that takes longer is not good."""
    route: str | None = None
    name: str = ""
    is_inferred: bool = False


class Objectives:
    """The counts that promises are judged on, kept from look to look: a look asks for the last minutes only."""

    def __init__(self, traces: Traces, promises: Sequence[Promise] = ()) -> None:
        self._traces, self._promises = traces, tuple(promises)
        self._reds: Mapping[Key, Red] = {}
        self._grid: Grid | None = None

    def look(self, end: datetime, entries: Iterable[str]) -> list[Signal]:
        """Budgets that burn too fast at that moment; nothing where the source is down.

        `entries` are the services that requests enter by: those that nobody described are held to `INFERRED`.
        """
        described = {promise.service for promise in self._promises}
        promises = [*self._promises, *(Promise(e, is_inferred=True) for e in sorted(entries) if e not in described)]
        if not promises:
            return []
        try:
            grid = self._extend(end)
        except SourceUnavailable:
            return []
        return broken_promises(promises, self._reds, grid.step_seconds, end)

    def _extend(self, end: datetime) -> Grid:
        size = round(_history_seconds(self._promises) / STEP_SECONDS)
        last = datetime.fromtimestamp(end.timestamp() // STEP_SECONDS * STEP_SECONDS, UTC)
        grid = Grid(last - timedelta(seconds=size * STEP_SECONDS), STEP_SECONDS, size)
        gone = size if self._grid is None else round(self._grid.position_of(grid.start))
        if gone == 0 and self._grid is not None:
            return grid
        fresh = min(size, gone + LATE_STEPS) if gone > 0 else size
        asked = Grid(grid.time_of(size - fresh), STEP_SECONDS, fresh)
        query = RedQuery(
            window=Window(start=asked.start, end=grid.time_of(size)), step_seconds=STEP_SECONDS, by=("operation",)
        )
        new = _with_wholes(red_series(self._traces.red(query).rows, ["service_name", "operation"], asked))
        self._reds = spliced(self._reds if fresh < size else {}, new, Splice(gone, size, fresh))
        self._grid = grid
        return grid


def main_entries(entries: Mapping[str, Red]) -> set[str]:
    """Of the services that nobody calls, those that carry a good part of what enters; a probe or a batch does not."""
    requests = {name: float(red.requests.sum()) for name, red in entries.items()}
    return {name for name, count in requests.items() if count >= ENTRY_SHARE * sum(requests.values()) > 0}


def broken_promises(
    promises: Iterable[Promise], reds: Mapping[Key, Red], step_seconds: float, at: datetime
) -> list[Signal]:
    """Each promise whose budget burns too fast; `reds` by (service, route), the whole service under an empty route."""
    found = []
    for promise in promises:
        red = reds.get((promise.service, promise.route or ""))
        if red is None:
            continue
        burns = burning(bad_requests(red, promise.latency_ms), red.requests, step_seconds, promise.share)
        if burns is not None and not (promise.is_inferred and burns.rule.urgency == "ticket"):
            found.append(_signal(promise, burns, red, at, step_seconds))
    return found


def bad_requests(red: Red, latency_ms: float | None) -> Floats:
    """Requests that failed or were too slow, at least, shape (n,): how many were slow, the 95th percentile tells."""
    if latency_ms is None:
        return red.errors
    slow = np.where(np.nan_to_num(red.p95_ms) > latency_ms, SLOW_SHARE * red.requests, 0.0)
    return np.minimum(red.errors + slow, red.requests)


def _signal(promise: Promise, burns: Burning, red: Red, at: datetime, step_seconds: float) -> Signal:
    steps = max(1, round(burns.rule.short_seconds / step_seconds))
    fails = red.errors[-steps:].sum() >= 0.5 * burns.bad_share * red.requests[-steps:].sum()
    promised = f"{promise.name or 'the objective'} of {promise.share:.4g}" + (" (inferred)" * promise.is_inferred)
    where = f"{promise.service} {promise.route or ''}".strip()
    return Signal(
        kind="anomaly",
        at=at,
        service=promise.service,
        measure="error ratio" if fails else "p95 latency",
        direction="up",
        observed=burns.bad_share,
        expected=1 - promise.share,
        text=f"{where}: {burns.bad_share:.1%} of requests were not good, {burns.rate:.0f} times what {promised} allows",
    )


def _history_seconds(promises: Sequence[Promise]) -> float:
    """What is inferred is never judged by the slowest rule, which asks for days."""
    rules = [rule for rule in RULES if promises or rule.urgency == "page"]
    return max(rule.long_seconds for rule in rules)


def _with_wholes(reds: Mapping[Key, Red]) -> dict[Key, Red]:
    """The same, and each service's requests together under an empty route."""
    parts: dict[str, list[Red]] = {}
    for (service, _), red in reds.items():
        parts.setdefault(service, []).append(red)
    return {**reds, **{(service, ""): added(each) for service, each in parts.items()}}
