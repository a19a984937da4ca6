"""A PostgreSQL server of the tests' own, with as many empty databases as they want."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

MakeUrl = Callable[[], str]


@contextmanager
def new_databases() -> Iterator[MakeUrl]:
    """What makes an empty database on a server reached over a unix socket, and answers its URL; ends with the block."""
    psycopg = pytest.importorskip("psycopg", reason="needs the lab extra")
    postgres = pytest.importorskip("watchkeeper.lab.postgres", reason="needs the lab extra")
    # Not under pytest's folder, which an ordinary user (PostgreSQL refuses root) may not enter.
    with tempfile.TemporaryDirectory(prefix="databases-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = postgres.Postgres(folder, {})
        server.start()

        def made() -> str:
            database = f"made_{uuid4().hex}"
            with psycopg.connect(server.address("postgres"), autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{database}"')
            return f"postgresql://shop@/{database}?host={server.socket_folder}"

        try:
            yield made
        finally:
            server.stop()
