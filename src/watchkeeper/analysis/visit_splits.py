"""Findings of each signal around one supposed onset."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from watchkeeper.analysis.links import Links, delays
from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.spans import Ints
from watchkeeper.analysis.visit_calls import Calls, missed
from watchkeeper.analysis.visit_durations import Durations, Rises, pooled, rises
from watchkeeper.analysis.visit_findings import Finding, Signal
from watchkeeper.analysis.visit_metrics import Processors, busy
from watchkeeper.analysis.visit_patterns import Patterns, changes
from watchkeeper.analysis.visit_shares import FAINT
from watchkeeper.analysis.visits import Event, Visits
from watchkeeper.domain import Window

GUARD_SECONDS = 30.0
"""Before a supposed onset, what is neither past nor present."""
PAST_SECONDS = 180.0
"""How much before a supposed onset is its past."""
HALF_FELT = 0.01
"""The part of all the time that requests take of which a rise counts half: less, and nobody waits for it."""
Waits = tuple[Ints, Floats]
"""When requests began, and how long they took in ms, each shape (n,)."""


@dataclass(frozen=True)
class Split:
    """Past and present around one supposed onset."""

    references: tuple[Window, ...]
    onset: datetime
    until: datetime

    def masks(
        self, time_us: Ints, past_seconds: float = PAST_SECONDS
    ) -> tuple[list[NDArray[np.bool_]], NDArray[np.bool_]]:
        """Which times belong to the pasts (the references, and the time just before), and which to the present."""
        good = np.zeros(time_us.size, dtype=bool)
        for window in self.references:
            good |= (time_us >= _us(window.start)) & (time_us < _us(window.end))
        onset = _us(self.onset)
        near = time_us < onset - GUARD_SECONDS * 1e6
        near &= (time_us >= onset - past_seconds * 1e6) & ~good
        return [good, near], ~good & (time_us >= onset) & (time_us < _us(self.until))


def _us(moment: datetime) -> float:
    return moment.timestamp() * 1e6


def behaviour(visits: Visits, patterns: Patterns, split: Split, past_seconds: float = PAST_SECONDS) -> list[Finding]:
    """What visits do otherwise, as findings."""
    found = changes(visits, patterns, *split.masks(visits.start_us, past_seconds))
    out = []
    for number in np.flatnonzero(found.score >= FAINT):
        event = visits.events[patterns.event[number]]
        after = int(patterns.after[number])
        counts = found.shares
        before_of, now_of = counts.before_of[number], counts.now_of[number]
        out.append(
            Finding(
                event.service,
                "behaviour",
                event.operation,
                _said(event),
                _said(visits.events[after]) if after >= 0 else "",
                "share",
                float(counts.before[number] / max(before_of, 1)),
                float(counts.now[number] / max(now_of, 1)),
                int(before_of),
                int(now_of),
                float(found.score[number]),
            )
        )
    return out


def _said(event: Event) -> str:
    return f"{event.kind} {event.text}".strip()


def unanswered(calls: Calls, split: Split) -> list[Finding]:
    """Calls that get no answer, as findings."""
    return [
        Finding(m.component, "unanswered", "", m.link, "", "share", m.before, m.now, m.before_of, m.now_of, m.score)
        for m in missed(calls, *split.masks(calls.start_us))
        if m.score >= FAINT
    ]


def delays_found(links: Links, waits: Waits, split: Split, past_seconds: float = PAST_SECONDS) -> list[Finding]:
    """Time lost on the way, as findings."""
    pasts, now = split.masks(links.gaps.start_us, past_seconds)
    found, strata = delays(links, pasts, now)
    felt = _felt(strata, waits, split)
    out = []
    for delay in found:
        weight = strata.weight[delay.strata] * np.sqrt(strata.now_of[delay.strata])
        clearest = int(delay.strata[int(np.argmax(weight))])
        event = f"{links.caller[clearest]} → {links.callee[clearest]}"
        score = delay.score * felt(delay.strata)
        if score >= FAINT:
            out.append(
                _longer(delay.component, "delay", str(links.operation[clearest]), event, clearest, strata, score)
            )
    return out


def longer_times(
    own: Durations, names: list[tuple[str, str]], signal: Signal, waits: Waits, split: Split
) -> list[Finding]:
    """Durations that rose, as findings against whoever they belong to."""
    found = rises(own, len(names), *split.masks(own.start_us), only_longer=True)
    felt = _felt(found, waits, split)
    out = []
    for number in np.flatnonzero(found.weight > 0).tolist():
        z, weight = pooled(found, np.array([number]))
        score = z**2 * weight * felt(np.array([number]))
        if score >= FAINT:
            out.append(_longer(names[number][0], signal, "", names[number][1], number, found, score))
    return out


def _felt(found: Rises, waits: Waits, split: Split) -> Callable[[Ints], float]:
    """How much a rise matters to everybody together: its part of all the time that requests take now, 0 to 1.

    Extra time adds up over requests and over components, so that small ones of rare requests can be told from those
    that people wait for.
    """
    start_us, ms = waits
    total = float(ms[split.masks(start_us)[1]].sum())

    def felt(strata: Ints) -> float:
        part = float(found.excess_ms[strata].sum()) / max(total, 1e-9)
        return part / (part + HALF_FELT)

    return felt


def _longer(
    component: str, signal: Signal, operation: str, event: str, number: int, found: Rises, score: float
) -> Finding:
    return Finding(
        component,
        signal,
        operation,
        event,
        "",
        "ms",
        round(float(found.before_ms[number]), 3),
        round(float(found.now_ms[number]), 3),
        int(found.before_of[number]),
        int(found.now_of[number]),
        score,
    )


def busier(processors: Processors | None, split: Split) -> list[Finding]:
    """Processors that are busier, as findings."""
    return [
        Finding(b.component, "cpu", "", b.metric, "", b.unit, b.before, b.now, b.before_of, b.now_of, b.score)
        for b in busy(processors, split.onset, split.until)
        if b.score >= FAINT
    ]
