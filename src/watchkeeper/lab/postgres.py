"""A PostgreSQL of the lab's own: pgserver's binaries or the machine's, in a folder, on a unix socket."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psycopg

from watchkeeper.errors import SourceUnavailable
from watchkeeper.lab.shop.trade import CATEGORIES, PRODUCTS_PER_CATEGORY

ORDINARY_USER = "nobody"
START_SECONDS = 20.0
INITDB_OPTIONS = ("--auth=trust", "--encoding=utf8", "-N", "--no-locale")
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "autovacuum": "off",
    "logging_collector": "off",
}
SCHEMA = {
    "catalog": """
        CREATE TABLE products (id int PRIMARY KEY, category text, name text, cents int, stock int);
        CREATE INDEX ON products (category);
        CREATE FUNCTION category_page(wanted text, page int) RETURNS SETOF products LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep({pace} * 0.014 * (0.7 + 0.6 * random()));
            RETURN QUERY SELECT * FROM products WHERE category = wanted ORDER BY id LIMIT page; END $$;
        CREATE FUNCTION products_by_id(wanted int[]) RETURNS SETOF products LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep({pace} * 0.004 * (0.7 + 0.6 * random()));
            RETURN QUERY SELECT * FROM products WHERE id = ANY(wanted); END $$;
        CREATE FUNCTION stock_of(wanted int) RETURNS TABLE (stock int) LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep({pace} * 0.004 * (0.7 + 0.6 * random()));
            RETURN QUERY SELECT products.stock FROM products WHERE id = wanted; END $$;
        """,
    "cart": """
        CREATE TABLE items (session text, product int, quantity int);
        CREATE INDEX ON items (session);
        CREATE FUNCTION cart_items(wanted text) RETURNS TABLE (product int, quantity int) LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep({pace} * 0.005 * (0.7 + 0.6 * random()));
            RETURN QUERY SELECT i.product, i.quantity FROM items i WHERE session = wanted LIMIT 12; END $$;
        CREATE FUNCTION cart_add(wanted text, what int, many int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep({pace} * 0.008 * (0.7 + 0.6 * random()));
            INSERT INTO items VALUES (wanted, what, many); END $$;
        CREATE FUNCTION cart_close(wanted text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep({pace} * 0.005 * (0.7 + 0.6 * random()));
            DELETE FROM items WHERE session = wanted; END $$;
        """,
    "checkout": """
        CREATE TABLE orders (id text PRIMARY KEY, session text, total numeric, reference text);
        CREATE FUNCTION order_open(what text, who text, amount double precision) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_sleep({pace} * 0.006 * (0.7 + 0.6 * random()));
            INSERT INTO orders VALUES (what, who, amount, NULL); END $$;
        CREATE FUNCTION reserve_stock(wanted int[]) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep({pace} * 0.008 * (0.7 + 0.6 * random())); END $$;
        CREATE FUNCTION order_paid(what text, proof text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep({pace} * 0.005 * (0.7 + 0.6 * random()));
            UPDATE orders SET reference = proof WHERE id = what; END $$;
        """,
}


def binaries() -> Path:
    """The folder of `initdb` and `postgres`; raises SourceUnavailable where the machine has neither kind."""
    found = importlib.util.find_spec("pgserver")
    if found is not None and found.origin is not None:
        return Path(found.origin).parent / "pginstall" / "bin"
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    on_path = shutil.which("initdb")
    if on_path is None:
        raise SourceUnavailable("the lab needs PostgreSQL: install the package `pgserver`, or Debian's `postgresql`")
    return Path(on_path).resolve().parent


class Postgres:
    """One server with a database for each service that keeps something."""

    def __init__(self, folder: Path, paces: dict[str, float]) -> None:
        self.socket_folder = folder / "pg"
        self._data = self.socket_folder / "data"
        self._log = folder / "postgres.err"
        self._paces = paces
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster, start it and fill the databases; raises SourceUnavailable where it does not start."""
        tools = _readable(binaries(), self.socket_folder.parent)
        user = ORDINARY_USER if os.geteuid() == 0 else ""
        self._data.mkdir(parents=True)
        if user:
            for each in (self.socket_folder, self._data):
                shutil.chown(each, user)
        with self._log.open("ab") as log:
            initdb: list[Path | str] = [tools / "initdb", "-D", self._data, "-U", "shop", *INITDB_OPTIONS]
            self._launch(initdb, user, log).wait()
            settings = [part for key, value in OPTIONS.items() for part in ("-c", f"{key}={value}")]
            server: list[Path | str] = [tools / "postgres", "-D", self._data, "-k", self.socket_folder, *settings]
            # Not in the terminal's group: at Ctrl-C the services still need it until they have ended.
            self._process = self._launch(server, user, log, process_group=0)
        self._fill()

    def address(self, database: str, folder: Path | None = None) -> str:
        """The connection string of a service's database, on the server's socket or another one."""
        return f"host={folder or self.socket_folder} dbname={database} user=shop connect_timeout=3"

    def stop(self) -> None:
        """End the server and wait for it."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _launch(
        self, command: list[Path | str], user: str, log: BinaryIO, process_group: int | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "watchkeeper.lab.leash", user, *command],
            cwd=self.socket_folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=process_group,
        )

    def _fill(self) -> None:
        with self._connect() as connection:
            for database in SCHEMA:
                connection.execute(f'CREATE DATABASE "{database}"'.encode())
        for database, schema in SCHEMA.items():
            pace = self._paces.get(database, 1.0)
            with psycopg.connect(self.address(database), autocommit=True) as connection:
                connection.execute(schema.replace("{pace}", str(pace)).encode())
                if database == "catalog":
                    for row in _products():
                        connection.execute("INSERT INTO products VALUES (%s, %s, %s, %s, %s)", row)

    @contextmanager
    def _connect(self) -> Iterator[psycopg.Connection]:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                connection = psycopg.connect(self.address("postgres"), autocommit=True)
                break
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self._has_ended():
                    reason = self._log.read_text(errors="replace")[-500:]
                    raise SourceUnavailable(f"the lab's PostgreSQL did not start: {reason}") from error
                time.sleep(0.05)
        with connection:
            yield connection


def _products() -> Iterator[tuple[int, str, str, int, int]]:
    for number in range(1, len(CATEGORIES) * PRODUCTS_PER_CATEGORY + 1):
        category = CATEGORIES[(number - 1) // PRODUCTS_PER_CATEGORY]
        yield number, category, f"{category} {number}", 500 + number * 37 % 9000, number % 50


def _readable(tools: Path, folder: Path) -> Path:
    """The binaries, copied where an ordinary user may read them if root's own folders hide them."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in tools.resolve().parents):
        return tools
    copy = folder / "postgresql"
    shutil.copytree(tools.parent, copy, symlinks=True)
    return copy / "bin"
