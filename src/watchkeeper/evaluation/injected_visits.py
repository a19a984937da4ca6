"""Injected cases that what changed inside requests is to tell: also among many services, and with sparse requests.

A lab has few services and many requests, large systems have it the other way round. So quiet telemetry is replicated
under other names, each replica at another time of its own, and thinned, before a fault is put in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.datasets.cases import Tables, Trigger
from watchkeeper.domain import Signal, Window
from watchkeeper.evaluation.injected import InjectedCase, System, drawn, system_of
from watchkeeper.injection.forest import Ints, times_ns
from watchkeeper.injection.inject import Quiet, inject
from watchkeeper.injection.maps import rebuilt
from watchkeeper.injection.plan import InjectedKind
from watchkeeper.injection.planning import PEERS, Stretch, draw
from watchkeeper.tables import TABLES, TIME, TableName

ASKED_SECONDS = (0.0, 60.0)
"""How long after its onset somebody says that something is wrong."""
KNOWN_AFTER = timedelta(seconds=180)
"""What may be known then."""
REFERENCE = timedelta(seconds=60)
"""The stretch that is known to be good, at a case's begin."""
REPLICAS = (1, 2, 4, 7)
"""How many times the system is there, each as often as the others: up to some forty services."""
LEAST_KEPT, MOST_SPANS = 0.08, 40_000
"""The least share of requests that is kept of a replica, and how many spans a case has at most, about."""
FAINT_EVERY = 4
"""One case in so many may be faint as well: what nobody may see teaches how sure one can be."""
DISTURBED = 0.7
"""How many replicas have some trouble of their own, too faint for anybody to care: nothing is ever quite calm."""
FAINT_KINDS: tuple[InjectedKind, ...] = ("latency", "errors", "gaps", "slow-dependency", "network-delay")
"""Kinds of which a little goes unnoticed: a busy processor or more load is seen, however little anybody feels of it."""
FAINT_TRIES = 20
MICROSECONDS = 1000


@dataclass(frozen=True)
class Setting:
    """What a case's system is made of."""

    replicas: int
    kept: float
    """The share of requests that is kept of each replica."""

    @classmethod
    def drawn(cls, spans: int, random: np.random.Generator) -> "Setting":
        """Any number of replicas, and of requests between few and as many as there is room for (log-uniform)."""
        replicas = int(random.choice(REPLICAS))
        most = min(1.0, MOST_SPANS / (replicas * max(1, spans)))
        least = min(LEAST_KEPT, most)
        return cls(replicas, float(np.exp(random.uniform(np.log(least), np.log(most)))))


def visit_cases(folder_or_tables: Path | Tables, count: int, seed: int) -> Iterator[InjectedCase]:
    """That many injected cases, each in a system of its own making, the same for the same seed.

    Somebody says only that something is wrong, and knows one stretch that was good. Cases for which nobody is busy
    enough are left out. Raises DatasetRejected where the telemetry is too short.
    """
    quiet = system_of(folder_or_tables)
    for number in range(1, count + 1):
        random = np.random.default_rng([seed, number, 6])
        setting = Setting.drawn(quiet.tables["spans"].num_rows, random)
        system = System(quiet.name, replicated(quiet.tables, setting, random))
        is_material = None if number % FAINT_EVERY == 0 else True
        for fault in drawn(system, 1, seed * count + number, is_material):
            tables = inject(system.quiet(fault.seed), fault)
            at = fault.onset + timedelta(seconds=float(random.uniform(*ASKED_SECONDS)))
            until = at + KNOWN_AFTER
            begins = pc.min(tables["spans"]["time"]).as_py()
            known = {name: _until(table, until) for name, table in tables.items()}
            signal = Signal(kind="alert", at=at, text="something is wrong")
            trigger = Trigger(signal, until, (Window(start=begins, end=begins + REFERENCE),))
            yield InjectedCase(f"{system.name}-{number:04d}", known, trigger, True, fault)


def replicated(tables: Tables, setting: Setting, random: np.random.Generator) -> Tables:
    """So many of the same system side by side, each with requests of its own choice and at times of its own.

    Changes are left out: they tell of one of them only.
    """
    made = [_disturbed(_replica(tables, number, setting, random), random) for number in range(setting.replicas)]
    return {name: pa.concat_tables([each[name] for each in made]).sort_by("time").combine_chunks() for name in made[0]}


def _replica(tables: Tables, number: int, setting: Setting, random: np.random.Generator) -> Tables:
    """One system under names of its own; its requests are turned around in time, each whole, so that noise differs."""
    began = tables["spans"].group_by("trace_id", use_threads=False).aggregate([("time", "min")])
    first, length = int(times_ns(began["time_min"]).min()), int(np.ptp(times_ns(tables["spans"]["time"]))) + 1
    kept = began.filter(pa.array(random.random(began.num_rows) < setting.kept))
    turn = int(random.integers(length)) if number else 0
    since = times_ns(kept["time_min"]) - first
    turned = _Turned(kept["trace_id"].combine_chunks(), (since + turn) % length - since, f"{number:x}")
    suffix, told = f"-{number}" if number else "", [name for name in tables if name != "changes"]
    out: dict[TableName, pa.Table] = {name: _renamed(tables[name].cast(TABLES[name]), suffix) for name in told}
    out.update({name: turned.of(out[name]) for name in ("spans", "logs") if name in out})
    return out


def _disturbed(tables: Tables, random: np.random.Generator) -> Tables:
    """The same, often with a faint trouble that began anywhere; as it is where no component is busy enough for one."""
    if random.random() >= DISTURBED:
        return tables
    quiet = Quiet(tables)
    first, last = pc.min_max(quiet.spans["time"]).as_py().values()
    stretch = Stretch(first + (last - first) * float(random.random()), last)
    for seed in random.integers(2**31, size=FAINT_TRIES).tolist():
        try:
            fault = draw(quiet.forest, stretch, seed, kind=FAINT_KINDS[seed % len(FAINT_KINDS)])
        except ValueError:
            return tables
        if not fault.strength.is_material:
            return inject(quiet, fault.model_copy(update={"drift": None, "deploy": None}))
    return tables


@dataclass(frozen=True)
class _Turned:
    """Which traces are kept, by how much each is moved in time (nanoseconds), and the first letter of its new id."""

    traces: pa.Array
    shift: Ints
    letter: str

    def of(self, table: pa.Table) -> pa.Table:
        """The rows of those traces, and those of none, under ids of their own; spans and lines stay together."""
        place = pc.index_in(table["trace_id"], value_set=self.traces, skip_nulls=True)
        chosen = pc.or_(place.is_valid(), pc.is_null(table["trace_id"]))
        table, where = table.filter(chosen), pc.fill_null(place, -1).filter(chosen).to_numpy()
        moved = times_ns(table["time"]) + np.where(where >= 0, self.shift[where], 0)
        ids = pc.utf8_replace_slice(table["trace_id"], 0, 1, self.letter)
        table = table.set_column(0, table.schema.field("time"), pa.array(moved // MICROSECONDS).cast(TIME))
        return table.set_column(table.schema.get_field_index("trace_id"), table.schema.field("trace_id"), ids)


def _renamed(table: pa.Table, suffix: str) -> pa.Table:
    """The same of services of other names, also where calls tell whom they go to."""
    if not suffix:
        return table
    names = table["service_name"].unique()
    for column in ("service_name", "service_instance_id"):
        told = pc.binary_join_element_wise(table[column], suffix, "")
        table = table.set_column(table.schema.get_field_index(column), table.schema.field(column), told)
    maps = table["attributes"].combine_chunks()
    is_peer = pc.and_(pc.is_in(maps.keys, pa.array(PEERS)), pc.is_in(maps.items, names))
    items = pc.if_else(is_peer, pc.binary_join_element_wise(maps.items, suffix, ""), maps.items)
    place = table.schema.get_field_index("attributes")
    return table.set_column(place, table.schema.field("attributes"), rebuilt(maps, items))


def _until(table: pa.Table, end: datetime) -> pa.Table:
    return table.filter(pc.less(table["time"], pa.scalar(end, table["time"].type)))
