"""What is said of causes: each hypothesis with its claims, the changes, the evidence behind them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from watchkeeper.domain import CaseFile, Change, Claim, Diagnosis, Hypothesis, Window
from watchkeeper.drafts.facts import Fact, Facts, Path
from watchkeeper.drafts.formats import Style

CLAIMS = 8
"""How many claims for one cause are shown; the case holds all."""


@dataclass(frozen=True)
class ToldChange:
    """A change, as far as it is known."""

    id: Fact | None
    kind: Fact | None
    service: Fact | None
    version: Fact | None
    environment: Fact | None
    author: Fact | None
    title: Fact | None
    expected_impact: Fact | None
    began: Fact | None
    ended: Fact | None
    commits: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class ToldClaim:
    """One claim, and the evidence that it can be checked against."""

    text: Fact | None
    evidence: Fact | None
    standing: str


@dataclass(frozen=True)
class ToldCause:
    """One hypothesis."""

    kind: str
    component: Fact | None
    fault: Fact | None
    probability: Fact | None
    dependency: Fact | None
    onset: Fact | None
    settled_by: Fact | None
    change: ToldChange | None
    claims: tuple[ToldClaim, ...]
    against: tuple[ToldClaim, ...]


@dataclass(frozen=True)
class ToldEvidence:
    """One question that was asked; how to ask it again stands on the case's evidence page."""

    id: Fact | None
    question: Fact | None
    source: Fact | None
    status: str
    rows: Fact | None
    start: Fact | None
    end: Fact | None
    failure: Fact | None
    link: Fact | None


@dataclass(frozen=True)
class Why:
    """The causes with what speaks for them, the verdict on the release, what to do and what would settle it."""

    causes: tuple[ToldCause, ...]
    something_else: Fact | None
    """How probable a cause is that is not among them."""
    release: str
    release_reason: Fact | None
    release_change: ToldChange | None
    fix: Fact | None
    is_fix_specific: bool
    """Whether it names the component, the change or the dependency."""
    reproduction: Fact | None
    trace: Fact | None
    trace_evidence: Fact | None
    settled_by: tuple[Fact, ...]


def why_of(facts: Facts, case: CaseFile, number: int) -> Why:
    """What one diagnosis concluded, the most probable cause first."""
    diagnosis, path = case.diagnoses[number], ("case", "diagnoses", number)
    causes = tuple(
        _cause(facts, hypothesis, (*path, "hypotheses", rank)) for rank, hypothesis in enumerate(diagnosis.hypotheses)
    )
    # Where a cause is stated, what would settle the others does not matter yet.
    still_open = causes[:1] if diagnosis.status == "diagnosed" else causes
    settling = {cause.settled_by.value: cause.settled_by for cause in still_open if cause.settled_by}
    return Why(
        causes=causes,
        something_else=_something_else(facts, causes),
        release=diagnosis.release.status,
        release_reason=facts.at("sentence", *path, "release", "reason"),
        release_change=change_at(facts, diagnosis.release.change, (*path, "release", "change")),
        fix=facts.at("sentence", *path, "suggested_fix"),
        is_fix_specific=_is_specific(diagnosis),
        reproduction=facts.at("command", *path, "reproduction", "command"),
        trace=facts.at("name", *path, "reproduction", "trace_id"),
        trace_evidence=facts.at("name", *path, "reproduction", "evidence"),
        settled_by=tuple(settling.values()),
    )


def change_at(facts: Facts, change: Change | None, path: Path) -> ToldChange | None:
    """The change that lies there, or None."""
    if change is None:
        return None
    return ToldChange(
        id=facts.at("name", *path, "id"),
        kind=facts.at("word", *path, "kind"),
        service=facts.at("name", *path, "service"),
        version=facts.at("name", *path, "version"),
        environment=facts.at("name", *path, "environment"),
        author=facts.at("name", *path, "author"),
        title=facts.at("sentence", *path, "title"),
        expected_impact=facts.at("sentence", *path, "expected_impact"),
        began=facts.at("moment", *path, "began_at"),
        ended=facts.at("moment", *path, "ended_at"),
        commits=facts.each("name", *path, "commits"),
    )


def evidence_of(facts: Facts, case: CaseFile, number: int) -> tuple[ToldEvidence, ...]:
    """The evidence that the texts about this diagnosis cite."""
    cited = set(_cited(case, number))
    return tuple(_evidence(facts, case, place) for place, item in enumerate(case.evidence) if item.id in cited)


def _something_else(facts: Facts, causes: tuple[ToldCause, ...]) -> Fact | None:
    if not causes:
        return None
    names = {f"p{rank}": cause.probability for rank, cause in enumerate(causes)}
    return facts.sum("share", "another cause", "1 - " + " - ".join(names), "", **names)


def _is_specific(diagnosis: Diagnosis) -> bool:
    if not diagnosis.hypotheses or diagnosis.suggested_fix is None:
        return False
    top = diagnosis.hypotheses[0]
    named = [top.component, top.dependency, top.change and top.change.id, top.change and top.change.version]
    return any(name in diagnosis.suggested_fix for name in named if name)


def _cause(facts: Facts, hypothesis: Hypothesis, path: Path) -> ToldCause:
    return ToldCause(
        kind=hypothesis.kind,
        component=facts.at("name", *path, "component"),
        fault=facts.at("word", *path, "kind"),
        probability=facts.at("share", *path, "probability"),
        dependency=facts.at("name", *path, "dependency"),
        onset=facts.at("moment", *path, "onset"),
        settled_by=facts.at("sentence", *path, "settled_by"),
        change=change_at(facts, hypothesis.change, (*path, "change")),
        claims=tuple(_claims(facts, hypothesis.claims, (*path, "claims"))),
        against=tuple(_claims(facts, hypothesis.against, (*path, "against"))),
    )


def _ending(window: Window) -> Style:
    """How the end of a window is written after its begin: the date once, where it is the same."""
    return "clock" if window.start.astimezone(UTC).date() == window.end.astimezone(UTC).date() else "moment"


def _claims(facts: Facts, claims: tuple[Claim, ...], path: Path) -> Iterator[ToldClaim]:
    for place, claim in enumerate(claims[:CLAIMS]):
        yield ToldClaim(
            text=facts.at("sentence", *path, place, "text", evidence=claim.evidence),
            evidence=facts.at("name", *path, place, "evidence"),
            standing=claim.standing,
        )


def _cited(case: CaseFile, number: int) -> Iterator[str | None]:
    diagnosis = case.diagnoses[number]
    yield from (claim.evidence for h in diagnosis.hypotheses for claim in (*h.claims, *h.against))
    yield from (figure.evidence for figure in diagnosis.figures)
    scope = diagnosis.scope
    yield from (row.evidence for row in scope.affected)
    yield from (row.evidence for row in scope.portions)
    yield scope.users.evidence if scope.users else None
    yield diagnosis.reproduction.evidence if diagnosis.reproduction else None
    yield from re.findall(r"\[(e\d+)\]", case.assignment.reason if case.assignment else "")


def _evidence(facts: Facts, case: CaseFile, place: int) -> ToldEvidence:
    item, path = case.evidence[place], ("case", "evidence", place)
    return ToldEvidence(
        id=facts.at("name", *path, "id"),
        question=facts.at("sentence", *path, "question"),
        source=facts.at("name", *path, "source"),
        status=item.status,
        rows=facts.at("count", *path, "rows", "total"),
        start=facts.at("moment", *path, "window", "start"),
        end=facts.at(_ending(item.window), *path, "window", "end"),
        failure=facts.at("sentence", *path, "failure"),
        link=facts.at("address", *path, "link"),
    )
