"""Who may post alerts, and how each one's bodies are read: `config/alerts.yaml`."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from watchkeeper import library
from watchkeeper.errors import QueryRejected
from watchkeeper.intake import alertmanager, grafana, mapped
from watchkeeper.intake.bodies import Reading, ReadPost
from watchkeeper.intake.labels import Words

WATCH = "watch"
"""The source of what our own eyes see."""
_KNOWN = {alertmanager.SOURCE: alertmanager.read, grafana.SOURCE: grafana.read}


def _free(name: str) -> str:
    if name in (*_KNOWN, WATCH):
        raise ValueError("expected a name that is not taken already by a sender that is known without a mapping")
    return name


MappingName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$"), AfterValidator(_free)]


class Senders(Words):
    """The whole file."""

    mappings: dict[MappingName, mapped.Mapping]

    @property
    def names(self) -> tuple[str, ...]:
        """Everyone who may post."""
        return (*_KNOWN, *self.mappings)

    def read(self, body: bytes, reading: Reading) -> ReadPost:
        """What a sender's body holds; raises PayloadRejected, and QueryRejected for a sender that is not known."""
        source = reading.source
        if source not in self.names:
            known = ", ".join(self.names)
            raise QueryRejected(f"there is no sender of alerts called {source[:64]!r}: expected one of {known}")
        if source in _KNOWN:
            return _KNOWN[source](body, reading)
        return mapped.read(body, self.mappings[source], reading)


def read(path: Path) -> Senders:
    """One file; raises ConfigError naming file, key and what was expected."""
    return library.read_model(path, Senders)


def load(home: Path) -> Senders:
    """`config/alerts.yaml` of the home, which replaces the shipped one; raises ConfigError naming file and key."""
    own = home / "config" / "alerts.yaml"
    return read(own if own.exists() else library.HOME / "config" / "alerts.yaml")
