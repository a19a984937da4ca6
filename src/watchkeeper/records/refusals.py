"""What a database refuses, in one sentence that says what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError, StatementError

from watchkeeper.errors import RecordsUnavailable
from watchkeeper.records.address import Address

LONGEST = 300

_OF_SQLITE = {
    "file is not a database": "is not watchkeeper's records: it is no SQLite file; move it away to begin anew",
    "malformed": "is damaged; restore it from a copy, or move it away to begin anew",
    "readonly": "cannot be written: the file or its folder is read-only",
    "read-only": "cannot be written: the file or its folder is read-only",
    "unable to open": "cannot be opened: expected a file in a folder that may be written",
    "is full": "cannot take more: the disk is full",
    "locked": "is being written by another process for longer than was waited; try again when that is done",
}


@contextmanager
def told_in_a_sentence(address: Address) -> Iterator[None]:
    """Turn whatever the database refuses into RecordsUnavailable, without a password."""
    try:
        yield
    except ValidationError as error:
        at = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise RecordsUnavailable(f"{address.name}: a case cannot be read as this version writes it ({at})") from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise RecordsUnavailable(_sentence(address, error)) from error


def _sentence(address: Address, error: Exception) -> str:
    # Not the statement's own text, which repeats what was to be kept.
    cause = error.orig if isinstance(error, StatementError) and error.orig is not None else error
    text = " ".join(address.without_secrets(str(cause)).split())[:LONGEST]
    if address.is_sqlite:
        known = next((said for mark, said in _OF_SQLITE.items() if mark in text), None)
        return f"{address.name} {known}" if known else f"{address.name}: the records cannot be used: {text}"
    if "lock timeout" in text:
        return f"{address.name} {_OF_SQLITE['locked']}"
    return f"{address.name} cannot be used for records: {text}"
