"""The service catalogue: who owns a service and what it means to the product. All of it may be left out."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from watchkeeper import library

Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Entry(BaseModel, frozen=True, extra="forbid"):
    """What all parts of the catalogue share: they do not change, and they take no key that they do not know."""


class Objective(Entry):
    """What a service promises, over a rolling window."""

    name: Name
    target_percent: float = Field(gt=0, lt=100)
    """The share of requests that must be good."""
    latency_ms: float | None = Field(default=None, gt=0)
    """A request slower than this is not good; without it only errors count."""
    route: Name | None = None
    window_days: float = Field(default=28, gt=0)


class Money(Entry):
    """What a service earns and costs, for sums that are marked as estimates."""

    per_hour: float | None = Field(default=None, ge=0)
    """What running it costs an hour."""
    per_failed_request: float | None = Field(default=None, ge=0)
    """What a request that fails loses."""
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"


class Service(Entry):
    """One service, as the people know it who own it."""

    owner: Name | None = None
    team: Name | None = None
    tier: int | None = Field(default=None, ge=1, le=4)
    """1 is what the business stands still without."""
    is_entry: bool | None = None
    """Whether requests enter the system here; None: telemetry tells."""
    repository: Name | None = None
    runbooks: tuple[Name, ...] = ()
    objectives: tuple[Objective, ...] = ()
    features: dict[Name, Name] = {}
    """Routes, as spans name them (`POST /checkout`), to features, as people name them."""
    channels: tuple[Name, ...] = ()
    cost: Money | None = None


class Catalogue(Entry):
    """All services that somebody described; the others are inferred from telemetry."""

    services: dict[Name, Service] = {}

    def service(self, name: str) -> Service:
        """What is known of a service, which may be nothing."""
        return self.services.get(name, Service())


def load(home: Path) -> Catalogue:
    """`config/services.yaml` of the home, else the shipped one; raises ConfigError naming file and key."""
    own = home / "config" / "services.yaml"
    return library.read_model(own if own.exists() else library.HOME / "config" / "services.yaml", Catalogue)
