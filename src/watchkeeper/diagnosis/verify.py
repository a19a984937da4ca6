"""Suspects' statements checked, and whether what is left of them is enough to state a cause."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from watchkeeper.diagnosis.seen import Seen
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.diagnosis.suspects import Suspect
from watchkeeper.domain import Claim, Figure, Scalar, Struck
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.claims import Ground, Statement, check
from watchkeeper.evidence.prose import fill
from watchkeeper.evidence.recheck import Recheck

NAMING = frozenset(
    {
        "service",
        "service_name",
        "service_version",
        "component",
        "caller",
        "callee",
        "operation",
        "span",
        "version",
        "id",
    }
    | {"attribute", "kind", "metric", "exception", "waits_for"}
)
"""Columns whose values are names: a digit in one of them is no figure."""


@dataclass(frozen=True)
class Verified:
    """A suspect, and what of its statements survived."""

    suspect: Suspect
    claims: tuple[Claim, ...]
    against: tuple[Claim, ...]
    struck: tuple[Struck, ...]

    @property
    def is_told(self) -> bool:
        """Whether anything but its time speaks for it."""
        return any(claim.role != "timing" for claim in self.claims)

    @property
    def not_grounded_because(self) -> str | None:
        """Why it may not be stated as the cause; None where it may."""
        return grounding_of(self.suspect.component, self.claims)


def grounding_of(component: str, claims: Iterable[Claim]) -> str | None:
    """Why a component may not be stated as the cause with these claims; None where it may.

    A stated cause needs one claim on its own component that sets it apart, and one on its time.
    """
    roles = {claim.role for claim in claims if claim.about == component and claim.standing == "supports"}
    if not roles - {"timing"}:
        return f"nothing that holds when asked again sets {component} apart from what is usual or from its peers"
    if "timing" not in roles:
        return f"it is not established that the trouble of {component} began with the first symptom"
    return None


def verify(suspect: Suspect, ground: Ground) -> Verified:
    """Ask again for everything that is said of a suspect; the claims that are true, the best supported first."""
    claims, struck = _checked(suspect.claims, suspect.component, ground)
    against, refuted = _checked(suspect.against, suspect.component, ground)
    return Verified(suspect, claims, against, (*struck, *refuted))


def _checked(
    statements: Iterable[Statement], component: str, ground: Ground
) -> tuple[tuple[Claim, ...], tuple[Struck, ...]]:
    results = [check(statement, component, ground) for statement in statements]
    unique = dict.fromkeys(result for result in results if isinstance(result, Claim))
    return tuple(unique), tuple(result for result in results if isinstance(result, Struck))


def ground_of(seen: Seen, recheck: Recheck) -> Ground:
    """What claims about this incident are checked against."""
    return Ground(
        recheck=recheck,
        usual=seen.timing.usual,
        latest_onset=seen.latest_onset,
        names=names_in(seen.saying.ledger, seen.saying.evidence.values()),
        edges=seen.edges,
        components=seen.components,
    )


def names_in(answers: Answers, numbers: Iterable[str]) -> frozenset[str]:
    """Every name in the rows of that evidence: services, operations, versions, ids."""
    found: set[str] = set()
    for number in numbers:
        try:
            found |= _names(answers.rows(number))
        except (SourceUnavailable, QueryRejected):
            # Down, or no telemetry: a runbook has no names of components.
            continue
    return frozenset(name for name in found if any(c.isdigit() for c in name))


def _names(rows: pa.Table) -> set[str]:
    columns = (rows[name] for name in rows.column_names if name in NAMING)
    return {
        quoted(text)
        for column in columns
        if pa.types.is_string(column.type)
        for text in column.unique().to_pylist()
        if text
    }


@dataclass
class Writer:
    """Fills the sentences of one diagnosis, and remembers where each number came from."""

    answers: Answers
    names: frozenset[str] = frozenset()
    figures: list[Figure] = field(default_factory=list)

    def write(self, template: str, fields: Mapping[str, Scalar] | None = None, otherwise: str = "") -> str:
        """The sentence filled; where a number cannot be had, what is said `otherwise`, which has none."""
        try:
            filled = fill(template, self.answers, fields, self.names)
        except (QueryRejected, SourceUnavailable):
            return otherwise
        self.figures += filled.figures
        return filled.text
