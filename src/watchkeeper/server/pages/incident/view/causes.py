"""What may be the cause: each hypothesis with what speaks for it and against it, and why the others are behind."""

from collections.abc import Iterable
from dataclasses import dataclass

from watchkeeper.domain import Claim, Diagnosis, Hypothesis
from watchkeeper.server.pages.incident.view import phrases

SHOWN = 6
"""Hypotheses that are told."""


@dataclass(frozen=True)
class Point:
    """One claim, and the evidence that it can be checked against."""

    text: str
    evidence: str
    is_strong: bool = False
    """It held when asked again, and sets the component apart."""


@dataclass(frozen=True)
class Cause:
    """One hypothesis."""

    rank: int
    component: str
    fault: str
    change: str
    probability: float
    points: tuple[Point, ...]
    against: tuple[Point, ...]
    why_not: str
    """Why it is behind the first; empty for the first."""
    settled_by: str
    onset: str
    by: str


@dataclass(frozen=True)
class Struck:
    """A claim that did not hold, and why."""

    text: str
    because: str
    evidence: str


@dataclass(frozen=True)
class Causes:
    """All of it, the most probable first."""

    ranked: tuple[Cause, ...] = ()
    something_else: float | None = None
    struck: tuple[Struck, ...] = ()
    explanation: tuple[str, ...] = ()
    left_out: int = 0


def causes_of(diagnosis: Diagnosis | None) -> Causes:
    """What one diagnosis considered."""
    if diagnosis is None:
        return Causes()
    ranked = diagnosis.hypotheses
    rest = 1.0 - sum(each.probability for each in ranked)
    return Causes(
        ranked=tuple(_cause(rank, each, diagnosis) for rank, each in enumerate(ranked[:SHOWN], start=1)),
        something_else=max(0.0, rest) if ranked and rest > 0.005 else None,
        struck=tuple(
            Struck(phrases.line(each.claim.text), phrases.line(each.because), each.claim.evidence)
            for each in diagnosis.struck
        ),
        explanation=tuple(phrases.line(text) for text in diagnosis.explanation),
        left_out=max(0, len(ranked) - SHOWN),
    )


def _cause(rank: int, hypothesis: Hypothesis, diagnosis: Diagnosis) -> Cause:
    by = {"rules": "", "model": "proposed by the model", "both": "found by rules and model"}
    change = hypothesis.change
    return Cause(
        rank=rank,
        component=phrases.line(hypothesis.component, phrases.NAME),
        fault=_fault(hypothesis),
        change=phrases.line(f"{change.kind} {change.version or change.id} of {change.service}") if change else "",
        probability=hypothesis.probability,
        points=_points(hypothesis.claims),
        against=_points(hypothesis.against),
        why_not="" if rank == 1 and diagnosis.status == "diagnosed" else _why_not(hypothesis),
        settled_by=phrases.line(hypothesis.settled_by),
        onset=phrases.clock(hypothesis.onset) if hypothesis.onset else "",
        by=by[hypothesis.proposed_by],
    )


def _fault(hypothesis: Hypothesis) -> str:
    if hypothesis.kind == "slow-dependency" and hypothesis.dependency:
        return f"it waits for {phrases.line(hypothesis.dependency, phrases.NAME)}"
    return phrases.FAULTS[hypothesis.kind]


def _points(claims: Iterable[Claim]) -> tuple[Point, ...]:
    return tuple(Point(phrases.line(c.text), c.evidence, c.standing == "supports") for c in claims)


def _why_not(hypothesis: Hypothesis) -> str:
    if hypothesis.against:
        return phrases.line(hypothesis.against[0].text)
    strong = sum(claim.standing == "supports" for claim in hypothesis.claims)
    return f"nothing speaks against it, but only {phrases.counted(strong, 'finding')} for it"
