"""What a process of the shop is told when it starts: one line of JSON on its standard input."""

import json
from dataclasses import asdict, dataclass, field
from typing import Self


@dataclass(frozen=True)
class Release:
    """One version of one service, and how it differs from the last in what it does."""

    version: str
    per_item: int = 0
    """How often each item is looked up by itself; 0 looks all of them up at once."""
    unsupported: tuple[str, ...] = ()
    """Currencies or regions that this version's tables lack."""


@dataclass(frozen=True)
class ServiceSettings:
    """Everything one process needs: who it is, who its peers are, where its telemetry goes."""

    name: str
    release: Release
    instance: str
    host: str
    port: int
    records: str
    """The file that every answered request is noted in, outside telemetry."""
    endpoint: str
    headers: dict[str, str] = field(default_factory=dict)
    peers: dict[str, str] = field(default_factory=dict)
    database: str | None = None
    """A libpq connection string, for services that keep something."""
    pool_size: int = 6
    workers: int = 10
    metrics_port: int = 0
    """Where `/metrics` is served, for this process alone; 0 is any port that is free."""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The settings that `to_json` wrote."""
        values = json.loads(line)
        release = values.pop("release")
        release["unsupported"] = tuple(release["unsupported"])
        return cls(release=Release(**release), **values)
