"""How services call each other, before and now: retries, calls that are missing, time that is lost between two ends."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.analysis.robust import rank_shift, ratio_rise
from watchkeeper.analysis.spans import Ints, Spans, entry_of, exclusive_time

SIGNIFICANCE = 1e-3
"""Divided by the number of comparisons (Bonferroni)."""
LEAST_VISITS, USUALLY, LEAST_MISSING = 20, 0.5, 0.05
"""Visits on both sides that are compared; the share in which a call usually follows, and by how much it must fall."""
LEAST_RETRIES, LEAST_GAP_MS = 3, 2.0

Visit = tuple[str, str]
"""Service and the operation with which it was entered."""


@dataclass(frozen=True)
class Retry:
    """Calls that were made again within one parent, after the same call had failed there."""

    service: str
    call: str
    before: float
    """Per call that failed or not, usually."""
    after: float
    times: int
    """How often now."""
    calls: int
    p_value: float


@dataclass(frozen=True)
class MissingCall:
    """A call that usually follows in requests to an operation, and does not any more."""

    service: str
    operation: str
    call: str
    before: float
    """Share of the operation's requests in which it follows."""
    after: float
    requests: int
    failing: float
    """Share of the requests without it that failed, or in which another call did: they broke off before it, or made do
    without what they were not given; the others left it out."""
    early: float
    """Share of the requests without it that ended sooner than usual ones: the others waited, and gave up before it."""
    p_value: float


@dataclass(frozen=True)
class Gap:
    """Time between the two ends of a call: the client's duration without its server's, the median in ms."""

    caller: str
    callee: str
    before_ms: float
    after_ms: float
    calls: int
    p_value: float


@dataclass(frozen=True)
class Waiting:
    """Where the time of a service's requests goes, in ms per request: its own code, or spans below that it awaits."""

    service: str
    own_ms_before: float
    own_ms: float
    waiting_ms_before: float
    waiting_ms: float


def retries(usual: Spans, incident: Spans) -> list[Retry]:
    """Calls that are repeated after a failure more often than usual, the most frequent first."""
    before, now = _repeated(usual), _repeated(incident)
    made = [_made(spans) for spans in (usual, incident)]
    found = []
    for (service, call), times in now.items():
        calls, usual_calls = made[1][service, call], made[0][service, call]
        p = ratio_rise(times, calls, before[service, call], usual_calls)
        if times >= LEAST_RETRIES and p * len(now) <= SIGNIFICANCE:
            share = before[service, call] / usual_calls if usual_calls else 0.0
            found.append(Retry(service, call, share, times / calls, times, calls, min(1.0, p * len(now))))
    return sorted(found, key=lambda r: (-r.times, r.service, r.call))


def missing_calls(usual: Spans, incident: Spans) -> list[MissingCall]:
    """Calls that follow in clearly fewer requests than usual, those that are missing most often first."""
    before, now = _visits(usual), _visits(incident)
    told = [
        (visit, call, share)
        for visit, seen in before.items()
        if visit in now and min(seen.requests, now[visit].requests) >= LEAST_VISITS
        for call, times in seen.following.items()
        if (share := times / seen.requests) >= USUALLY
    ]
    found = []
    for visit, call, share in told:
        seen, past = now[visit], before[visit]
        follows = seen.following[call]
        missing = seen.requests - follows
        p = min(
            1.0, len(told) * ratio_rise(missing, seen.requests, past.requests - past.following[call], past.requests)
        )
        if share - follows / seen.requests >= LEAST_MISSING and p <= SIGNIFICANCE:
            broken = (seen.failed - seen.failed_with[call]) / missing
            early = _early(seen, past, call)
            found.append(MissingCall(*visit, call, share, follows / seen.requests, seen.requests, broken, early, p))
    return sorted(found, key=lambda m: (-(m.before - m.after) * m.requests, m.service, m.operation, m.call))


def _early(seen: "_Seen", past: "_Seen", call: str) -> float:
    """Which part of the requests without the call ended sooner than half of the usual ones."""
    usual = float(np.median(past.took_us))
    without = [took for took, calls in zip(seen.took_us, seen.calls, strict=True) if call not in calls]
    return sum(took < usual for took in without) / max(1, len(without))


def gaps(usual: Spans, incident: Spans) -> list[Gap]:
    """Pairs of services between which more time is lost than usual, the largest first.

    Only durations are compared, so that clocks need not agree.
    """
    before, now = _gaps(usual), _gaps(incident)
    shared = [pair for pair in now if pair in before]
    found = []
    for pair in shared:
        sides = (np.array(before[pair]), np.array(now[pair]))
        past, present = (float(np.median(side)) for side in sides)
        p = min(1.0, len(shared) * rank_shift(sides[1], sides[0]))
        if present - past >= LEAST_GAP_MS and p <= SIGNIFICANCE:
            found.append(Gap(*pair, past, present, len(now[pair]), p))
    return sorted(found, key=lambda g: (g.before_ms - g.after_ms, g.caller, g.callee))


def waiting(usual: Spans, incident: Spans) -> list[Waiting]:
    """Own and awaited time by service, those that now wait longest more than usual first."""
    before, now = _waited(usual), _waited(incident)
    nothing = (float("nan"), float("nan"))
    found = [
        Waiting(service, before.get(service, nothing)[0], own, before.get(service, nothing)[1], awaited)
        for service, (own, awaited) in now.items()
    ]
    return sorted(found, key=lambda w: (-np.nan_to_num(w.waiting_ms - w.waiting_ms_before), w.service))


def _calls_of(spans: Spans) -> Ints:
    """Rows of spans with which a service calls another: clients' and producers'."""
    return np.flatnonzero(np.isin(spans.kind, ("client", "producer")))


def _made(spans: Spans) -> Counter[tuple[str, str]]:
    rows = _calls_of(spans)
    return Counter(zip(spans.service[rows].tolist(), spans.name[rows].tolist(), strict=True))


def _repeated(spans: Spans) -> Counter[tuple[str, str]]:
    """How often a call was made again under the same parent after it had failed there and ended."""
    together: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row in _calls_of(spans).tolist():
        if spans.parent[row] >= 0:
            together[int(spans.parent[row]), spans.name[row]].append(row)
    return Counter((str(spans.service[row]), name) for row, name in _again(spans, together))


def _again(spans: Spans, together: dict[tuple[int, str], list[int]]) -> Iterator[tuple[int, str]]:
    ends = spans.start_us + spans.duration_us
    for (_, name), rows in together.items():
        failed_until = float("inf")
        for row in sorted(rows, key=lambda row: (int(spans.start_us[row]), float(ends[row]))):
            if spans.start_us[row] >= failed_until:
                yield row, name
            if spans.is_error[row]:
                failed_until = min(failed_until, float(ends[row]))


@dataclass
class _Seen:
    """Requests to one operation and the calls that follow in them."""

    requests: int
    failed: int
    following: Counter[str]
    """In how many requests, by call."""
    failed_with: Counter[str]
    took_us: list[float]
    calls: list[set[str]]
    """Of each request, as its duration."""


def _visits(spans: Spans) -> dict[Visit, _Seen]:
    entry, is_entry = entry_of(spans), spans.is_entry
    calls: dict[int, set[str]] = defaultdict(set)
    troubled = set(np.flatnonzero(is_entry & spans.is_error).tolist())
    for row in _calls_of(spans).tolist():
        if is_entry[entry[row]]:
            calls[int(entry[row])].add(spans.name[row])
            if spans.is_error[row]:
                troubled.add(int(entry[row]))
    found: dict[Visit, _Seen] = {}
    for row in np.flatnonzero(is_entry).tolist():
        visit = (str(spans.service[row]), str(spans.name[row]))
        seen = found.setdefault(visit, _Seen(0, 0, Counter(), Counter(), [], []))
        seen.requests += 1
        seen.failed += int(row in troubled)
        seen.following.update(calls[row])
        seen.took_us.append(float(spans.duration_us[row]))
        seen.calls.append(calls[row])
        if row in troubled:
            seen.failed_with.update(calls[row])
    return found


def _gaps(spans: Spans) -> dict[tuple[str, str], list[float]]:
    inner = np.flatnonzero((spans.parent >= 0) & (spans.kind == "server"))
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row, parent in zip(inner.tolist(), spans.parent[inner].tolist(), strict=True):
        if spans.kind[parent] == "client" and spans.service[parent] != spans.service[row]:
            lost = (spans.duration_us[parent] - spans.duration_us[row]) / 1e3
            found[str(spans.service[parent]), str(spans.service[row])].append(float(lost))
    return found


def _waited(spans: Spans) -> dict[str, tuple[float, float]]:
    """Own and awaited ms per request by service; spans inside a service count to the request that they belong to."""
    is_entry = spans.is_entry
    inside: NDArray[np.bool_] = is_entry[entry_of(spans)]
    own = exclusive_time(spans) / 1e3
    is_call = np.isin(spans.kind, ("client", "producer"))
    found = {}
    for service in sorted(set(spans.service[is_entry].tolist())):
        mine = (spans.service == service) & inside
        requests = int((mine & is_entry).sum())
        spent = float((spans.duration_us[mine & is_entry] / 1e3).sum())
        busy = float(own[mine & ~is_call].sum())
        found[service] = (busy / requests, max(spent - busy, 0.0) / requests)
    return found
