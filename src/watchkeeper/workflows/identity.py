"""What a process is called among those that carry out workflows: the same after a restart, and no other's."""

import fcntl
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.errors import ConfigError

FOLDER = "workers"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@contextmanager
def worker_name(home: Path, wanted: str | None = None) -> Iterator[str]:
    """A name that no other process of this home has meanwhile, and that the next one after it gets.

    The system lets go of it when the process ends, however it ends: who starts again at once is who it was, and goes
    on with what it was at. A name that is wanted must be the only one of its kind among all machines. Raises
    ConfigError where that one is taken or is no name.
    """
    if wanted is not None and not _NAME.fullmatch(wanted):
        raise ConfigError(f"--name: expected at most 100 letters, digits, dots, dashes, not {wanted!r}")
    folder = home / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = _held(folder, wanted)
    except OSError:
        # A home that cannot be written: a name for this time only, whose work others take over.
        yield wanted or _made()
        return
    if held is None:
        raise ConfigError(f"--name: a running process of this home is called {wanted!r} already")
    handle, name = held
    try:
        yield name
    finally:
        os.close(handle)


def _held(folder: Path, wanted: str | None) -> tuple[int, str] | None:
    """The first place that is free, locked, and the name that is written there."""
    if wanted is not None:
        handle = _locked(folder / f"{wanted}.name")
        return None if handle is None else (handle, wanted)
    number = 1
    while (handle := _locked(folder / f"{number}.lock")) is None:
        number += 1
    known = os.pread(handle, 200, 0).decode(errors="replace")
    if not _NAME.fullmatch(known):
        known = _made()
        os.ftruncate(handle, 0)
        os.pwrite(handle, known.encode(), 0)
    return handle, known


def _locked(path: Path) -> int | None:
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _made() -> str:
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:60].lstrip("-.") or "worker"
    return f"{host}-{secrets.token_hex(4)}"
