"""Bringing the records' database to this version's tables, by one process at a time."""

import threading
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from watchkeeper.errors import RecordsUnavailable
from watchkeeper.records.address import Address
from watchkeeper.records.schema import HEAD

VERSION_TABLE = "records_version"
"""Not Alembic's usual name: a PostgreSQL database may be shared with other programs that use it."""

BASE = "base"
"""Before the first revision: no tables."""

_ADVISORY_LOCK = 0x77_6B_72_65_63
_one_thread = threading.Lock()
"""Alembic's operations work on a connection that is global to the process."""


def bring_to(reading: Engine, writing: Engine, address: Address, revision: str = HEAD) -> None:
    """Run what leads from the database's revision to this one, all of it or nothing, then let others in.

    Raises RecordsUnavailable where a newer watchkeeper wrote it, or a SQLite file is another program's.
    """
    with reading.connect() as connection:
        if revision_of(connection, address) == revision:
            return
    with _one_thread, writing.begin() as connection:
        if not address.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        # Asked again: another process may have been here while this one waited.
        if (current := revision_of(connection, address)) != revision:
            _run(connection, address, current, revision)


def revision_of(connection: Connection, address: Address) -> str:
    """The revision that a database says it has, `base` where it has no tables of ours."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in tables:
        if address.is_sqlite and tables:
            raise RecordsUnavailable(
                f"{address.name} is not watchkeeper's records: it is another program's SQLite file, "
                f"with the table {min(tables)}"
            )
        return BASE
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() or BASE


def _run(connection: Connection, address: Address, current: str, revision: str) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    known = {script.revision for script in scripts.walk_revisions()}
    if current not in known | {BASE}:
        raise RecordsUnavailable(
            f"{address.name} was written by a newer watchkeeper (schema {current}, this one knows up to {HEAD}): "
            "use that one"
        )

    def steps(at: str, _: MigrationContext) -> list[RevisionStep]:
        goes_back = revision == BASE or (current != BASE and revision < current)
        path = scripts._downgrade_revs if goes_back else scripts._upgrade_revs
        return list(path(revision, at))

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev=revision) as environment:
        environment.configure(
            connection=connection, version_table=VERSION_TABLE, render_as_batch=True, transaction_per_migration=False
        )
        environment.run_migrations()
