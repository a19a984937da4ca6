"""A finished case gone over once more, from what was kept of it: does every claim hold, has every number a source?"""

from collections.abc import Iterable, Iterator

from watchkeeper.diagnosis.tables import miscounted
from watchkeeper.diagnosis.verify import grounding_of, names_in
from watchkeeper.domain import CaseFile, Claim, Diagnosis, Figure
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import Readings
from watchkeeper.evidence.claims import recheck_claim
from watchkeeper.evidence.prose import bare_digits, say, say_again, without
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.telemetry.sources import Sources


def audit(case: CaseFile, sources: Sources, readings: Readings) -> tuple[str, ...]:
    """What is wrong with a case, one sentence each; empty where everything that it says can be found again."""
    recheck = Recheck(case.evidence, sources, readings)
    names = _names(case, recheck)
    return tuple(problem for each in case.diagnoses for problem in _problems(each, recheck, names))


def _problems(diagnosis: Diagnosis, recheck: Recheck, names: frozenset[str]) -> Iterator[str]:
    for claim in claims_of(diagnosis):
        if (because := recheck_claim(claim, recheck)) is not None:
            yield f"{claim.text!r} does not hold: {because}"
        yield from _unsourced(claim.text, claim.figures, names)
        yield from _moved(claim.figures, recheck)
        yield from _misplaced(claim)
    for text in prose_of(diagnosis):
        yield from _unsourced(text, diagnosis.figures, names)
    yield from _moved(diagnosis.figures, recheck)
    yield from _misgiven(diagnosis)
    yield from miscounted(diagnosis.scope, recheck)
    top = diagnosis.hypotheses[0] if diagnosis.status == "diagnosed" else None
    if top is not None:
        because = grounding_of(top.component, top.claims)
        if because is not None:
            yield f"{top.component} is stated as the cause: {because}"


def claims_of(diagnosis: Diagnosis) -> tuple[Claim, ...]:
    """Every claim that the diagnosis makes, for and against."""
    return tuple(claim for h in diagnosis.hypotheses for claim in (*h.claims, *h.against))


def prose_of(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Every sentence of the diagnosis besides its claims."""
    said = (diagnosis.headline, diagnosis.suggested_fix, diagnosis.inconclusive_because, diagnosis.release.reason)
    settling = (h.settled_by for h in diagnosis.hypotheses)
    return tuple(
        text for text in (*said, *diagnosis.explanation, *diagnosis.notes, *diagnosis.changed, *settling) if text
    )


def _unsourced(text: str, figures: Iterable[Figure], names: frozenset[str]) -> Iterator[str]:
    for figure in sorted(figures, key=lambda f: len(f.text), reverse=True):
        text = without(text, figure.text)
    if (found := bare_digits(text, names)) is not None:
        yield f"the number in {found!r} has no source"


def _moved(figures: Iterable[Figure], recheck: Recheck) -> Iterator[str]:
    for figure in figures:
        if figure.evidence is None:
            continue
        try:
            again = say_again(figure, recheck)
        except (QueryRejected, SourceUnavailable) as error:
            again = str(error)
        if again != figure.text:
            yield f"{figure.text!r} ({figure.evidence}: {figure.selector}) is {again!r} when asked again"


def _misplaced(claim: Claim) -> Iterator[str]:
    """Figures that do not stand in the order in which they were filled in: now and before may have changed places."""
    end = 0
    for figure in claim.figures:
        place = claim.text.find(figure.text, end)
        if place < 0:
            yield f"{figure.text!r} does not stand in its place in {claim.text!r}"
            return
        end = place + len(figure.text)


def _misgiven(diagnosis: Diagnosis) -> Iterator[str]:
    """Figures that the diagnosis gives of itself, and that it does not have."""
    sure = {say(h.probability, "%0") for h in diagnosis.hypotheses[:1]}
    for figure in diagnosis.figures:
        if figure.evidence is None and figure.selector == "probability" and figure.text not in sure:
            yield f"{figure.text!r} is not how probable the first cause is"


def _names(case: CaseFile, recheck: Recheck) -> frozenset[str]:
    changes = [h.change for each in case.diagnoses for h in each.hypotheses if h.change is not None]
    known = {text for change in changes for text in (change.id, change.version, change.service) if text}
    known |= {signal.service for signal in case.incident.signals if signal.service}
    return names_in(recheck, (entry.id for entry in case.evidence if entry.status != "failed")) | known
