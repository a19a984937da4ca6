"""One step tried until it is done, given up, or put off: what passes is waited for, what does not is said."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog

from watchkeeper.errors import RecordsUnavailable, SourceUnavailable, StoreUnavailable
from watchkeeper.redaction import redact

PASSING = (RecordsUnavailable, SourceUnavailable, StoreUnavailable, OSError)
"""What may be over soon: a database that cannot be written, a store that does not answer, a full disk."""
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
"""Seconds between the attempts of a step; after the last one it is put off."""
LONGEST = 300

_log = structlog.get_logger()


class Interrupted(BaseException):
    """The process ends, or the progress cannot be kept: this run stops where it is, and another goes on from there.

    No `Exception`: DBOS would keep that as the workflow's end.
    """


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    status: Literal["done", "failed", "waiting"]
    """`failed`: it would fail again; `waiting`: what it needs is not there yet."""
    value: str | int
    """What it answered, or why it did not."""

    @classmethod
    def of(cls, kept: list[str | int]) -> "Outcome":
        """As it was kept."""
        status, value = kept
        return cls(status, value)  # type: ignore[arg-type]

    @property
    def kept(self) -> list[str | int]:
        """As it is kept: plain JSON."""
        return [self.status, self.value]


class Course:
    """Carries out steps, and waits between attempts for as long as the process is to go on."""

    def __init__(self, pauses: tuple[float, ...] = PAUSES) -> None:
        self._pauses = pauses
        self._is_ending = threading.Event()

    def end(self) -> None:
        """Wait for nothing any more."""
        self._is_ending.set()

    def idle(self, seconds: float) -> None:
        """Wait for a moment, or until the end."""
        self._is_ending.wait(seconds)

    @property
    def is_ending(self) -> bool:
        """Whether nothing new is to begin."""
        return self._is_ending.is_set()

    def tried(self, name: str, incident_id: str, step: Callable[[], str | int]) -> Outcome:
        """The step's outcome; raises Interrupted where the process ends meanwhile."""
        said = ""
        for pause in (*self._pauses, None):
            if self.is_ending:
                raise Interrupted(name)
            try:
                value = step()
            except PASSING as error:
                said = self._told(said, name, incident_id, error)
                if pause is not None and self._is_ending.wait(pause):
                    raise Interrupted(name) from error
            except Exception as error:  # noqa: BLE001  a bug in one step must not lose the incident
                why = sentence(error)
                _log.error("a step failed", step=name, incident=incident_id, says=why)
                return Outcome("failed", why)
            else:
                if said:
                    _log.info("a step is done after all", step=name, incident=incident_id)
                return Outcome("done", value)
        return Outcome("waiting", said)

    def _told(self, said: str, name: str, incident_id: str, error: Exception) -> str:
        """Say once what is waited for, and again only when it is something else."""
        why = sentence(error)
        if why != said:
            _log.warning("a step waits", step=name, incident=incident_id, says=why)
        return why


def sentence(error: BaseException) -> str:
    """What an error says, on one line and without what must not leave; a bug with the name of its kind."""
    text = " ".join(str(error).split())
    named = text if isinstance(error, PASSING) and text else f"{type(error).__name__}: {text}"
    return redact(named)[:LONGEST]
