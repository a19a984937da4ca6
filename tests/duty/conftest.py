"""A PostgreSQL server of the tests' own."""

from collections.abc import Iterator

import pytest

from own_postgresql import MakeUrl, new_databases


@pytest.fixture(scope="module")
def new_postgresql() -> Iterator[MakeUrl]:
    """Makes an empty database; answers its URL."""
    with new_databases() as made:
        yield made
