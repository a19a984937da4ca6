"""What DBOS says about itself, said in our own log: one line each, and the same thing not again and again."""

import logging
import re
import time
from collections.abc import Callable

import structlog

from watchkeeper.redaction import redact

QUIET_SECONDS = 60.0
"""For how long the same thing is not said again."""
FRESH_SECONDS = 15.0
"""How long something that was said counts as being so."""
LONGEST = 300
NAME = "dbos"
_ELSEWHERE = ("DBOS failed to launch", "Could not connect to postgres database to verify")
"""Beginnings of what is told otherwise, or is of no concern: the database need not be ours to make."""
_VARYING = re.compile(r"\S*\d\S*")

_log = structlog.get_logger()


class Overheard(logging.Handler):
    """Takes the place of DBOS's own handler, which writes stack traces to stderr."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._said: dict[str, float] = {}
        self._latest: tuple[float, str] | None = None

    @property
    def trouble(self) -> str | None:
        """What was wrong a moment ago, None where nothing was."""
        if self._latest is None or self._clock() - self._latest[0] > FRESH_SECONDS:
            return None
        return self._latest[1]

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, where it is new."""
        if not record.getMessage().startswith(_ELSEWHERE):
            self.note(_line(record))

    def note(self, text: str) -> None:
        """Say a line, where it was not said a moment ago."""
        now, kind = self._clock(), _VARYING.sub("#", text)[:LONGEST]
        self._latest = now, text
        if now - self._said.get(kind, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._said[kind] = now
            _log.warning("the workflows are in trouble", says=text)

    def listen(self) -> None:
        """Take DBOS's log over."""
        logger = logging.getLogger(NAME)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
        logger.addHandler(self)
        logger.propagate = False

    def leave(self) -> None:
        """Listen no more."""
        logging.getLogger(NAME).removeHandler(self)


def _line(record: logging.LogRecord) -> str:
    """Its first line: the others are SQL, values and places in code."""
    error = record.exc_info[1] if record.exc_info else None
    text = record.getMessage() + (f" {error}" if error is not None else "")
    return redact(text.strip().split("\n")[0])[:LONGEST]
