"""Who cites a piece of evidence, and what was asked of its rows: the way from a number to its query, read backwards."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from watchkeeper.domain import (
    Affected,
    CaseFile,
    Claim,
    Diagnosis,
    EvidenceId,
    Figure,
    Hypothesis,
    Measured,
    Portion,
    Scalar,
)


@dataclass(frozen=True)
class Citation:
    """One statement or figure, and how it is read from the evidence."""

    evidence: EvidenceId
    said: str
    where: str
    """In which part of the diagnosis it stands."""
    selector: str
    """What is asked of the rows; in words where that is simply one row."""
    expected: str = ""
    """What the answer must be for a claim to hold; empty for a figure, which is the answer."""
    is_code: bool = True
    """Whether the selector is one that can be asked again as it stands."""


def citations_of(case: CaseFile) -> dict[EvidenceId, tuple[Citation, ...]]:
    """All that cites each piece of evidence; the same figure in several places is told once, with all its places."""
    places: dict[tuple[str, str, str, str, bool], list[str]] = {}
    for number, diagnosis in enumerate(case.diagnoses):
        before = f"diagnosis {number}: " if len(case.diagnoses) > 1 else ""
        for found in _cited(diagnosis):
            key = (found.evidence, found.said, found.selector, found.expected, found.is_code)
            places.setdefault(key, []).append(before + found.where)
    cited: dict[EvidenceId, tuple[Citation, ...]] = {}
    for (evidence, said, selector, expected, is_code), where in places.items():
        one = Citation(evidence, said, "; ".join(dict.fromkeys(where)), selector, expected, is_code)
        cited[evidence] = (*cited.get(evidence, ()), one)
    return cited


def spelled(value: Scalar) -> str:
    """A value as selectors spell it, and as the case file holds it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cited(diagnosis: Diagnosis) -> Iterator[Citation]:
    for rank, hypothesis in enumerate(diagnosis.hypotheses, 1):
        yield from _of_a_cause(hypothesis, f"cause {rank}, {hypothesis.component}")
    yield from _figures(diagnosis.figures, "headline, fix, reasons or notes")
    for struck in diagnosis.struck:
        yield from _claim(struck.claim, f"struck: {struck.because}")
    yield from _of_the_scope(diagnosis)
    if diagnosis.reproduction is not None:
        said = f"the request of trace {diagnosis.reproduction.trace_id}"
        yield Citation(diagnosis.reproduction.evidence, said, "reproduction", "its spans", is_code=False)


def _of_a_cause(hypothesis: Hypothesis, where: str) -> Iterator[Citation]:
    for claim in hypothesis.claims:
        yield from _claim(claim, f"{where}: {_STANDING[claim.standing]}")
    for claim in hypothesis.against:
        yield from _claim(claim, f"{where}: speaks against it")


_STANDING = {"supports": "supports it", "holds": "true, but does not set it apart", "unchecked": "not asked again"}


def _claim(claim: Claim, where: str) -> Iterator[Citation]:
    yield Citation(claim.evidence, claim.text, where, claim.selector, f"{claim.operator} {spelled(claim.value)}")
    yield from _figures(claim.figures, "in a claim")


def _figures(figures: tuple[Figure, ...], where: str) -> Iterator[Citation]:
    for figure in figures:
        if figure.evidence is not None:
            yield Citation(figure.evidence, figure.text, where, figure.selector)


def _of_the_scope(diagnosis: Diagnosis) -> Iterator[Citation]:
    scope = diagnosis.scope
    for row in scope.affected:
        if row.evidence is not None:
            yield Citation(row.evidence, _counted(row), "who is affected", f"the row of {_name(row)}", is_code=False)
    for portion in scope.portions:
        if portion.evidence is not None:
            of = f"the row of {portion.service}, {portion.attribute} = {portion.value}"
            yield Citation(portion.evidence, _counted(portion), "where it concentrates", of, is_code=False)
    if scope.users is not None and scope.users.evidence is not None:
        said = f"{scope.users.affected:,} of {scope.users.seen:,} users"
        of = f"the row of {scope.users.attribute}"
        yield Citation(scope.users.evidence, said, "who is affected", of, is_code=False)
    for measured in scope.measured:
        if measured.evidence is not None:
            of = f"the row of {measured.name}"
            yield Citation(measured.evidence, _counted(measured), "severity", of, is_code=False)


def _name(row: Affected) -> str:
    return f"{row.service} {row.operation}" if row.operation else row.service


def _counted(row: Affected | Portion | Measured) -> str:
    p95 = f", p95 {row.p95_ms:,.0f} ms" if row.p95_ms is not None else ""
    return f"{row.requests:,} requests, {row.errors:,} failed{p95}"
