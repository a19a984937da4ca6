"""Databases to keep records in: SQLite files, and one PostgreSQL server for all tests."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from watchkeeper.records.store import Records

MakeUrl = Callable[[], str]


@pytest.fixture(scope="session")
def new_postgresql() -> Iterator[MakeUrl]:
    """Makes an empty database on a server of the tests' own, reached over a unix socket; answers its URL."""
    psycopg = pytest.importorskip("psycopg", reason="needs the lab extra")
    postgres = pytest.importorskip("watchkeeper.lab.postgres", reason="needs the lab extra")
    # Not under pytest's folder, which an ordinary user (PostgreSQL refuses root) may not enter.
    with tempfile.TemporaryDirectory(prefix="records-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = postgres.Postgres(folder, {})
        server.start()

        def made() -> str:
            database = f"records_{uuid4().hex}"
            with psycopg.connect(server.address("postgres"), autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{database}"')
            return f"postgresql://shop@/{database}?host={server.socket_folder}"

        yield made
        server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.lab)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.sqlite'}"
    made: MakeUrl = request.getfixturevalue("new_postgresql")
    return made()


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    """Records in an empty database of each kind."""
    with Records.open(url) as opened:
        yield opened


@pytest.fixture
def own_records(tmp_path: Path) -> Iterator[Records]:
    """Records in a SQLite file."""
    with Records.open(tmp_path / "records.sqlite") as opened:
        yield opened
