"""Loghub (Zhu et al., ISSRE 2023): two thousand lines a system, with the template of each told by people.

The layout is the published one: `<System>/<System>_2k.log_structured.csv` with the columns `Content` and `EventId`; the
folder given may hold systems or be one. What is parsed is the content, without the header that each line begins with.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.errors import DatasetRejected

SUFFIX = "_2k.log_structured.csv"


@dataclass(frozen=True)
class System:
    """The log of one system."""

    name: str
    lines: tuple[str, ...]


def systems(folder: Path) -> Iterator[System]:
    """The systems in the folder, by name; raises DatasetRejected for none, another layout or a broken file."""
    for path in _files(folder):
        yield System(_name(path), tuple(_column(path, "Content")))


def truths(folder: Path) -> dict[str, tuple[str, ...]]:
    """By system, the statement that each line comes from; read by whoever scores, and by nobody else."""
    return {_name(path): tuple(_column(path, "EventId")) for path in _files(folder)}


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DatasetRejected(f"{folder}: there is no such folder; expected the unpacked data set loghub")
    found = sorted([*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*/*{SUFFIX}")], key=_name)
    if not found:
        raise DatasetRejected(f"{folder}: holds no system; expected files such as Apache/Apache{SUFFIX}")
    names = [_name(path) for path in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DatasetRejected(f"{folder}: holds the system {twice} more than once; expected one file a system")
    return found


def _name(path: Path) -> str:
    return path.name.removesuffix(SUFFIX)


def _column(path: Path, name: str) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if name not in (rows.fieldnames or ()):
                raise DatasetRejected(f"{path}: has no column {name}; expected the columns Content and EventId")
            values: list[str | None] = [row[name] for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetRejected(f"{path}: cannot be read: {error}; expected CSV in UTF-8") from error
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        raise DatasetRejected(f"{path}: lacks values of {name}; expected one in every row, and at least one row")
    return known
