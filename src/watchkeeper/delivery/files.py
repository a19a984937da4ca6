"""Drafts as files in a folder: whole or not at all, never one over another."""

import errno
import os
import re
import tempfile
from pathlib import Path

from watchkeeper.domain import Parcel, Receipt
from watchkeeper.errors import DeliveryFailed, DeliveryRefused

_KEY = re.compile(r"INC-\d{4}-\d{4,}/files/([a-z-]{1,40})/([0-9a-f]{8,64})")
_FULL = (errno.ENOSPC, errno.EDQUOT)
MODE = 0o600


class FilesTarget:
    """A folder with one folder an incident; what lies there under the same name with the same content is there."""

    can_find = True
    settles_seconds = 0.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, parcel: Parcel, ticket: str | None) -> Receipt | None:
        """The file, where it lies there with this content."""
        path = self._path(parcel)
        return _receipt(path, True) if _holds(path, parcel.text) else None

    def deliver(self, parcel: Parcel, ticket: str | None) -> Receipt:
        """Write the file."""
        if (found := self.find(parcel, ticket)) is not None:
            return found
        path = self._path(parcel)
        write_whole(path, parcel.text.encode())
        return _receipt(path, False)

    def _path(self, parcel: Parcel) -> Path:
        match = _KEY.fullmatch(parcel.key)
        if match is None:
            raise DeliveryRefused(f"{parcel.key} names no file, expected INCIDENT/files/NAME/DIGEST")
        return self._folder / parcel.incident_id / f"{match[1]}-{match[2][:8]}.md"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, for its owner only; raises DeliveryFailed."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(MODE)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        because = "the disk is full" if error.errno in _FULL else error.strerror or str(error)
        raise DeliveryFailed(f"{path} could not be written: {because}") from error


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DeliveryFailed(f"{path} could not be read: {error.strerror}") from error


def _receipt(path: Path, was_there: bool) -> Receipt:
    return Receipt(reference=path.name, link=str(path), was_there=was_there)
