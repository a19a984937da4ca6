"""Whose names a case holds: people, whom texts for many readers leave out, and services, which keep their case."""

from collections.abc import Iterator
from typing import get_args

from watchkeeper.domain import CaseFile, ChangeKind


def people_in(case: CaseFile) -> tuple[str, ...]:
    """Names of people that the case holds, which texts for many readers leave out."""
    names = {name for name in (*_authors(case), *_deciders(case)) if name and len(name) > 1}
    return tuple(sorted(names - _no_people(case), key=lambda name: (-len(name), name)))


def _authors(case: CaseFile) -> Iterator[str | None]:
    for diagnosis in case.diagnoses:
        changes = (diagnosis.release.change, *(hypothesis.change for hypothesis in diagnosis.hypotheses))
        yield from (change.author for change in changes if change is not None)
    for item in case.evidence:
        if item.source == "changes" and "author" in item.rows.columns:
            at = item.rows.columns.index("author")
            yield from (str(row[at]) for row in item.rows.values if row[at])


def _deciders(case: CaseFile) -> Iterator[str | None]:
    yield case.assignment.owner if case.assignment else None
    yield from (verdict.by for verdict in case.verdicts)
    yield from (draft.approved_by for draft in case.drafts)


def services_in(case: CaseFile) -> set[str]:
    """Names of services and other components that the case speaks of."""
    hypotheses = [hypothesis for diagnosis in case.diagnoses for hypothesis in diagnosis.hypotheses]
    affected = [row for diagnosis in case.diagnoses for row in diagnosis.scope.affected]
    found = {h.component for h in hypotheses} | {h.dependency for h in hypotheses} | {row.service for row in affected}
    return {name for name in (*found, *(signal.service for signal in case.incident.signals)) if name}


def _no_people(case: CaseFile) -> set[str]:
    """Words that such a field may hold and that texts need: services, and what pipelines call themselves."""
    return services_in(case) | {*get_args(ChangeKind), "ci", "pipeline", "system", "the"}
