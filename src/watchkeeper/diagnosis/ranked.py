"""The conclusion from candidates that one analysis ranked: statements checked, and the first one stated or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.diagnosis.conclude import SURE
from watchkeeper.diagnosis.verify import Writer, grounding_of
from watchkeeper.domain import Claim, Cost, Diagnosis, FaultKind, Hypothesis, ReleaseVerdict, Scope, Struck
from watchkeeper.evidence.claims import Ground, Statement, check
from watchkeeper.evidence.prose import given

NOTHING_EXPLAINS = "something changed, and nothing that was looked at explains it"


@dataclass(frozen=True)
class Candidate:
    """One component that may be the cause, with what can be said of it."""

    component: str
    kind: FaultKind
    probability: float
    statements: tuple[Statement, ...]
    onset: datetime | None = None


@dataclass(frozen=True)
class Telling:
    """How one way of looking tells what it found."""

    what: str
    """What is wrong and since when, as a template without its end."""
    plain_what: str
    """The same without any number."""
    why: Callable[[Candidate], str]
    """The cause in half a sentence."""
    release: ReleaseVerdict
    scope: Scope
    settled_by: Callable[[Candidate], str]


@dataclass(frozen=True)
class _Checked:
    candidate: Candidate
    claims: tuple[Claim, ...]
    against: tuple[Claim, ...]
    struck: tuple[Struck, ...]


def conclude_ranked(
    candidates: Sequence[Candidate],
    telling: Telling,
    ground: Ground,
    *,
    gaps: tuple[str, ...],
    at: datetime,
    cost: Cost,
) -> Diagnosis:
    """Candidates (most probable first) as a diagnosis; inconclusive where the first is not probable or not grounded."""
    checked = [_checked(each, ground) for each in candidates]
    told = [each for each in checked if any(claim.role != "timing" for claim in each.claims)]
    writer = Writer(ground.recheck, ground.names)
    because = _open_because(told)
    return Diagnosis(
        at=at,
        status="diagnosed" if because is None else "inconclusive",
        headline=_headline(telling, told, because, writer),
        hypotheses=tuple(_hypothesis(each, telling) for each in told),
        inconclusive_because=because,
        release=telling.release,
        scope=telling.scope,
        suggested_fix=_fix(told[0].candidate) if because is None else None,
        struck=tuple(dict.fromkeys(struck for each in checked for struck in each.struck)),
        figures=tuple(dict.fromkeys(writer.figures)),
        gaps=gaps,
        cost=cost,
    )


def _checked(candidate: Candidate, ground: Ground) -> _Checked:
    results = [(s, check(s, candidate.component, ground)) for s in candidate.statements]
    claims = [(s, result) for s, result in results if isinstance(result, Claim)]
    return _Checked(
        candidate,
        claims=tuple(claim for s, claim in claims if s.operator != "after"),
        against=tuple(claim for s, claim in claims if s.operator == "after"),
        struck=tuple(result for _, result in results if isinstance(result, Struck)),
    )


def _open_because(told: Sequence[_Checked]) -> str | None:
    if not told:
        return NOTHING_EXPLAINS
    if told[0].candidate.probability < SURE:
        return f"no cause stands out: {' or '.join(each.candidate.component for each in told[:3])}"
    return grounding_of(told[0].candidate.component, told[0].claims)


def _headline(telling: Telling, told: Sequence[_Checked], because: str | None, writer: Writer) -> str:
    if because is not None:
        return writer.write(f"{telling.what}: inconclusive.", None, f"{telling.plain_what}: inconclusive.")
    top = told[0].candidate
    why, fields = telling.why(top), {"probability": round(top.probability, 3)}
    sure = f"({given('probability', '%0')} sure)"
    return writer.write(f"{telling.what}: {why} {sure}.", fields, f"{telling.plain_what}: {why}.")


def _hypothesis(checked: _Checked, telling: Telling) -> Hypothesis:
    candidate = checked.candidate
    return Hypothesis(
        component=candidate.component,
        kind=candidate.kind,
        probability=round(candidate.probability, 3),
        claims=checked.claims,
        against=checked.against,
        onset=candidate.onset,
        settled_by=telling.settled_by(candidate),
    )


def _fix(top: Candidate) -> str:
    return (
        f"No specific fix is known (this advice is generic): start with what {top.component} itself reports and with "
        "what was changed there."
    )
