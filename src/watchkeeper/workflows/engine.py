"""DBOS opened and closed: one at a time in a process, on a SQLite file or PostgreSQL, and nothing of it is fetched."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from dbos import DBOS, DBOSConfig
from dbos._serialization import Serializer

from watchkeeper.errors import ConfigError, RecordsUnavailable
from watchkeeper.records.address import Address, address
from watchkeeper.workflows.course import sentence

NAME = "watchkeeper"
SHAPE = "look-into-1"
"""Which steps a workflow has, in which order. By itself DBOS takes a digest of the source, and would leave behind, at
every update, what was under way; it is to be changed where the order of the steps is, and nowhere else."""
CONNECTIONS = 8


class PlainJson(Serializer):
    """Arguments and outcomes as JSON: DBOS's own way is pickle, which runs what it reads."""

    def serialize(self, data: object) -> str:
        """As JSON; an error as its text."""
        return json.dumps(data, default=str)

    def deserialize(cls, serialized_data: str) -> object:
        """As it was; tuples are lists."""
        return json.loads(serialized_data)

    def name(self) -> str:
        """What DBOS writes beside it."""
        return "watchkeeper_json"


def place_of(where: str | Path) -> Address:
    """Where the progress is kept; raises ConfigError for what is neither SQLite nor PostgreSQL."""
    try:
        return address(where)
    except ConfigError as error:
        raise ConfigError(str(error).replace("records.url", "workflows.url")) from error.__cause__


def create(place: Address, executor: str) -> None:
    """Make the process's DBOS; workflows are registered after that, and then it is launched."""
    config: DBOSConfig = {
        "name": NAME,
        "system_database_url": _url_of(place),
        "executor_id": executor,
        "application_version": SHAPE,
        "serializer": PlainJson(),
        "sys_db_pool_size": CONNECTIONS,
        "enable_otlp": False,
        "log_level": "WARNING",
        # Nothing is scheduled by DBOS, and nobody waits for its notifications.
        "scheduler_polling_interval_sec": 3600.0,
    }
    DBOS(config=config)


def launch(place: Address) -> None:
    """Have it begin; raises RecordsUnavailable in one sentence where the database cannot be used."""
    try:
        if place.is_sqlite:
            _prepare(Path(str(place.url.database)))
        DBOS.launch()
    except Exception as error:
        raise unavailable(place, error) from error


def destroy() -> None:
    """End it, with everything that was registered; work that is under way is left to whoever goes on."""
    DBOS.destroy(destroy_registry=True)


def missing(place: Address) -> str | None:
    """That the file was taken away under us, None where it is there: the open one is written to until the end."""
    if not place.is_sqlite or Path(str(place.url.database)).exists():
        return None
    return "the file is gone: put it back, or start again, then work goes on with what the records say is open"


def unavailable(place: Address, error: BaseException) -> RecordsUnavailable:
    """That the progress of the work cannot be kept, in one sentence without a password."""
    said = place.without_secrets(sentence(error).split(" [SQL:")[0])
    return RecordsUnavailable(f"{place.name}: the progress of the work cannot be kept there: {said}")


def _url_of(place: Address) -> str:
    """As DBOS takes it; a file that was taken away is not made anew, empty, by the next connection."""
    if place.is_sqlite:
        return f"sqlite:///file:{quote(str(Path(str(place.url.database)).absolute()))}?mode=rw&uri=true"
    return place.url.render_as_string(hide_password=False)


def _prepare(path: Path) -> None:
    """Let readers read while something is written; the file is the owner's only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
