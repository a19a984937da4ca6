"""The tables as migrations make them, and the way back."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from kept_cases import case
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.records import migrating
from watchkeeper.records.address import address
from watchkeeper.records.engine import connect
from watchkeeper.records.schema import HEAD, Base
from watchkeeper.records.store import Records


def test_the_migrations_make_exactly_the_tables_that_the_code_reads(url: str) -> None:
    Records.open(url).close()
    reading, _ = connect(address(url))
    with reading.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrating.VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []
    reading.dispose()


def test_migrations_lead_down_to_nothing_and_up_again(url: str) -> None:
    place = address(url)
    reading, writing = connect(place)
    migrating.bring_to(reading, writing, place)
    migrating.bring_to(reading, writing, place, migrating.BASE)
    with reading.connect() as connection:
        assert inspect(connection).get_table_names() == [migrating.VERSION_TABLE]
        assert migrating.revision_of(connection, place) == migrating.BASE
    reading.dispose()
    with Records.open(url) as records:
        assert records.save(case(1)).latest is not None


def test_a_migration_that_fails_leaves_nothing_behind(url: str) -> None:
    place = address(url)
    reading, writing = connect(place)
    migrating.bring_to(reading, writing, place)
    migrating.bring_to(reading, writing, place, migrating.BASE)
    with writing.begin() as connection:
        connection.execute(text("CREATE TABLE verdicts (strange INTEGER)"))
    with pytest.raises(RecordsUnavailable, match=r"verdicts.* already exists"):
        Records.open(url)
    with reading.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {migrating.VERSION_TABLE, "verdicts"}
    reading.dispose()


def test_the_code_knows_the_last_migration() -> None:
    scripts = ScriptDirectory(str(Path(migrating.__file__).parent / "migrations"))
    assert scripts.get_heads() == [HEAD]


def test_records_of_a_newer_version_are_left_alone(url: str) -> None:
    Records.open(url).close()
    reading, writing = connect(address(url))
    with writing.begin() as connection:
        connection.execute(text(f"UPDATE {migrating.VERSION_TABLE} SET version_num = 'r0099'"))
    reading.dispose()
    with pytest.raises(RecordsUnavailable, match=rf"newer watchkeeper .schema r0099, this one knows up to {HEAD}"):
        Records.open(url)
