"""What changed inside visits as rows, and whom that speaks against."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pyarrow as pa

from watchkeeper.domain import FaultKind

Signal = Literal["behaviour", "unanswered", "delay", "own time", "outside", "cpu"]

KINDS: dict[Signal, FaultKind] = {
    "behaviour": "errors",
    "unanswered": "silence",
    "delay": "latency",
    "own time": "latency",
    "outside": "slow-dependency",
    "cpu": "cpu",
}
"""What a fault is taken for whose strongest signal is that."""
MOST = 12
"""Findings of one component and signal that are kept."""
STEP = timedelta(seconds=30)
"""How closely the onset of a change is known: supposed onsets lie that far apart."""
HALF = 10.0
"""Where a signal's score begins to count less and less: beyond it, more of the same is no more evidence."""
SHARPNESS = 2.0
"""The power that scores are raised to before they are made shares."""
WORKING = 2.0
"""The score of `cpu` from which the processor is what a component suffers from."""

FINDINGS = pa.schema(
    [
        pa.field("component", pa.string(), nullable=False),
        pa.field("signal", pa.string(), nullable=False),
        pa.field("operation", pa.string(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("after", pa.string(), nullable=False),
        pa.field("unit", pa.string(), nullable=False),
        pa.field("value_before", pa.float64(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("of_before", pa.int64(), nullable=False),
        pa.field("of", pa.int64(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        # The supposed onset at which the change is clearest.
        pa.field("began", pa.timestamp("us", tz="UTC")),
        # The most that this signal says against anybody in minutes before; null where there are none to look at.
        pa.field("quiet", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Finding:
    """One thing that changed."""

    component: str
    signal: Signal
    operation: str
    """What was being answered."""
    event: str
    after: str
    """The event before it, where the order counts; else empty."""
    unit: str
    value_before: float
    """The share of visits that showed it, or the median in the unit."""
    value: float
    of_before: int
    """How many visits (durations, samples) that is taken from."""
    of: int
    score: float
    """About chi-squared, times how much it matters (0 to 1)."""
    began: datetime | None = None
    """The supposed onset at which the change is clearest."""
    quiet: float | None = None
    """The most that this signal says against anybody in minutes before; None where there are none to look at."""

    @property
    def key(self) -> tuple[str, ...]:
        """What it is about: two findings of the same key differ in figures only."""
        return (self.component, self.signal, self.operation, self.event, self.after)


@dataclass(frozen=True)
class Blamed:
    """How much speaks against one component."""

    component: str
    score: float
    share: float
    """Its part of all that speaks against anybody, from 0 to 1, sharpened; not a calibrated probability."""
    parts: dict[Signal, float]
    """The score by signal."""
    began: datetime | None = None
    """The supposed onset at which its weightiest finding is clearest."""
    quiet: dict[Signal, float] = field(default_factory=dict)
    """By signal, the most that it says against anybody in minutes before; without those of which that is not known."""
    agreement: float = 1.0
    """The part of all that changed anywhere that is clearest from the same onset on, give or take one step."""

    @property
    def kind(self) -> FaultKind:
        """What the strongest signal looks like; a busy processor explains the others."""
        if self.parts.get("cpu", 0.0) >= WORKING:
            return "cpu"
        return KINDS[max(self.parts, key=lambda signal: (self.parts[signal], signal))]


def blamed(findings: pa.Table) -> list[Blamed]:
    """Components by what the findings (`FINDINGS`) say against them, the most first.

    Of each signal the weightiest finding counts: how many events follow from one fault is chance. Signals add up,
    each on a scale that flattens out, so that none drowns the others.
    """
    found = [Finding(**row) for row in findings.select(FINDINGS.names).to_pylist()]
    parts = parts_of(found)
    clearest = {f.component: f for f in sorted(found, key=lambda f: (f.score, f.key))}
    scores = totals(parts)
    mass = sum(total**SHARPNESS for total in scores.values())
    ranked = sorted(scores, key=lambda c: (-scores[c], c))
    quiet = {f.signal: f.quiet for f in found if f.quiet is not None}
    return [
        Blamed(
            c,
            scores[c],
            scores[c] ** SHARPNESS / mass,
            parts[c],
            clearest[c].began,
            {signal: quiet[signal] for signal in parts[c] if signal in quiet},
            _agreement(clearest[c], found),
        )
        for c in ranked
    ]


def _agreement(clearest: Finding, found: list[Finding]) -> float:
    if clearest.began is None:
        return 1.0
    near = sum(f.score for f in found if f.began is not None and abs(f.began - clearest.began) <= STEP)
    return near / sum(f.score for f in found)


def parts_of(findings: Iterable[Finding]) -> dict[str, dict[Signal, float]]:
    """What each signal says against each component."""
    parts: dict[str, dict[Signal, float]] = {}
    for finding in findings:
        signals = parts.setdefault(finding.component, {})
        says = HALF * float(np.log1p(finding.score / HALF))
        signals[finding.signal] = max(signals.get(finding.signal, 0.0), says)
    return parts


def totals(parts: dict[str, dict[Signal, float]]) -> dict[str, float]:
    """What all signals together say against each component."""
    return {component: sum(signals.values()) for component, signals in parts.items()}


def shortened(found: list[Finding]) -> list[Finding]:
    """The weightiest findings of each component and signal, the weightiest first."""
    kept: list[Finding] = []
    counts: dict[tuple[str, Signal], int] = {}
    for finding in sorted(found, key=lambda f: (-f.score, f.key)):
        key = (finding.component, finding.signal)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= MOST:
            kept.append(finding)
    return kept


def findings_table(found: list[Finding]) -> pa.Table:
    """Findings as rows of `FINDINGS`."""
    return pa.Table.from_pylist([vars(finding) for finding in found], schema=FINDINGS)
