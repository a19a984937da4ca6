"""Databases to keep records in: SQLite files, and one PostgreSQL server for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from own_postgresql import MakeUrl, new_databases
from watchkeeper.records.store import Records


@pytest.fixture(scope="session")
def new_postgresql() -> Iterator[MakeUrl]:
    """Makes an empty database on a server of the tests' own; answers its URL."""
    with new_databases() as made:
        yield made


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
