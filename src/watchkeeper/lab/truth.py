"""A drill, and what really happened in it: kept apart from the telemetry, read only by whoever scores."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

import yaml
from pydantic import AwareDatetime, BaseModel, Field

DrillKind = Literal[
    "bad-deploy",
    "error-deploy",
    "crash",
    "pool-exhaustion",
    "slow-dependency",
    "cpu-hog",
    "memory-leak",
    "silence",
    "nothing",
]
KINDS: tuple[DrillKind, ...] = get_args(DrillKind)


@dataclass(frozen=True)
class Drill:
    """What is going to be broken, how badly, for how long; the seed decides everything else."""

    kind: DrillKind
    service: str | None
    size: float
    seed: int
    minutes: float
    deploys: int | None = None
    """How many innocent deploys a quiet run has, evenly spread; None where the seed decides."""


class Truth(BaseModel, frozen=True, extra="forbid"):
    """The fault, its culprit, and when it began: apart from when it could first be felt."""

    kind: DrillKind
    service: str | None = None
    """The culprit; for a slow dependency the service that waits for it."""
    dependency: str | None = None
    """What is slow, where the fault lies at the other end of a call."""
    endpoint: str | None = None
    """The culprit's endpoint that suffers, where it is one."""
    size: float = Field(gt=0)
    seed: int
    minutes: float = Field(gt=0)
    change_id: str | None = None
    """The change that is to blame."""
    innocent_changes: tuple[str, ...] = ()
    begins: AwareDatetime
    """From here on the recording counts; before it, the shop warms up."""
    fault_onset: AwareDatetime | None = None
    symptom_onset: AwareDatetime | None = None
    """When the culprit's own requests first went clearly wrong, measured outside telemetry."""
    symptom_note: str | None = None
    """How the symptom's onset was found, or why it is only the fault's."""
    ends: AwareDatetime

    def to_yaml(self, path: Path) -> None:
        """Write it."""
        path.write_text(yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False))

    @classmethod
    def from_yaml(cls, path: Path) -> Self:
        """Read it."""
        return cls.model_validate(yaml.safe_load(path.read_text()))
