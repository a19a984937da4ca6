"""A PostgreSQL server of the tests' own."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest


@pytest.fixture(scope="module")
def new_postgresql() -> Iterator[Callable[[], str]]:
    """Makes an empty database; answers its URL."""
    psycopg = pytest.importorskip("psycopg", reason="needs the lab extra")
    postgres = pytest.importorskip("watchkeeper.lab.postgres", reason="needs the lab extra")
    # Not under pytest's folder, which an ordinary user (PostgreSQL refuses root) may not enter.
    with tempfile.TemporaryDirectory(prefix="duty-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = postgres.Postgres(folder, {})
        server.start()

        def made() -> str:
            database = f"duty_{uuid4().hex}"
            with psycopg.connect(server.address("postgres"), autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{database}"')
            return f"postgresql://shop@/{database}?host={server.socket_folder}"

        yield made
        server.stop()
