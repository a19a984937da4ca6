"""The shoppers: seeded sessions with think times and a daily shape."""

import asyncio
import json
import math
import os
import random
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import httpx

from watchkeeper.lab.shop.calls import Shopper
from watchkeeper.lab.shop.trade import CATEGORIES, CURRENCY_SHARES, PRODUCTS, REGION_SHARES

SHAPE = 0.2
"""How far the day's rhythm goes up and down, as a share of the mean."""


@dataclass(frozen=True)
class LoadSettings:
    """How many shoppers, how patient, for how long a day."""

    url: str
    seed: int
    records: str
    shoppers: int = 34
    think_seconds: float = 2.0
    day_seconds: float = 600.0

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


class Crowd:
    """All shoppers of one process."""

    def __init__(self, settings: LoadSettings, client: httpx.AsyncClient, records: TextIO) -> None:
        self._settings = settings
        self._client = client
        self._records = records
        self._began = time.monotonic()
        self._phase = random.Random(settings.seed).random() * 2 * math.pi
        self._surges: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Shop until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._settings.shoppers):
                group.create_task(self._live(random.Random(f"{self._settings.seed}/{number}"), number))

    def surge(self, place: str, shoppers: int, think_seconds: float) -> None:
        """Let more shoppers in who all do the same."""
        for number in range(shoppers):
            chance = random.Random(f"{self._settings.seed}/{place}/{number}")
            task = asyncio.create_task(self._crave(chance, place, think_seconds))
            self._surges.add(task)

    async def _live(self, chance: random.Random, number: int) -> None:
        await asyncio.sleep(chance.random() * 2)
        while True:
            shopper = _shopper(chance, f"u{number:03d}{chance.randrange(100):02d}")
            await self._visit(shopper, chance)

    async def _visit(self, shopper: Shopper, chance: random.Random) -> None:
        await self._do("GET", "/", "/", shopper)
        await self._think(chance)
        items = 0
        for _ in range(chance.randint(1, 3)):
            category = chance.choice(CATEGORIES)
            await self._do("GET", f"/categories/{category}", "/categories/{category}", shopper)
            await self._think(chance)
            await self._do("GET", f"/products/{chance.randint(1, PRODUCTS)}", "/products/{id}", shopper)
            await self._think(chance)
            if chance.random() < 0.7:
                await self._add(shopper, chance)
                items += 1
        if chance.random() < 0.8:
            await self._do("GET", "/cart", "/cart", shopper)
            await self._think(chance)
            if items and chance.random() < 0.9:
                await self._do("POST", "/checkout", "/checkout", shopper, {})
                await self._think(chance)

    async def _crave(self, chance: random.Random, place: str, think_seconds: float) -> None:
        while True:
            shopper = _shopper(chance, f"u9{chance.randrange(10000):04d}")
            await asyncio.sleep(think_seconds * (0.5 + chance.random()))
            if place == "catalog":
                category = chance.choice(CATEGORIES)
                await self._do("GET", f"/categories/{category}", "/categories/{category}", shopper)
                await self._do("GET", f"/products/{chance.randint(1, PRODUCTS)}", "/products/{id}", shopper)
            else:
                await self._add(shopper, chance)
                await self._do("GET", "/cart", "/cart", shopper)
            if place == "checkout":
                await self._do("POST", "/checkout", "/checkout", shopper, {})

    async def _add(self, shopper: Shopper, chance: random.Random) -> None:
        item = {"product": chance.randint(1, PRODUCTS), "quantity": chance.randint(1, 3)}
        await self._do("POST", "/cart/items", "/cart/items", shopper, item)
        await self._think(chance)

    async def _think(self, chance: random.Random) -> None:
        angle = 2 * math.pi * (time.monotonic() - self._began) / self._settings.day_seconds + self._phase
        await asyncio.sleep(
            self._settings.think_seconds * (0.4 + 1.2 * chance.random()) / (1 + SHAPE * math.sin(angle))
        )

    async def _do(
        self, method: str, path: str, route: str, shopper: Shopper, body: dict[str, int] | None = None
    ) -> None:
        began = time.time()
        try:
            response = await self._client.request(method, path, headers=shopper.headers(), json=body)
            status = response.status_code
        except httpx.TransportError:
            status = 599
        self._records.write(f"{began:.3f},{method} {route},{status},{time.time() - began:.4f}\n")


def _shopper(chance: random.Random, user: str) -> Shopper:
    return Shopper(
        user=user,
        session=f"s{chance.getrandbits(48):012x}",
        region=chance.choices(list(REGION_SHARES), list(REGION_SHARES.values()))[0],
        currency=chance.choices(list(CURRENCY_SHARES), list(CURRENCY_SHARES.values()))[0],
    )


def _obey(crowd: Crowd, loop: asyncio.AbstractEventLoop) -> None:
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "surge":
            loop.call_soon_threadsafe(crowd.surge, command["place"], command["shoppers"], command["think_seconds"])
        elif command["do"] == "drain":
            break
    os._exit(0)


async def _shop(settings: LoadSettings) -> None:
    with Path(settings.records).open("a", buffering=1) as records:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=100)
        async with httpx.AsyncClient(base_url=settings.url, timeout=10, limits=limits, trust_env=False) as client:
            crowd = Crowd(settings, client, records)
            threading.Thread(target=_obey, args=(crowd, asyncio.get_running_loop()), daemon=True).start()
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await crowd.run()


def main() -> None:
    """Shop until the standard input ends."""
    asyncio.run(_shop(LoadSettings(**json.loads(sys.stdin.readline()))))
