"""Investigations that can go on after a crash: the last step of each, redacted, in one file for the owner only."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, LiteralString

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from pydantic import ValidationError

from watchkeeper.agents.journal import Journal
from watchkeeper.agents.keeping import kept_json
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.evidence.telling import Clean

FILE = "investigations.sqlite"
WAITING_SECONDS = 2.0
"""How long a file that another process writes is waited for."""
TABLE = """
CREATE TABLE IF NOT EXISTS investigations (
    thread TEXT PRIMARY KEY,
    incident TEXT NOT NULL,
    number INTEGER NOT NULL,
    began TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'finished')),
    dossier TEXT NOT NULL
)
"""
REPLIES = """
CREATE TABLE IF NOT EXISTS replies (
    number INTEGER PRIMARY KEY,
    thread TEXT NOT NULL,
    request TEXT NOT NULL,
    reply TEXT NOT NULL
)
"""
"""What models replied since the last checkpoint."""
OLDER = tuple(
    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < ?"
    for table in ("checkpoints", "writes")
)
DROP_REPLIES = "DELETE FROM replies WHERE thread = ?"


def thread_of(dossier: Dossier) -> str:
    """The name under which the investigation is kept: the incident, and which of its diagnoses is looked into."""
    return f"{dossier.case.incident.id}/{len(dossier.case.diagnoses)}"


class Saver(SqliteSaver):
    """Keeps the last checkpoint of each thread. A file that fails meanwhile is noted, and the graph goes on."""

    failure: str | None = None
    """What the first write that failed said; nothing is written after it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        # None means: only types that cannot run code are ever read back, whatever the environment says.
        super().__init__(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint, and drop those before it: none is ever gone back to."""
        place = config["configurable"]
        thread, namespace, number = place["thread_id"], place["checkpoint_ns"], checkpoint["id"]

        def write() -> None:
            super(Saver, self).put(config, checkpoint, metadata, new_versions)
            with self.cursor() as cursor:
                for older in OLDER:
                    cursor.execute(older, (thread, namespace, number))
                cursor.execute(DROP_REPLIES, (thread,))

        self.attempt(write)
        return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": number}}

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a step wrote before its checkpoint is there."""
        self.attempt(lambda: super(Saver, self).put_writes(config, writes, task_id, task_path))

    def attempt(self, write: Callable[[], object]) -> None:
        """Write, unless a write failed already."""
        try:
            if self.failure is None:
                write()
        except sqlite3.Error as error:
            self.failure = str(error)


class Checkpoints:
    """The file of investigations, while it is open."""

    def __init__(self, saver: Saver, clean: Clean) -> None:
        self.saver = saver
        self._clean = clean

    def begin(self, dossier: Dossier, at: datetime) -> str:
        """The thread of a new investigation; what was kept under its name is dropped. Raises RecordsUnavailable."""
        thread, incident = thread_of(dossier), dossier.case.incident.id
        row = (thread, incident, len(dossier.case.diagnoses), at.isoformat(), "open", self._kept(dossier))
        with _reading():
            self.saver.delete_thread(thread)
            with self.saver.cursor() as cursor:
                cursor.execute(DROP_REPLIES, (thread,))
                cursor.execute("INSERT OR REPLACE INTO investigations VALUES (?, ?, ?, ?, ?, ?)", row)
        return thread

    def is_open(self, dossier: Dossier) -> bool:
        """Whether an investigation that began with just this dossier was stopped. Raises RecordsUnavailable."""
        wanted = (
            "SELECT 1 FROM investigations JOIN checkpoints ON thread_id = thread"
            " WHERE thread = ? AND state = 'open' AND dossier = ?"
        )
        with _reading(), self.saver.cursor(transaction=False) as cursor:
            return cursor.execute(wanted, (thread_of(dossier), self._kept(dossier))).fetchone() is not None

    def _kept(self, dossier: Dossier) -> str:
        return kept_json(dossier, self._clean)

    def journal(self, dossier: Dossier) -> Journal:
        """Keeps the replies of an investigation until its next checkpoint.

        Raises ValueError and sqlite3.Error for what cannot be read.
        """
        thread = thread_of(dossier)

        def write(request: str, reply: AIMessage) -> None:
            row = (thread, request, kept_json(reply, self._clean))
            self.saver.attempt(lambda: self._insert(row))

        with self.saver.cursor(transaction=False) as cursor:
            wanted = "SELECT request, reply FROM replies WHERE thread = ? ORDER BY number"
            rows = cursor.execute(wanted, (thread,)).fetchall()
        return Journal(write, [(request, AIMessage.model_validate_json(text)) for request, text in rows])

    def _insert(self, row: tuple[str, str, str]) -> None:
        with self.saver.cursor() as cursor:
            cursor.execute("INSERT INTO replies (thread, request, reply) VALUES (?, ?, ?)", row)

    def finish(self, thread: str) -> None:
        """Mark an investigation as done: it is not gone on with, unless it is opened again."""
        self.saver.attempt(lambda: self._mark(thread, "finished"))

    def reopen(self, thread: str) -> None:
        """Have an investigation that is done count as stopped, just before its end. Raises RecordsUnavailable."""
        with _reading():
            self._mark(thread, "open")

    def _mark(self, thread: str, state: Literal["open", "finished"]) -> None:
        with self.saver.cursor() as cursor:
            cursor.execute("UPDATE investigations SET state = ? WHERE thread = ?", (state, thread))

    def unfinished(self, incident: str) -> Dossier | None:
        """What the latest investigation of the incident that was stopped began with. Raises RecordsUnavailable."""
        return self._latest(incident, "state = 'open'")

    def latest(self, incident: str) -> Dossier | None:
        """What the latest investigation of the incident began with, finished or not. Raises RecordsUnavailable."""
        return self._latest(incident, "TRUE")

    def _latest(self, incident: str, where: LiteralString) -> Dossier | None:
        wanted = f"SELECT dossier FROM investigations WHERE incident = ? AND {where} ORDER BY number DESC LIMIT 1"
        with _reading(), self.saver.cursor(transaction=False) as cursor:
            row = cursor.execute(wanted, (incident,)).fetchone()
        try:
            return None if row is None else Dossier.model_validate_json(row[0])
        except ValidationError as error:
            raise RecordsUnavailable(f"what was kept of {incident} cannot be read: {error.error_count()} errors") from (
                error
            )

    def forget(self, older_than: datetime) -> int:
        """Drop investigations that began before; how many there were. Raises RecordsUnavailable."""
        with _reading():
            with self.saver.cursor(transaction=False) as cursor:
                rows = cursor.execute("SELECT thread, began FROM investigations").fetchall()
            old = [thread for thread, began in rows if datetime.fromisoformat(began) < older_than]
            for thread in old:
                self.saver.delete_thread(thread)
                with self.saver.cursor() as cursor:
                    cursor.execute(DROP_REPLIES, (thread,))
                    cursor.execute("DELETE FROM investigations WHERE thread = ?", (thread,))
        return len(old)


@contextmanager
def opened(path: Path, clean: Clean) -> Iterator[Checkpoints]:
    """The file, made for the owner only where there is none; raises RecordsUnavailable where it cannot be used."""
    connection = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        connection = sqlite3.connect(path, check_same_thread=False, timeout=WAITING_SECONDS)
        saver = Saver(connection)
        saver.setup()
        with saver.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete=ON")
            cursor.execute(TABLE)
            cursor.execute(REPLIES)
            cursor.execute("DELETE FROM investigations WHERE 0")
    except (OSError, sqlite3.Error) as error:
        if connection is not None:
            connection.close()
        raise RecordsUnavailable(f"the file of investigations {path} cannot be used: {_said(error)}") from error
    try:
        yield Checkpoints(saver, clean)
    finally:
        connection.close()


def _said(error: OSError | sqlite3.Error) -> str:
    """What is wrong with a file, and what helps: one that is no database holds nothing that could be lost."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    is_garbage = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    return f"{error}; delete it" if is_garbage else str(error)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RecordsUnavailable(f"the file of investigations cannot be used: {error}") from error
