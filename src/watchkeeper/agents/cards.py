"""Agents as data: one card each in `agents/`, with purpose, prompt, tools, output, the model's role, and limits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from watchkeeper import library
from watchkeeper.agents.roles import Role
from watchkeeper.errors import ConfigError

FOLDER = "agents"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
Output = Literal["findings", "notes", "choice"]


class Limits(BaseModel):
    """Where an agent stops by itself; budgets of the whole investigation are settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    turns: int = Field(ge=1, le=50)
    """Replies of the model; for the supervisor, how many specialists it may send."""


class Card(BaseModel):
    """One agent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    purpose: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    """One sentence; a supervisor chooses by it."""
    prompt: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.md$")]
    """A file in `prompts/`."""
    tools: tuple[str, ...]
    output: Output
    """findings: hypotheses that code checks; notes: text for the supervisor; choice: who looks next."""
    role: Role
    limits: Limits


Cards = Mapping[str, Card]


def load(folder: Path | None = None) -> Cards:
    """All cards by name; raises ConfigError naming file and key."""
    home = folder if folder is not None else library.HOME / FOLDER
    paths = sorted(home.glob("*.yaml"))
    if not paths:
        raise ConfigError(f"{home}: expected agent cards (*.yaml), found none")
    return {card.name: card for card in map(_read, paths)}


def specialists(cards: Cards) -> tuple[Card, ...]:
    """Those whom a supervisor may send."""
    return tuple(card for card in cards.values() if card.output == "notes")


def _read(path: Path) -> Card:
    card = library.read_model(path, Card)
    if card.name != path.stem:
        raise ConfigError(f"{path}: name: expected {path.stem!r}, as the file is called, not {card.name!r}")
    return card
