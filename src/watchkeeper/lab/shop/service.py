"""What every service of the shop is made of."""

import logging
from typing import ClassVar

from watchkeeper.lab.shop.calls import Peer
from watchkeeper.lab.shop.database import Database
from watchkeeper.lab.shop.instrumentation import Telemetry
from watchkeeper.lab.shop.server import Endpoint
from watchkeeper.lab.shop.settings import Release, ServiceSettings


class Service:
    """One service: its release, its peers, its database where it has one."""

    name: ClassVar[str]

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry) -> None:
        self.release: Release = settings.release
        self.telemetry = telemetry
        self.log = logging.getLogger(f"shop.{self.name}")
        self.peers = {name: Peer(name, url, telemetry) for name, url in settings.peers.items()}
        self._database = (
            Database(self.name, settings.database, settings.pool_size, telemetry) if settings.database else None
        )

    @property
    def database(self) -> Database:
        """The service's own database; only services that were given one ask for it."""
        if self._database is None:
            raise LookupError(f"{self.name} has no database")
        return self._database

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        raise NotImplementedError

    def close(self) -> None:
        """Give up connections."""
        if self._database is not None:
            self._database.close()
