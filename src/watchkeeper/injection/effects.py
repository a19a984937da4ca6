"""What a fault does to every span: extra time, failures, calls that never happen, second tries."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watchkeeper.injection.forest import NOWHERE, Bools, Forest, Ints
from watchkeeper.injection.plan import Fault, Propagation
from watchkeeper.injection.warp import Extra

NS = 1_000_000_000
REFUSED_NS = 1_500_000
"""How long it takes to learn that nobody listens."""
BACKOFF_NS = 20_000_000
"""How long a caller waits before its second try."""
TAIL_NS = 300_000
"""How long a request goes on once it returned early."""
DOWN_SECONDS, UP_SECONDS = (4.0, 15.0), (6.0, 25.0)
"""Between which limits a process that crashes again and again is down, and up."""

OK, OWN, PASSED_ON, REFUSED = 0, 1, 2, 3
"""How a span fails: not at all, by its own fault, because a call failed, because nobody listened."""

Random = np.random.Generator


@dataclass(frozen=True)
class Effects:
    """What becomes of each span."""

    extra: Extra
    failure: Ints
    """How it fails, as one of the codes above."""
    retries: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Rows of calls that are made once more."""
    is_retry_good: Bools = field(default_factory=lambda: np.zeros(0, dtype=bool))
    gone_quietly: Bools | None = None
    """Spans that happened and were never reported."""
    outages: tuple[tuple[int, int], ...] = ()
    """When the component was down, nanoseconds after the first span."""


def nothing(forest: Forest) -> Effects:
    """No effect at all, with arrays of its own that may be written to."""
    zeros = [np.zeros(forest.size, dtype=np.int64) for _ in range(4)]
    return Effects(Extra(zeros[0], zeros[1], zeros[2], np.zeros(forest.size, dtype=bool)), zeros[3])


def effects_of(forest: Forest, fault: Fault, random: Random) -> Effects:
    """What the planned fault does to each span."""
    how = fault.propagation or Propagation()
    effects = nothing(forest)
    hit = hit_rows(forest, fault)
    if fault.kind == "silence":
        quiet = (forest.service == forest.code(fault.component)) & (forest.end >= onset_ns(forest, fault))
        return Effects(effects.extra, effects.failure, gone_quietly=quiet)
    if fault.kind == "crash":
        return _crash(forest, fault, how, effects, random)
    hit = hit[random.random(hit.size) < how.affected * grown(forest, fault, hit)]
    if fault.kind == "errors":
        return _errors(forest, fault, how, effects, hit[random.random(hit.size) < fault.size], random)
    if fault.kind == "gaps":
        return _gaps(forest, how, effects, hit[random.random(hit.size) < fault.size], random)
    if fault.kind in ("cpu", "surge"):
        times = how.queued if fault.kind == "surge" else fault.size
        delays = own_work(forest)[hit] * times * scattered(how, hit.size, random)
    else:
        delays = fault.size * NS * scattered(how, hit.size, random)
    _delay(effects.extra, hit, delays.astype(np.int64), how.early)
    return effects


def hit_rows(forest: Forest, fault: Fault) -> Ints:
    """The spans at which the fault acts, all of them after its onset."""
    is_late = forest.start >= onset_ns(forest, fault)
    own = forest.service == forest.code(fault.component)
    if fault.kind == "surge":
        return np.flatnonzero(is_late & ~forest.is_client)
    if fault.kind == "slow-dependency":
        return np.flatnonzero(is_late & own & waits(forest))
    if fault.kind == "network-delay":
        # Everything that the component sends or is sent is late: calls of it and calls by it.
        is_asked = (forest.called >= 0) & own[forest.called]
        return np.flatnonzero(is_late & forest.is_client & (own | is_asked))
    found = own & is_late & (forest.is_entry if fault.kind != "cpu" else ~forest.is_client)
    if fault.kind == "gaps":
        found &= has_more_to_do(forest)
    if fault.operation is not None:
        found &= forest.operation == forest.operations.index(fault.operation)
    return np.flatnonzero(found)


def enters(forest: Forest) -> Bools:
    """Requests that nobody in sight makes; a few may be cut off from their callers where the telemetry begins."""
    found: Bools = forest.is_entry & (forest.parent < 0)
    return found


def has_more_to_do(forest: Forest) -> Bools:
    """Spans with spans under them: what makes no call and says nothing of its steps would leave nothing out."""
    found = np.zeros(forest.size, dtype=bool)
    found[forest.parent[forest.parent >= 0]] = True
    return found


def waits(forest: Forest) -> Bools:
    """Client spans at whose other end nothing reports: a database, somebody else's service."""
    return forest.is_client & (forest.called < 0)


def own_work(forest: Forest) -> NDArray[np.float64]:
    """Nanoseconds of work of each span that a busy processor stretches: at most what is usual for its operation.

    A span that once waited long for nothing that reports did not work all that time.
    """
    own = forest.own_time().astype(float)
    most = np.zeros(len(forest.operations))
    for code in range(len(forest.operations)):
        mine = own[forest.operation == code]
        most[code] = np.quantile(mine, 0.9) if mine.size else 0.0
    found: NDArray[np.float64] = np.minimum(own, most[forest.operation])
    return found


def onset_ns(forest: Forest, fault: Fault) -> int:
    """The onset in the forest's time."""
    return round(fault.onset.timestamp() * 1e6) * 1000 - forest.origin_ns


def grown(forest: Forest, fault: Fault, rows: Ints) -> NDArray[np.float64]:
    """How much of its full size the fault has reached at each of these spans, between 0 and 1."""
    ramp = fault.propagation.ramp_seconds * NS if fault.propagation else 0.0
    since = forest.start[rows] - onset_ns(forest, fault)
    reached: NDArray[np.float64] = np.clip(since / ramp, 0, 1) if ramp else np.ones(rows.size)
    return reached


def scattered(how: Propagation, count: int, random: Random) -> NDArray[np.float64]:
    """Factors with mean 1 by which single delays differ."""
    factors: NDArray[np.float64] = np.exp(random.normal(0, how.spread, count) - how.spread**2 / 2)
    return factors


def _delay(extra: Extra, rows: Ints, delays: Ints, early: float) -> None:
    before = (delays * early).astype(np.int64)
    extra.before[rows] += before
    extra.after[rows] += delays - before


def _errors(forest: Forest, fault: Fault, how: Propagation, effects: Effects, failing: Ints, random: Random) -> Effects:
    if how.breaks_off:
        _cut(forest, effects.extra, failing, random)
    effects.failure[failing] = OWN
    return _pass_on(forest, how, effects, failing, random, again=fault.size)


def _gaps(forest: Forest, how: Propagation, effects: Effects, cut: Ints, random: Random) -> Effects:
    """A request returns early and well; its caller may fail over what it was not given."""
    _cut(forest, effects.extra, cut, random)
    callers = forest.parent[cut]
    callers = forest.entry[callers[callers >= 0]]
    failing = np.unique(callers[random.random(callers.size) < how.passed_on])
    effects.failure[failing] = PASSED_ON
    return _pass_on(forest, how.model_copy(update={"retried": 0.0}), effects, failing, random, again=1.0)


def _crash(forest: Forest, fault: Fault, how: Propagation, effects: Effects, random: Random) -> Effects:
    """The process dies and is started again and again: what ran is lost, and callers meet a closed port."""
    outages = _outages(forest, fault, random)
    own = forest.service == forest.code(fault.component)
    lost = np.zeros(forest.size, dtype=bool)
    died = forest.end.copy()
    for begin, end in outages:
        met = own & (forest.start < end) & (forest.end > begin)
        lost |= met
        died[met] = np.maximum(forest.start[met], begin)
    entries = np.flatnonzero(lost & forest.is_entry)
    extra = effects.extra
    extra.is_gone[:] = forest.below(np.flatnonzero(lost))
    callers = forest.parent[entries]
    known = callers >= 0
    entries, callers = entries[known], callers[known]
    lasts = np.maximum(died[entries] - forest.start[callers], 0) + REFUSED_NS
    extra.after[callers] += np.minimum(lasts, forest.duration[callers]) - forest.duration[callers]
    effects.failure[callers] = REFUSED
    made = _pass_on(forest, how, effects, entries, random, again=1.0)
    return Effects(made.extra, made.failure, made.retries, made.is_retry_good, outages=outages)


def _outages(forest: Forest, fault: Fault, random: Random) -> tuple[tuple[int, int], ...]:
    at, last = onset_ns(forest, fault), int(forest.end.max(initial=0))
    found = []
    while at < last:
        back = at + int(random.uniform(*DOWN_SECONDS) * NS * max(0.3, min(2.0, fault.size)))
        found.append((at, back))
        at = back + int(random.uniform(*UP_SECONDS) * NS)
    return tuple(found)


def _cut(forest: Forest, extra: Extra, rows: Ints, random: Random) -> None:
    """End these requests early: after some of their bundles of calls, without those that would have followed."""
    calls, cut = forest.calls, np.zeros(forest.size, dtype=bool)
    cut[rows] = True
    if not calls.first.size:
        return
    last = np.r_[calls.opens[1:] != calls.opens[:-1], True]
    count = np.zeros(forest.size, dtype=np.int64)
    count[calls.parent[last]] = np.flatnonzero(last) - calls.opens[last] + 1
    kept = np.zeros(forest.size, dtype=np.int64)
    kept[rows] = (random.random(rows.size) * count[rows]).astype(np.int64)
    place = np.arange(calls.first.size) - calls.opens
    is_dropped = cut[calls.parent] & (place >= kept[calls.parent])
    extra.is_gone[:] |= forest.below(calls.child[is_dropped[calls.bundle]])
    ends = forest.end.copy()
    opened = np.full(forest.size, NOWHERE)
    opened[calls.parent] = calls.opens
    some = rows[count[rows] > 0]
    bundle = opened[some] + np.maximum(kept[some] - 1, 0)
    ends[some] = np.where(kept[some] > 0, calls.end[bundle], calls.start[opened[some]]) + TAIL_NS
    extra.after[some] += np.minimum(ends[some], forest.end[some]) - forest.end[some]


def _pass_on(
    forest: Forest, how: Propagation, effects: Effects, failing: Ints, random: Random, again: float
) -> Effects:
    """Have callers fail, up to the root; `again` is how probable it is that a second try fails too."""
    failure, retries, good = effects.failure, [], []
    while failing.size:
        calls = forest.parent[failing]
        calls = np.unique(calls[(calls >= 0) & ~effects.extra.is_gone[calls]])
        calls = calls[forest.is_client[calls]]
        failure[calls] = np.where(failure[calls] == OK, PASSED_ON, failure[calls])
        tried = random.random(calls.size) < how.retried
        is_good = tried & (random.random(calls.size) >= again)
        retries.append(calls[tried])
        good.append(is_good[tried])
        effects.extra.following[calls[tried]] += BACKOFF_NS + forest.duration[calls[tried]]
        hurt = calls[~is_good & (random.random(calls.size) < how.passed_on)]
        failing = np.unique(forest.entry[hurt])
        failing = failing[failure[failing] == OK]
        failure[failing] = PASSED_ON
    empty = np.zeros(0, dtype=np.int64)
    made = np.concatenate([empty, *retries]), np.concatenate([empty.astype(bool), *good])
    return Effects(effects.extra, failure, *made)
