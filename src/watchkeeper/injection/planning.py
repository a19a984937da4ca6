"""Faults drawn at random for a system, and judged by how large they are before anybody looks for them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.injection.effects import NS, Random, enters, hit_rows, nothing, own_work, waits
from watchkeeper.injection.forest import Bools, Forest, Ints
from watchkeeper.injection.inject import Quiet
from watchkeeper.injection.maps import value_of
from watchkeeper.injection.plan import KINDS, Deploy, Drift, Fault, InjectedKind, Propagation, Strength
from watchkeeper.injection.warp import warp

BIN_SECONDS = 10
BUSY_PER_MINUTE = 20.0
"""Requests a minute from which on a component can be judged at all; quieter ones are blind spots."""
MATERIAL_RATIO, MATERIAL_SECONDS = 0.5, 0.020
STEEP_RATIO, STEEP_SECONDS = 2.0, 0.005
"""A delay matters where it adds a half and 20 ms, or triples the time and adds 5 ms."""
MATERIAL_NOISE = 4.0
"""And only where it is this many times what ten seconds usually differ by."""
MATERIAL_SHARE = 0.05
"""Failures matter from this share of requests on,"""
MATERIAL_GAPS = 0.10
"""gaps from this one,"""
MATERIAL_PER_MINUTE = 10.0
"""both where so many requests a minute are hit;"""
MATERIAL_LOAD = 2.0
"""a surge where the load is so many times the usual one, and requests at the entry slow down as above."""
RATIOS = (0.15, 12.0)
SHARES = (0.01, 0.9)
LONGEST_DELAY_SECONDS = 5.0
SLOWEST = 15.0
"""By what multiple of its own time a busy processor slows work down at most."""
LOADS = (1.2, 4.0)
LONGEST_QUEUE = 40.0
"""By what multiple of its own time work waits in a surge at most."""
DRIFTS = (0.05, 0.2)
DEPLOY_SECONDS = 90.0
NOBODY = "-"
PEERS = ("peer.service", "server.address", "net.peer.name", "db.system.name", "db.system")
"""Attributes of a client span that name its other end, the best one first."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stretch:
    """Where a fault may be: it begins at the onset, and the telemetry ends at the end."""

    onset: datetime
    ends: datetime


def busy(forest: Forest) -> dict[str, float]:
    """Requests a minute of every service that reports, in order of name."""
    counts = np.bincount(forest.service[forest.is_entry], minlength=len(forest.services))
    return {name: float(counts[code]) / _minutes(forest) for code, name in enumerate(forest.services)}


def _minutes(forest: Forest) -> float:
    return max(1e-9, float(forest.end.max(initial=0)) / NS / 60)


def _a_minute(forest: Forest, spans: Bools) -> float:
    return float(spans.sum()) / _minutes(forest)


def kinds_for(forest: Forest, component: str) -> tuple[InjectedKind, ...]:
    """Which faults the component can have at all, by what it reports."""
    own = forest.service == forest.code(component)
    parent = forest.parent
    can: dict[InjectedKind, bool] = {
        "latency": True,
        "errors": True,
        "cpu": True,
        "gaps": bool(own[parent[parent >= 0]].any()),
        "silence": _is_called(forest, own),
        "crash": _is_called(forest, own),
        "slow-dependency": bool((own & waits(forest)).any()),
        "network-delay": _is_called(forest, own) and not _has_a_twin(forest, component),
        "surge": _a_minute(forest, enters(forest) & own) >= BUSY_PER_MINUTE,
    }
    return tuple(kind for kind in KINDS if can[kind])


def draw(forest: Forest, stretch: Stretch, seed: int, system: str = "", kind: InjectedKind | None = None) -> Fault:
    """A fault of any kind, or of the one that is asked for, at a component that can have it.

    Kinds come up equally often, and within a kind components. Raises ValueError where no busy component can have it.
    """
    random = np.random.default_rng([seed, 0])
    able = [
        (k, name)
        for name, rate in busy(forest).items()
        if name and rate >= BUSY_PER_MINUTE
        for k in kinds_for(forest, name)
        if kind in (None, k)
    ]
    if not able:
        raise ValueError(f"no component has {BUSY_PER_MINUTE:g} requests a minute and can have {kind or 'any fault'}")
    kinds = [each for each in KINDS if each in {k for k, _ in able}]
    chosen = kinds[int(random.integers(len(kinds)))]
    names = [name for k, name in able if k == chosen]
    component = names[int(random.integers(len(names)))]
    how = _propagation(chosen, random)
    operation = _operation(forest, component, chosen, stretch, random)
    sketch = Fault(
        seed=seed,
        system=system,
        component=component,
        kind=chosen,
        onset=stretch.onset,
        ends=stretch.ends,
        operation=operation,
        size=1.0,
        propagation=how,
        strength=Strength(excess=0, usual=0, noise=0, requests=0, is_material=False),
    )
    size, strength = _sized(forest, sketch, how, random)
    if chosen == "surge":
        how = how.model_copy(update={"queued": strength.excess / _once_more(forest, sketch)})
    update = {"size": size, "strength": strength, "propagation": how, **_decoys(forest, sketch, random)}
    return sketch.model_copy(update=update)


def _propagation(kind: InjectedKind, random: Random) -> Propagation:
    is_felt = kind != "gaps" or random.random() > 0.3
    return Propagation(
        affected=1.0 if random.random() < 0.5 or kind in ("surge", "cpu") else float(random.uniform(0.3, 1.0)),
        spread=float(random.uniform(0.05, 0.8)),
        early=float(random.random()),
        ramp_seconds=0.0 if random.random() < 0.6 else float(random.uniform(5, 30)),
        passed_on=float(random.uniform(0.5, 1.0)) if is_felt else 0.0,
        retried=0.0 if random.random() < 0.6 else float(random.uniform(0.3, 1.0)),
        logged=float(random.choice([0.0, 0.5, 1.0], p=[0.2, 0.3, 0.5])),
        breaks_off=bool(random.random() < 0.7),
        cpu_rise=float(random.uniform(0.3, 0.9)),
    )


def _operation(forest: Forest, component: str, kind: InjectedKind, stretch: Stretch, random: Random) -> str | None:
    """Sometimes a single endpoint is hit, one of those with enough requests; by kind that is not possible for all."""
    if kind not in ("latency", "errors", "gaps") or random.random() < 0.6:
        return None
    own = forest.is_entry & (forest.service == forest.code(component))
    counts = np.bincount(forest.operation[own], minlength=len(forest.operations))
    able = np.flatnonzero(counts / _minutes(forest) >= BUSY_PER_MINUTE)
    return forest.operations[int(random.choice(able))] if able.size > 1 else None


def _sized(forest: Forest, fault: Fault, how: Propagation, random: Random) -> tuple[float, Strength]:
    """A size between hardly there and overwhelming, on a logarithmic scale, and how it compares with what is usual."""
    rows = _requests(forest, fault)
    is_late = forest.start[rows] >= round(fault.onset.timestamp() * 1e6) * 1000 - forest.origin_ns
    minutes = max(1e-9, (fault.ends - fault.onset).total_seconds() / 60)
    requests = float(is_late.sum()) / minutes
    usual, noise = _usual(forest, rows)
    if fault.kind in ("errors", "gaps"):
        size = _between(SHARES, random)
        able = hit_rows(forest, fault).size / max(1, int(is_late.sum()))
        excess, least = size * how.affected * able, MATERIAL_SHARE if fault.kind == "errors" else MATERIAL_GAPS
        is_material = excess >= least and excess * requests >= MATERIAL_PER_MINUTE
        return size, Strength(excess=excess, usual=0, noise=0, requests=excess * requests, is_material=is_material)
    if fault.kind in ("silence", "crash"):
        size = float(random.uniform(0.5, 1.5))
        is_material = requests >= MATERIAL_PER_MINUTE
        return size, Strength(excess=1, usual=0, noise=0, requests=requests, is_material=is_material)
    if fault.kind == "surge":
        return _surge(usual, noise, requests, LONGEST_QUEUE * _once_more(forest, fault), random)
    return _delay(forest, fault, how, rows[is_late], usual, noise, requests, random)


def _delay(
    forest: Forest,
    fault: Fault,
    how: Propagation,
    late: Ints,
    usual: float,
    noise: float,
    requests: float,
    random: Random,
) -> tuple[float, Strength]:
    """Sized so that an average request of the component takes a drawn multiple of its usual time more."""
    hit = hit_rows(forest, fault)
    per_request = hit.size / max(1, late.size)
    if fault.kind == "cpu":
        per_request = float(own_work(forest)[hit].sum()) / NS / max(1, late.size)
    wanted = min(_between(RATIOS, random) * usual, LONGEST_DELAY_SECONDS)
    size = wanted / max(1e-9, per_request * how.affected)
    size = min(size, SLOWEST if fault.kind == "cpu" else LONGEST_DELAY_SECONDS)
    excess = size * per_request * how.affected
    is_material = _is_felt(excess, usual, noise) and requests >= MATERIAL_PER_MINUTE
    strength = Strength(excess=excess, usual=usual, noise=noise, requests=requests, is_material=is_material)
    return max(size, 1e-6), strength


def _surge(usual: float, noise: float, requests: float, most: float, random: Random) -> tuple[float, Strength]:
    """The load, and by how much requests at the entry slow down with it: a surge that is served well is no fault."""
    load = _between(LOADS, random)
    excess = min(_between(RATIOS, random) * usual, most, LONGEST_DELAY_SECONDS)
    is_material = load >= MATERIAL_LOAD and _is_felt(excess, usual, noise)
    return load, Strength(
        excess=excess, usual=usual, noise=noise, requests=requests * (load - 1), is_material=is_material
    )


def _once_more(forest: Forest, fault: Fault) -> float:
    """How many seconds longer the entry's requests take where all work takes as long again."""
    hit, unit = hit_rows(forest, fault), nothing(forest).extra
    unit.after[hit] = own_work(forest)[hit].astype(np.int64)
    rows = np.intersect1d(_requests(forest, fault), hit)
    longer = (warp(forest, unit).duration - forest.duration)[rows]
    return max(1e-9, float(longer.mean()) / NS if rows.size else 0.0)


def _is_felt(excess: float, usual: float, noise: float) -> bool:
    """Whether a delay is large beside what is usual, in itself, and beside the noise."""
    is_steep = excess >= STEEP_RATIO * usual and excess >= STEEP_SECONDS
    is_large = (excess >= MATERIAL_RATIO * usual and excess >= MATERIAL_SECONDS) or is_steep
    return is_large and excess >= MATERIAL_NOISE * noise


def _requests(forest: Forest, fault: Fault) -> Ints:
    """The requests that the component answers, at the endpoint that is hit; in a surge, those that enter there."""
    is_hit = enters(forest) if fault.kind == "surge" else forest.is_entry
    own = is_hit & (forest.service == forest.code(fault.component))
    if fault.operation is not None:
        own &= forest.operation == forest.operations.index(fault.operation)
    return np.flatnonzero(own)


def _usual(forest: Forest, rows: Ints) -> tuple[float, float]:
    """The mean duration in seconds, and how much the mean of ten seconds differs from it (robustly)."""
    if not rows.size:
        return 0.0, 0.0
    seconds = forest.duration[rows] / NS
    bins = forest.start[rows] // (BIN_SECONDS * NS)
    counts = np.bincount(bins)
    means = np.bincount(bins, weights=seconds)[counts > 0] / counts[counts > 0]
    return float(seconds.mean()), 1.4826 * float(np.median(np.abs(means - np.median(means))))


def _decoys(forest: Forest, fault: Fault, random: Random) -> dict[str, Drift | Deploy | None]:
    """Sometimes an unrelated drift, too small to matter, and sometimes an innocent deploy near the onset."""
    others = [name for name, rate in busy(forest).items() if name not in ("", fault.component) and rate > 0]
    drift = deploy = None
    if others and random.random() < 0.5:
        length = fault.ends - fault.onset
        begins = fault.onset + length * float(random.uniform(-1.0, 0.8))
        ratio = float(random.uniform(*DRIFTS))
        drift = Drift(component=others[int(random.integers(len(others)))], ratio=ratio, begins=begins)
    if others and random.random() < 0.5:
        at = fault.onset + timedelta(seconds=float(random.uniform(-DEPLOY_SECONDS, DEPLOY_SECONDS / 3)))
        deploy = Deploy(component=others[int(random.integers(len(others)))], at=at)
    return {"drift": drift, "deploy": deploy}


def _is_called(forest: Forest, own: Bools) -> bool:
    called = forest.called[forest.called >= 0]
    return bool(own[called].any())


def _has_a_twin(forest: Forest, component: str) -> bool:
    """Whether another component has the same links and no other: whose of the two are slow could not be told."""
    links = _links(forest)
    mine = {link for link in links if component in link}
    others = {name for link in mine for name in link} - {component, NOBODY}
    return any({link for link in links if other in link} == mine for other in others)


def _links(forest: Forest) -> set[tuple[str, str]]:
    """Who calls whom; `NOBODY` stands for what does not report."""
    rows = np.flatnonzero(forest.is_client)
    ends = forest.called[rows]
    names = np.array([*forest.services, NOBODY], dtype=object)
    called = names[np.where(ends < 0, len(forest.services), forest.service[ends])]
    return set(zip(names[forest.service[rows]], called, strict=True))


def _between(limits: tuple[float, float], random: Random) -> float:
    low, high = np.log(limits)
    return float(np.exp(random.uniform(low, high)))


def when(forest: Forest, ns: int) -> datetime:
    """A moment of the forest's time as a datetime."""
    return datetime.fromtimestamp((forest.origin_ns + ns) // 1000 / 1e6, UTC)


def unheard(quiet: Quiet) -> tuple[tuple[str, str], ...]:
    """What is called and reports nothing, each with one of its callers, in order of name."""
    forest = quiet.forest
    rows = np.flatnonzero(waits(forest))
    spans = quiet.spans.take(pa.array(rows))
    peers = pc.coalesce(*(value_of(spans["attributes"], key) for key in PEERS)).to_pylist() if rows.size else []
    found: dict[str, str] = {}
    for peer, caller in zip(peers, spans["service_name"].to_pylist(), strict=True):
        if peer and peer not in forest.services:
            found.setdefault(peer, caller)
    return tuple(sorted(found.items()))
