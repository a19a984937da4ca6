"""Each kind of fault: what happens, whom it can hit, what it needs from the start, how it begins."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from watchkeeper.lab.layout import BANK, CALLS, DATABASES, POSTGRES, Edge, Layout
from watchkeeper.lab.shop.settings import Release
from watchkeeper.lab.shop.trade import CURRENCY_SHARES, REGION_SHARES
from watchkeeper.lab.supervisor import Shop
from watchkeeper.lab.truth import DrillKind

BEHIND_THE_GATEWAY = ("catalog", "cart", "checkout", "payment", "recommendations")
ALL = ("catalog", "cart", "checkout", "gateway", "payment", "recommendations")
LEAK_LIMIT_BYTES = 600_000_000
BUSY_THREADS = 2
"""At size 1; together they get one core, and every request waits for both."""


@dataclass(frozen=True)
class DrillDescription:
    """One kind of drill, as `drill list` shows it."""

    kind: DrillKind
    happens: str
    targets: tuple[str, ...]


DESCRIPTIONS: tuple[DrillDescription, ...] = (
    DrillDescription("bad-deploy", "a new version looks up each item by itself, many times over", ALL),
    DrillDescription("error-deploy", "a new version fails for one currency or one region", ALL),
    DrillDescription("crash", "the process dies and is restarted, again and again", BEHIND_THE_GATEWAY),
    DrillDescription("pool-exhaustion", "a surge of shoppers meets a small connection pool", DATABASES),
    DrillDescription(
        "slow-dependency", "the database, the bank or the network to a peer gets slow; an innocent deploy before", ALL
    ),
    DrillDescription("cpu-hog", "busy threads inside the service's own process", ALL),
    DrillDescription("memory-leak", "the service keeps memory, more with every second", ALL),
    DrillDescription("silence", "the service's telemetry stops while it goes on serving", BEHIND_THE_GATEWAY),
    DrillDescription("nothing", "no fault at all; deploys may happen", ()),
)
MAIN_ENDPOINT = {
    "catalog": "GET /categories/{category}/products",
    "cart": "GET /carts/{session}",
    "checkout": "POST /orders",
    "gateway": "GET /categories/{category}",
    "payment": "POST /charges",
    "recommendations": "GET /recommendations",
}
LOOKUPS_PER_ITEM = {"catalog": 1, "cart": 6, "checkout": 12, "gateway": 8, "payment": 2, "recommendations": 2}
INPUT_SHARES = {
    "catalog": CURRENCY_SHARES,
    "payment": CURRENCY_SHARES,
    "cart": REGION_SHARES,
    "checkout": REGION_SHARES,
    "gateway": REGION_SHARES,
    "recommendations": REGION_SHARES,
}
SMALL_POOLS = {"catalog": 2, "cart": 1, "checkout": 2}
SLOW_STATEMENTS = {"catalog": 12.0, "cart": 10.0, "checkout": 1.0}
SURGE_SHOPPERS = {"catalog": 26, "cart": 14, "checkout": 14}
SURGE_THINK_SECONDS = 1.0


def dependency_of(service: str) -> str:
    """What gets slow for a service: its database, the bank, or a peer."""
    if service in DATABASES:
        return POSTGRES
    return BANK if BANK in CALLS[service] else CALLS[service][0]


def prepared(kind: DrillKind, service: str | None, layout: Layout) -> Layout:
    """The layout that this kind of fault needs from the start."""
    if service is None:
        return layout
    if kind == "slow-dependency":
        return replace(layout, detour=Edge(service, dependency_of(service)))
    if kind == "pool-exhaustion":
        return replace(
            layout,
            pool_sizes={service: SMALL_POOLS[service]},
            paces={service: SLOW_STATEMENTS[service]},
            bank_seconds=0.3 if service == "checkout" else layout.bank_seconds,
        )
    return layout


def broken_release(kind: DrillKind, service: str, size: float, version: str) -> Release | None:
    """The version that a bad deploy brings; None for kinds that need no deploy."""
    if kind == "bad-deploy":
        return Release(version, per_item=max(1, round(LOOKUPS_PER_ITEM[service] * size)))
    if kind == "error-deploy":
        shares = INPUT_SHARES[service]
        return Release(version, unsupported=(min(shares, key=lambda each: abs(shares[each] - 0.25 * size)),))
    return None


def _exhaust_pool(shop: Shop, service: str, size: float) -> None:
    shop.command(
        "load",
        "surge",
        place=service,
        shoppers=max(2, round(SURGE_SHOPPERS[service] * size)),
        think_seconds=SURGE_THINK_SECONDS,
    )


def _slow_down(shop: Shop, service: str, size: float) -> None:
    seconds = {POSTGRES: 0.06, BANK: 0.5}.get(dependency_of(service), 0.15)
    shop.delay(seconds * size)


def _occupy(shop: Shop, service: str, size: float) -> None:
    threads = BUSY_THREADS * size
    whole = int(threads)
    shares = [1.0] * whole + ([threads - whole] if threads > whole else [])
    shop.command(service, "work", shares=shares)


def _hoard(shop: Shop, service: str, size: float) -> None:
    shop.command(service, "hoard", bytes_per_second=2_000_000 * size, limit=LEAK_LIMIT_BYTES)


def _mute(shop: Shop, service: str, _: float) -> None:
    shop.command(service, "mute")


Begin = Callable[[Shop, str, float], None]
BEGINNINGS: dict[DrillKind, Begin] = {
    "pool-exhaustion": _exhaust_pool,
    "slow-dependency": _slow_down,
    "cpu-hog": _occupy,
    "memory-leak": _hoard,
    "silence": _mute,
}
"""How a fault begins that needs neither a deploy nor a dead process."""
