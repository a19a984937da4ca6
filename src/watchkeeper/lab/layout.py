"""Who is in the shop, who calls whom, and how one run of it is set up."""

from dataclasses import dataclass, field

SERVICES = ("catalog", "cart", "payment", "recommendations", "checkout", "gateway")
"""In the order in which they are started: callees first."""
CALLS: dict[str, tuple[str, ...]] = {
    "gateway": ("catalog", "cart", "checkout", "recommendations"),
    "checkout": ("cart", "catalog", "payment"),
    "payment": ("bank",),
    "recommendations": ("catalog",),
    "cart": ("catalog",),
    "catalog": (),
}
DATABASES = ("catalog", "cart", "checkout")
BANK = "bank"
POSTGRES = "postgresql"


def neighbours(service: str) -> tuple[str, ...]:
    """The services that call this one or are called by it."""
    callers = tuple(name for name, callees in CALLS.items() if service in callees)
    return callers + tuple(name for name in CALLS[service] if name != BANK)


@dataclass(frozen=True)
class Edge:
    """A service and what it depends on."""

    service: str
    dependency: str


@dataclass(frozen=True)
class Layout:
    """How one run's shop is set up, from before anything happens."""

    seed: int
    endpoint: str
    headers: dict[str, str]
    shoppers: int = 34
    think_seconds: float = 2.0
    day_seconds: float = 600.0
    bank_seconds: float = 0.12
    detour: Edge | None = None
    """The one connection whose delay can be changed later."""
    pool_sizes: dict[str, int] = field(default_factory=dict)
    paces: dict[str, float] = field(default_factory=dict)
    """How much slower than usual a service's statements are, from the start."""
