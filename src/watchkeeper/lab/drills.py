"""Drills: a fault kind, a target, a size and a seed, run in a shop of their own; the truth is what is returned."""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from watchkeeper.errors import QueryRejected
from watchkeeper.lab.faults import DESCRIPTIONS, DrillDescription, prepared
from watchkeeper.lab.layout import Layout
from watchkeeper.lab.performance import Performance
from watchkeeper.lab.supervisor import Shop
from watchkeeper.lab.truth import KINDS, Drill, Truth

LEAST_MINUTES, MOST_MINUTES = 0.2, 120.0
LEAST_SIZE, MOST_SIZE = 0.1, 5.0
MOST_DEPLOYS_A_MINUTE = 1.0

__all__ = ["Drill", "DrillDescription", "Truth", "catalogue", "plan", "run"]


def catalogue() -> list[DrillDescription]:
    """Every kind of drill: what happens and whom it can hit."""
    return list(DESCRIPTIONS)


def plan(
    kind: str,
    service: str | None = None,
    size: float = 1.0,
    seed: int = 0,
    minutes: float = 6.0,
    deploys: int | None = None,
) -> Drill:
    """A drill that can be run; the seed picks the service where none is named. Raises QueryRejected otherwise."""
    description = next((each for each in DESCRIPTIONS if each.kind == kind), None)
    if description is None:
        raise QueryRejected(f"there is no drill {kind!r}; the kinds are {', '.join(KINDS)}")
    if not LEAST_SIZE <= size <= MOST_SIZE:
        raise QueryRejected(f"a drill's size lies between {LEAST_SIZE} and {MOST_SIZE}, not {size}")
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise QueryRejected(f"a drill takes between {LEAST_MINUTES} and {MOST_MINUTES} minutes, not {minutes}")
    targets = description.targets
    if service is not None and service not in targets:
        whom = f"one of {', '.join(targets)}" if targets else "no service"
        raise QueryRejected(f"{kind} can hit {whom}, not {service}")
    if deploys is not None and targets:
        raise QueryRejected(f"innocent deploys are spread over a quiet run (nothing), not over {kind}")
    if deploys is not None and not 0 <= deploys <= minutes * MOST_DEPLOYS_A_MINUTE:
        raise QueryRejected(
            f"a quiet run of {minutes:g} minutes has 0 to {int(minutes * MOST_DEPLOYS_A_MINUTE)} deploys"
        )
    if service is None and targets:
        service = random.Random(f"{kind}/{seed}").choice(targets)
    return Drill(description.kind, service, size, seed, minutes, deploys)


def run(drill: Drill, endpoint: str, headers: dict[str, str], say: Callable[[str], None]) -> Truth:
    """Run the drill against an OTLP endpoint; blocks for its minutes, and leaves no process behind.

    Raises SourceUnavailable where PostgreSQL or a service does not start, one ends that should not, or the
    endpoint does not take a change.
    """
    layout = prepared(
        drill.kind,
        drill.service,
        Layout(seed=drill.seed, endpoint=endpoint, headers=headers, day_seconds=drill.minutes * 80),
    )
    whom = f" on {drill.service}" if drill.service else ""
    say(f"{drill.kind}{whom}, size {drill.size:g}, seed {drill.seed}: starting the shop")
    with tempfile.TemporaryDirectory(prefix="watchkeeper-lab-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Shop(layout, folder) as shop:
            try:
                return Performance(drill, shop, layout, say).play()
            except KeyboardInterrupt:
                say("interrupted: closing the shop")
                raise
