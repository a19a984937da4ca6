"""Starts, replaces, restarts and stops the processes of one shop."""

import json
import random
import socket
from contextlib import ExitStack
from pathlib import Path

from watchkeeper.lab.children import Child, Nursery, Program
from watchkeeper.lab.detour import Detour
from watchkeeper.lab.layout import BANK, CALLS, DATABASES, POSTGRES, SERVICES, Layout
from watchkeeper.lab.load import LoadSettings
from watchkeeper.lab.postgres import Postgres
from watchkeeper.lab.shop.settings import Release, ServiceSettings

SOCKET_NAME = ".s.PGSQL.5432"


class Ports:
    """Free ports on the loopback, held without listening so that nobody else takes them."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def take(self) -> int:
        """One more port; processes share it with `SO_REUSEPORT`."""
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        self._held.append(holder)
        port: int = holder.getsockname()[1]
        return port

    def release(self) -> None:
        """Let go of all of them."""
        for holder in self._held:
            holder.close()


class Shop:
    """A running shop in a folder: a context manager that leaves no process behind."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        self._layout = layout
        self._folder = folder
        self._chance = random.Random(f"{layout.seed}/shop")
        self._nursery = Nursery(folder / "nursery.err")
        self._ports = Ports()
        self._port = {name: self._ports.take() for name in (*SERVICES, BANK)}
        self._metrics_port: dict[str, int] = {}
        self._children: dict[str, Child] = {}
        self._retired: list[Child] = []
        self._detour: Detour | None = None
        self._ending = ExitStack()
        self.postgres = Postgres(folder, layout.paces)
        self.releases = {name: Release(self._first_version()) for name in SERVICES}

    def __enter__(self) -> "Shop":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_children()
        self._nursery.stop()
        self._ending.close()
        self._ports.release()

    def open_doors(self) -> None:
        """Let the shoppers in."""
        layout = self._layout
        settings = LoadSettings(
            url=f"http://127.0.0.1:{self._port['gateway']}",
            seed=layout.seed,
            records=str(self.records_of("load")),
            shoppers=layout.shoppers,
            think_seconds=layout.think_seconds,
            day_seconds=layout.day_seconds,
        )
        self._spawn("load", "load", settings.to_json())
        self._children["load"].wait_until_ready()

    def records_of(self, name: str) -> Path:
        """The file in which a service, or `load`, notes its requests."""
        return self._folder / f"{name}.csv"

    def targets(self) -> dict[str, str]:
        """Where each service's metrics are scraped now, as `127.0.0.1:port`; another port with each new process."""
        return {name: f"127.0.0.1:{self._metrics_port[name]}" for name in SERVICES if name in self._metrics_port}

    @property
    def targets_file(self) -> Path:
        """The same as a file that Prometheus can watch (`file_sd_configs`), always up to date."""
        return self._folder / "targets.json"

    def begin_deploy(self, service: str, release: Release) -> None:
        """Start the next version beside the running one; returns when both serve."""
        self.releases[service] = release
        self._retired.append(self._children[service])
        self._spawn_service(service)
        self._children[service].wait_until_ready()

    def end_deploy(self) -> None:
        """Let the old version finish its requests and end."""
        while self._retired:
            self._retired.pop().stop()

    def kill(self, service: str) -> None:
        """End a service's process at once."""
        self._children[service].kill()

    def restart(self, service: str) -> None:
        """Start a service again in the version that it had."""
        self._spawn_service(service)

    def command(self, name: str, do: str, **arguments: object) -> None:
        """Tell the process of a service, or `load`, something."""
        self._children[name].command(do, **arguments)

    def delay(self, seconds: float) -> None:
        """Have answers on the layout's detour arrive that much later."""
        if self._detour is None:
            raise LookupError("this shop was set up without a detour")
        self._detour.delay_seconds = seconds

    def dead(self) -> list[str]:
        """The processes that have ended."""
        return [name for name, child in self._children.items() if not child.is_running]

    def pids(self) -> list[int]:
        """The process ids of everything in Python."""
        return [child.pid for child in (*self._children.values(), *self._retired)]

    def _start(self) -> None:
        bank = f'{{"port": {self._port[BANK]}, "seed": {self._layout.seed}, "seconds": {self._layout.bank_seconds}}}'
        self._spawn(BANK, "bank", bank)
        self._ending.callback(self.postgres.stop)
        self.postgres.start()
        self._open_detour()
        for service in SERVICES:
            self._spawn_service(service)
        for child in self._children.values():
            child.wait_until_ready()

    def _stop_children(self) -> None:
        """Shoppers first, then callers before callees, so that the last requests are still answered."""
        order = ("load", *reversed(SERVICES), BANK)
        for name in order:
            if name in self._children:
                self._children.pop(name).stop()
        self.end_deploy()

    def _open_detour(self) -> None:
        edge = self._layout.detour
        if edge is None:
            return
        if edge.dependency == POSTGRES:
            way: tuple[int | Path, int | Path] = (
                self.postgres.socket_folder / SOCKET_NAME,
                self._folder / "via" / SOCKET_NAME,
            )
        else:
            way = (self._port[edge.dependency], 0)
        self._detour = Detour(*way)
        self._detour.start()
        self._ending.callback(self._detour.stop)

    def _spawn(self, name: str, program: Program, settings: str) -> None:
        self._children[name] = self._nursery.start(name, program, settings, self._folder / f"{name}.err")

    def _spawn_service(self, service: str) -> None:
        layout = self._layout
        self._metrics_port[service] = self._ports.take()
        instance = f"{service}-{self._chance.getrandbits(32):08x}"
        settings = ServiceSettings(
            name=service,
            release=self.releases[service],
            instance=instance,
            host=f"node-{self._chance.randint(1, 4)}",
            port=self._port[service],
            records=str(self.records_of(service)),
            endpoint=layout.endpoint,
            headers=layout.headers,
            peers={peer: f"http://127.0.0.1:{self._port_to(service, peer)}" for peer in CALLS[service]},
            database=self._database_of(service),
            pool_size=layout.pool_sizes.get(service, 8),
            metrics_port=self._metrics_port[service],
        )
        self._spawn(service, "service", settings.to_json())
        self._write_targets()

    def _write_targets(self) -> None:
        entries = [{"targets": [place], "labels": {"service": name}} for name, place in self.targets().items()]
        fresh = self._folder / "targets.new"
        fresh.write_text(json.dumps(entries))
        fresh.replace(self.targets_file)

    def _port_to(self, service: str, peer: str) -> int:
        edge = self._layout.detour
        if edge is not None and (edge.service, edge.dependency) == (service, peer):
            assert self._detour is not None
            return self._detour.port
        return self._port[peer]

    def _database_of(self, service: str) -> str | None:
        if service not in DATABASES:
            return None
        edge = self._layout.detour
        is_detoured = edge is not None and (edge.service, edge.dependency) == (service, POSTGRES)
        return self.postgres.address(service, self._folder / "via" if is_detoured else None)

    def _first_version(self) -> str:
        return f"{self._chance.randint(1, 4)}.{self._chance.randint(2, 30)}.{self._chance.randint(0, 6)}"
