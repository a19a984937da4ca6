"""Which model does what, and what it costs: `config/models.yaml`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

from watchkeeper import library
from watchkeeper.agents.meter import Price

Role = Literal["investigator", "supervisor", "specialist", "chat"]
ROLES: tuple[Role, ...] = ("investigator", "supervisor", "specialist", "chat")
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ModelTable(BaseModel, frozen=True, extra="forbid"):
    """The model of each role, where it is not the same for all, and the prices of models."""

    roles: dict[Role, ModelName] = {}
    prices: dict[ModelName, Price] = {}


def load(home: Path) -> ModelTable:
    """`config/models.yaml` of the home, else the shipped one; raises ConfigError naming file and key."""
    own = home / "config" / "models.yaml"
    return library.read_model(own if own.exists() else library.HOME / "config" / "models.yaml", ModelTable)
