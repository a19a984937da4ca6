"""Two versions of one case file as one, so that nothing that somebody else wrote meanwhile is lost."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from watchkeeper.domain import CaseFile, Diagnosis, Draft, Evidence, EvidenceId, Incident, Noun, Reading
from watchkeeper.errors import RecordsUnavailable

_DECIDED = {"proposed": 0, "approved": 1, "rejected": 1, "published": 2}
_OVER = ("mitigated", "resolved", "closed")
Content = tuple[str, str, str, str]
AnyNoun = TypeVar("AnyNoun", bound=Noun)


def merged(stored: CaseFile, case: CaseFile) -> CaseFile:
    """What is stored, and what the other adds to it: its diagnoses and verdicts go behind those that are there.

    Evidence that has the id of other evidence gets a new one, in its diagnoses too. Of the incident and the
    assignment the new version holds, except that no signal is lost. Raises RecordsUnavailable where the two are
    different incidents under one number.
    """
    evidence, names = _evidence(stored.evidence, case.evidence)
    diagnoses = _unseen(stored.diagnoses, case.diagnoses)
    return CaseFile(
        incident=_incident(stored.incident, case.incident),
        evidence=evidence,
        diagnoses=(*stored.diagnoses, *(_citing(diagnosis, names) for diagnosis in diagnoses)),
        assignment=case.assignment or stored.assignment,
        drafts=_drafts(stored.drafts, case.drafts),
        verdicts=(*stored.verdicts, *_unseen(stored.verdicts, case.verdicts)),
    )


def is_settled(draft: Draft) -> bool:
    """Whether a person had a hand in it, or it left: no later diagnosis takes it away."""
    return draft.state != "proposed" or draft.edited_by is not None


def content(draft: Draft) -> Content:
    """What makes a draft the one that it is, whatever was decided about it."""
    return draft.kind, draft.audience, draft.title, draft.text


def _incident(stored: Incident, new: Incident) -> Incident:
    added = _unseen(stored.signals, new.signals)
    if len(added) == len(new.signals):
        raise RecordsUnavailable(
            f"{new.id} is the number of another incident already: none of its signals is one of this incident's"
        )
    # Somebody ended it while it was diagnosed: only a signal, by `reopened`, opens it again.
    is_over = stored.state in _OVER and new.state in ("open", "investigating", "diagnosed")
    state = stored.state if is_over else new.state
    return new.model_copy(update={"signals": (*stored.signals, *added), "state": state})


def _unseen(known: Sequence[AnyNoun], others: Sequence[AnyNoun]) -> tuple[AnyNoun, ...]:
    """Those that are not there yet; compared as JSON, since times in tables come back as text."""
    there = {noun.model_dump_json() for noun in known}
    return tuple(noun for noun in others if noun.model_dump_json() not in there)


def _evidence(
    stored: Sequence[Evidence], new: Sequence[Evidence]
) -> tuple[tuple[Evidence, ...], Mapping[EvidenceId, EvidenceId]]:
    """All evidence, and the new ids of what could not keep its own."""
    known = {item.id: item for item in stored}
    added = [item for item in new if item.id not in known or known[item.id].model_dump_json() != item.model_dump_json()]
    free = max((int(item.id[1:]) for item in (*stored, *new)), default=0) + 1
    taken = [item.id for item in added if item.id in known]
    names = {old: f"e{number}" for number, old in enumerate(taken, start=free)}
    return (*stored, *(_renamed(item, names) for item in added)), names


def _renamed(item: Evidence, names: Mapping[EvidenceId, EvidenceId]) -> Evidence:
    if not names:
        return item
    changed: dict[str, object] = {"id": names.get(item.id, item.id)}
    if item.reading is not None:
        of = tuple(names.get(each, each) for each in item.reading.of)
        changed["reading"] = Reading(name=item.reading.name, of=of, parameters=item.reading.parameters)
        if item.asked is None:
            # What was computed says of which evidence, in words.
            changed["query"] = re.sub(r"\be\d+\b", lambda m: names.get(m[0], m[0]), item.query)
    return item.model_copy(update=changed)


def _citing(diagnosis: Diagnosis, names: Mapping[EvidenceId, EvidenceId]) -> Diagnosis:
    return Diagnosis.model_validate(_with_names(diagnosis.model_dump(), names)) if names else diagnosis


def _with_names(value: object, names: Mapping[EvidenceId, EvidenceId], key: object = "") -> object:
    if isinstance(value, str):
        return names.get(value, value) if key == "evidence" else value
    if isinstance(value, dict):
        return {name: _with_names(inner, names, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_with_names(inner, names, key) for inner in value]
    return value


def _drafts(stored: Sequence[Draft], new: Sequence[Draft]) -> tuple[Draft, ...]:
    """What was decided stays so, or goes on to be published; what is only proposed is as the new version has it."""
    latest = {content(draft): draft for draft in new}
    kept = [draft for draft in stored if is_settled(draft) or content(draft) in latest]
    settled = [_further(draft, latest.get(content(draft), draft)) for draft in kept]
    return (*settled, *_not_among(settled, new))


def _further(draft: Draft, other: Draft) -> Draft:
    return draft if _DECIDED[draft.state] > _DECIDED[other.state] else other


def _not_among(known: Iterable[Draft], drafts: Iterable[Draft]) -> list[Draft]:
    there = {content(draft) for draft in known}
    return [draft for draft in drafts if content(draft) not in there]
