"""One process of the shop, told who it is on standard input.

The first line is its settings; later lines are commands; the end of the input is the end of the process, so that
nothing outlives the lab.
"""

import json
import logging
import os
import sys
import threading
import time
from dataclasses import dataclass

from watchkeeper.lab.shop.cart import Cart
from watchkeeper.lab.shop.catalog import Catalog
from watchkeeper.lab.shop.checkout import Checkout
from watchkeeper.lab.shop.gateway import Gateway
from watchkeeper.lab.shop.instrumentation import Telemetry
from watchkeeper.lab.shop.payment import Payment
from watchkeeper.lab.shop.recommendations import Recommendations
from watchkeeper.lab.shop.server import Front
from watchkeeper.lab.shop.service import Service
from watchkeeper.lab.shop.serving import AnnouncedServer, listen, server
from watchkeeper.lab.shop.settings import ServiceSettings

SERVICES: dict[str, type[Service]] = {
    each.name: each for each in (Gateway, Catalog, Cart, Checkout, Payment, Recommendations)
}
LARGEST_CHUNK = 8_000_000


@dataclass
class Hoard:
    """Memory that is kept as requests come in: so many bytes a second, up to a limit."""

    bytes_per_second: float
    limit: int

    def __post_init__(self) -> None:
        self._kept: list[bytes] = []
        self._size = 0
        self._last = time.monotonic()

    def grow(self) -> None:
        """Keep what is due since the last request."""
        now = time.monotonic()
        due = min(int((now - self._last) * self.bytes_per_second), LARGEST_CHUNK, self.limit - self._size)
        self._last = now
        if due > 0:
            self._kept.append(b"\x01" * due)
            self._size += due


def work(share: float) -> None:
    """Compute without end, for that share of the time."""
    while True:
        until = time.perf_counter() + 0.05 * share
        total = 0
        while time.perf_counter() < until:
            total += sum(range(100))
        if share < 1:
            time.sleep(0.05 * (1 - share))


class Console:
    """Obeys the lines that the lab writes to the process."""

    def __init__(self, http: AnnouncedServer, front: Front, telemetry: Telemetry) -> None:
        self._http = http
        self._front = front
        self._telemetry = telemetry

    def listen(self) -> None:
        """Read commands until the input ends; then end the process."""
        for line in sys.stdin:
            command = json.loads(line)
            match command["do"]:
                case "drain":
                    self._http.should_exit = True
                case "mute":
                    self._telemetry.gate.is_open = False
                case "work":
                    for share in command["shares"]:
                        threading.Thread(target=work, args=(share,), daemon=True).start()
                case "hoard":
                    self._front.after_request = Hoard(command["bytes_per_second"], command["limit"]).grow
        os._exit(0)


def main() -> None:
    """Serve until told to drain."""
    settings = ServiceSettings.from_json(sys.stdin.readline())
    telemetry = Telemetry(settings)
    service = SERVICES[settings.name](settings, telemetry)
    front = Front(settings, telemetry, service.endpoints())
    front.exposition.serve(settings.metrics_port)
    http = server(front.app)
    threading.Thread(target=Console(http, front, telemetry).listen, daemon=True).start()
    log = logging.getLogger(f"shop.{settings.name}")
    log.info("%s %s starting on %s", settings.name, settings.release.version, settings.host)
    http.run(sockets=[listen(settings.port)])
    log.info("%s %s stopped", settings.name, settings.release.version)
    service.close()
    telemetry.shut_down()
