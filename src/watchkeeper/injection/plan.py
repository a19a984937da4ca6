"""What is going to be put in: one fault with its size and everything that decides how it spreads; also the truth."""

from collections.abc import Mapping
from typing import Literal, get_args

import pyarrow as pa
from pydantic import AwareDatetime, Field

from watchkeeper.domain import Noun
from watchkeeper.tables import TableName

Tables = Mapping[TableName, pa.Table]

InjectedKind = Literal[
    "latency",
    "errors",
    "gaps",
    "silence",
    "crash",
    "cpu",
    "slow-dependency",
    "network-delay",
    "surge",
]
KINDS: tuple[InjectedKind, ...] = get_args(InjectedKind)


class Propagation(Noun):
    """How a fault spreads: drawn at random for each case, and kept with its truth. Shares lie between 0 and 1."""

    affected: float = Field(default=1.0, gt=0, le=1)
    """Of the requests that could be hit, which share is."""
    spread: float = Field(default=0.3, ge=0)
    """Standard deviation of the logarithm of each delay."""
    early: float = Field(default=0.5, ge=0, le=1)
    """Which share of a delay comes before the calls that a request makes; the rest comes after them."""
    ramp_seconds: float = Field(default=0.0, ge=0)
    """How long the fault takes to reach its full size."""
    passed_on: float = Field(default=1.0, ge=0, le=1)
    """How probable it is that a caller fails where a call of it failed."""
    retried: float = Field(default=0.0, ge=0, le=1)
    """How probable it is that a failed call is tried once more."""
    logged: float = Field(default=1.0, ge=0, le=1)
    """How probable it is that a request which fails writes a line."""
    breaks_off: bool = True
    """Whether a request that fails leaves out the calls that it would still have made."""
    queued: float = Field(default=1.0, ge=0)
    """In a surge: by which multiple of its own time each piece of work waits more."""
    cpu_rise: float = Field(default=0.6, ge=0, le=1)
    """Of the processor time that is free, which share the fault takes."""


class Flow(Noun):
    """How excess flows up a declared call graph, where there is nothing but figures of each period."""

    share: tuple[float, float] = (0.7, 1.0)
    """Between which shares of a callee's excess its callers feel."""
    noise: float = Field(default=0.1, ge=0)
    """Standard deviation of the logarithm of each figure."""
    lag_periods: int = Field(default=0, ge=0)
    """How many periods later the callers feel it."""
    lost_edges: float = Field(default=0.0, ge=0, lt=1)
    """Which share of the declared calls nobody declares any more."""
    disturbances: int = Field(default=0, ge=0)
    """How many unrelated nodes are disturbed too."""
    disturbance_size: float = Field(default=0.3, ge=0)
    """How large each is beside the fault."""


class Drift(Noun):
    """A decoy: another component gets a little slower, at another moment."""

    component: str
    ratio: float
    """By which share of its own time."""
    begins: AwareDatetime


class Deploy(Noun):
    """A decoy: an innocent component was released near the onset."""

    component: str
    at: AwareDatetime


class Strength(Noun):
    """How large the fault is beside the component's own usual figures, known before anything is looked at."""

    excess: float
    """Seconds a request, or the share of requests, that the fault adds where it hits."""
    usual: float
    """The same figure in quiet telemetry."""
    noise: float
    """How much that figure usually differs from one short stretch to the next (robust standard deviation)."""
    requests: float
    """How many requests a minute are hit."""
    is_material: bool
    """Whether a person would care: decided by the rule of the kind, never by whether it was found."""


class Fault(Noun):
    """One planned fault, complete: the same plan and the same tables give the same bytes."""

    seed: int
    system: str
    component: str
    kind: InjectedKind
    onset: AwareDatetime
    ends: AwareDatetime
    """Where the telemetry ends; the fault lasts until then."""
    operation: str | None = None
    """The one endpoint that is hit; None for all."""
    dependency: str | None = None
    """The other end of the call that hurts."""
    size: float = Field(gt=0)
    """Seconds for delays, a share of requests for failures and gaps, a multiple of own time or of load for the rest."""
    propagation: Propagation | None = None
    flow: Flow | None = None
    drift: Drift | None = None
    deploy: Deploy | None = None
    strength: Strength
