"""How the records' database is connected to: what waits, what is durable, and which transactions may write."""

import sqlite3
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from watchkeeper.errors import ConfigError
from watchkeeper.records.address import Address

CONNECT_SECONDS = 5
BUSY_SECONDS = 15.0
"""How long another process's writing is waited for."""


def connect(address: Address, busy_seconds: float = BUSY_SECONDS) -> tuple[Engine, Engine]:
    """Two views of one database: the first reads from one moment, the second takes its turn to write.

    Raises ConfigError where PostgreSQL's driver is not installed; nothing is connected yet.
    """
    engine = _sqlite(address, busy_seconds) if address.is_sqlite else _postgresql(address, busy_seconds)
    reading = engine if address.is_sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
    return reading, engine.execution_options(writes=True)


def _sqlite(address: Address, busy_seconds: float) -> Engine:
    engine = create_engine(address.url, poolclass=NullPool, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        # Transactions are begun below, not by the driver, which would leave out reading and CREATE TABLE.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            # Read-only, or another process is at it: without WAL it is slower, not wrong.
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # To write, the lock is taken first: a reader that turns writer could not wait for it.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")

    return engine


def _postgresql(address: Address, busy_seconds: float) -> Engine:
    options: dict[str, Any] = {} if "connect_timeout" in address.url.query else {"connect_timeout": CONNECT_SECONDS}
    try:
        engine = create_engine(address.url, pool_pre_ping=True, connect_args=options)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"records.url: PostgreSQL needs the extra watchkeeper[postgresql], of which {error.name} is missing: "
            "run `uv sync --extra postgresql`, or `pip install 'watchkeeper[postgresql]'`"
        ) from error

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if _writes(connection):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {busy_seconds * 1000:.0f}")

    return engine


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("writes"))
