"""Whose names a case holds: texts for many readers leave them out, for they ask what happened, not who did it."""

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


def _no_people(case: CaseFile) -> set[str]:
    """Words that such a field may hold and that texts need: services, and what pipelines call themselves."""
    hypotheses = [hypothesis for diagnosis in case.diagnoses for hypothesis in diagnosis.hypotheses]
    services = {h.component for h in hypotheses} | {s.service or "" for s in case.incident.signals}
    return services | {*get_args(ChangeKind), "ci", "pipeline", "system", "the"}
