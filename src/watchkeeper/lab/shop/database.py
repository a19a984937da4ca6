"""How a service of the shop asks its database: a small pool, and spans for the wait and for the query."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import SpanKind
from psycopg_pool import ConnectionPool

from watchkeeper.lab.shop.instrumentation import Telemetry, mark_failed

ACQUIRE_SECONDS = 1.5
Row = tuple[Any, ...]


class Session:
    """One connection, for as long as its holder needs it."""

    def __init__(self, connection: psycopg.Connection[Row], name: str, telemetry: Telemetry) -> None:
        self._connection = connection
        self._name = name
        self._telemetry = telemetry

    def fetch(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement and read what it returns."""
        operation = statement.split(None, 1)[0].upper()
        with self._telemetry.tracer.start_as_current_span(
            f"{operation} {self._name}",
            kind=SpanKind.CLIENT,
            attributes={
                "db.system.name": "postgresql",
                "db.namespace": self._name,
                "db.operation.name": operation,
                "db.query.text": statement,
                "server.address": "postgresql",
                "server.port": 5432,
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                cursor = self._connection.execute(statement.encode(), parameters)
                return cursor.fetchall() if cursor.description else []
            except psycopg.Error as error:
                mark_failed(span, error)
                raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside happen, or none."""
        with self._connection.transaction():
            yield


class Database:
    """The pool of one service."""

    def __init__(self, name: str, address: str, size: int, telemetry: Telemetry) -> None:
        self._name = name
        self._telemetry = telemetry
        self._size = size
        self._pool = ConnectionPool(
            address,
            min_size=min(2, size),
            max_size=size,
            timeout=ACQUIRE_SECONDS,
            kwargs={"autocommit": True, "prepare_threshold": None},
            open=True,
        )
        meter = telemetry.meter
        attributes = {"db.client.connection.pool.name": name}
        meter.create_observable_gauge("db.client.connection.count", [self._observe_connections], "{connection}")
        meter.create_observable_gauge(
            "db.client.connection.max", [lambda _: [Observation(size, attributes)]], "{connection}"
        )
        meter.create_observable_gauge("db.client.connection.pending_requests", [self._observe_pending], "{request}")

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection of the pool; raises PoolTimeout where none is free for 1.5 s."""
        with self._telemetry.tracer.start_as_current_span(
            "pool.acquire",
            attributes={"db.client.connection.pool.name": self._name},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                connection = self._pool.getconn()
            except psycopg.OperationalError as error:
                mark_failed(span, error)
                raise
        try:
            yield Session(connection, self._name, self._telemetry)
        finally:
            self._pool.putconn(connection)

    def fetch(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement on a connection of the pool."""
        with self.session() as session:
            return session.fetch(statement, parameters)

    def close(self) -> None:
        """Give the connections back to the server."""
        self._pool.close(timeout=1)

    def _observe_connections(self, _: CallbackOptions) -> list[Observation]:
        stats = self._pool.get_stats()
        idle = stats.get("pool_available", 0)
        used = max(stats.get("pool_size", 0) - idle, 0)
        name = {"db.client.connection.pool.name": self._name}
        return [
            Observation(used, name | {"db.client.connection.state": "used"}),
            Observation(idle, name | {"db.client.connection.state": "idle"}),
        ]

    def _observe_pending(self, _: CallbackOptions) -> list[Observation]:
        waiting = self._pool.get_stats().get("requests_waiting", 0)
        return [Observation(waiting, {"db.client.connection.pool.name": self._name})]
