"""Claims checked: a statement becomes a claim only if code, asking the sources again, finds it true.

A claim *supports* a hypothesis if it is about the hypothesis's component, its change or a neighbour on the call graph,
holds, and discriminates: it is false of the time before, or of the peers. What does not hold, counts rows of
which only a part can be had, or says a number that has no source, is struck.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.domain import Claim, ClaimRole, EvidenceId, Operator, Scalar, ServiceName, Standing, Struck, Window
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.prose import fill
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import Selector, evaluate, holds, parse
from watchkeeper.redaction import redact

SUBJECTS = ("service", "component", "service_name", "caller", "callee")
"""Columns that say which component a row is about."""
CONTROLS = ("_before", "_elsewhere")
"""What the name of a column ends with that holds the same figure where nothing is wrong."""
PEERS = 0.25
"""Share of the peers of which a claim may be true and still set its component apart."""
ONSETS = frozenset({"onset", "earliest", "began"})
"""Columns that say when a component's own trouble began."""
OWN = frozenset({"id"})
"""Columns whose values belong to one component: peers are asked for theirs."""
SHOWN = 120
"""Characters of a text that a sentence repeats."""
COUNTED = frozenset({"requests", "errors", "count", "failed", "calls"})


@dataclass(frozen=True)
class Statement:
    """Something that is going to be claimed: words with placeholders, and the predicate."""

    template: str
    evidence: EvidenceId
    selector: Selector
    operator: Operator
    value: Scalar
    about: ServiceName
    role: ClaimRole = "cause"
    unit: str = ""
    is_change: bool = False
    """Whether it says that something is otherwise than before: then it is struck where it was so before too."""


@dataclass(frozen=True)
class Ground:
    """What claims about one incident are checked against."""

    recheck: Recheck
    usual: Window
    """The control window."""
    latest_onset: datetime
    """A cause began at this moment at the latest: the first symptom's onset and its uncertainty."""
    names: frozenset[str] = frozenset()
    """Names of services, operations, versions and so on that may have digits in them."""
    edges: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Who calls whom."""
    components: frozenset[str] = field(default_factory=frozenset)
    """All components that are known: a peer that has no row is one of which nothing is true."""

    def is_near(self, one: str, other: str) -> bool:
        """Whether the two are the same, or neighbours on the call graph."""
        return one == other or (one, other) in self.edges or (other, one) in self.edges


def check(statement: Statement, component: ServiceName, ground: Ground) -> Claim | Struck:
    """The statement as a claim for a hypothesis about `component`, with its standing; or struck, and why."""
    claim = Claim(
        text=statement.template,
        evidence=statement.evidence,
        selector=str(statement.selector),
        operator=statement.operator,
        value=statement.value,
        unit=statement.unit,
        role=statement.role,
        about=statement.about,
    )
    try:
        found = evaluate(statement.selector, ground.recheck.rows(statement.evidence))
        filled = fill(statement.template, ground.recheck, names=ground.names)
    except (QueryRejected, SourceUnavailable) as error:
        return Struck(claim=claim, because=str(error))
    claim = claim.model_copy(update={"text": filled.text, "figures": filled.figures})
    if not holds(found, statement.operator, statement.value):
        return Struck(claim=claim, because=f"asked again, {claim.selector} is {_shown(found)}")
    if ground.recheck.is_part(statement.evidence):
        return Struck(
            claim=claim, because=f"only a part of the rows of {statement.evidence} can be had, too few to count"
        )
    if statement.is_change and not discriminates(statement, ground):
        return Struck(claim=claim, because="asked again in full, it was so before as well")
    return claim.model_copy(update={"standing": _standing(statement, found, component, ground)})


def recheck_claim(claim: Claim, recheck: Recheck) -> str | None:
    """Why a claim that was made does not hold any more; None where it does. Figures are compared as they were said."""
    try:
        found = evaluate(parse(claim.selector), recheck.rows(claim.evidence))
    except (QueryRejected, SourceUnavailable) as error:
        return str(error)
    return None if holds(found, claim.operator, claim.value) else f"asked again, {claim.selector} is {_shown(found)}"


def _shown(found: Scalar) -> str:
    """A figure in a sentence; a text of telemetry's is bounded and without what must not leave."""
    return " ".join(redact(found).split())[:SHOWN] if isinstance(found, str) else str(found)


def _counts(selector: Selector) -> bool:
    return selector.aggregate in ("count", "sum") or selector.column in COUNTED


def _standing(statement: Statement, found: Scalar, component: str, ground: Ground) -> Standing:
    subjects = {statement.selector.held(column) for column in SUBJECTS} - {None}
    is_about = statement.about in subjects and ground.is_near(statement.about, component)
    if not is_about:
        return "holds"
    if statement.role == "timing":
        is_onset = statement.selector.column in ONSETS and statement.operator in ("before", "<", "≤")
        is_early = isinstance(found, datetime) and found <= ground.latest_onset
        return "supports" if is_onset and is_early else "holds"
    return "supports" if discriminates(statement, ground) else "holds"


def discriminates(statement: Statement, ground: Ground) -> bool:
    """Whether the predicate is false of the time before, or else of nearly all of the component's peers."""
    rows, selector = ground.recheck.rows(statement.evidence), statement.selector
    before = next((selector.column + end for end in CONTROLS if selector.column + end in rows.column_names), None)
    if before is not None:
        usual = evaluate(selector.over(before), rows)
        if usual is None and not _counts(selector):
            return False
        return not holds(_known(usual), statement.operator, statement.value)
    control = _control_rows(rows, ground.usual)
    if control is not None and control.num_rows < rows.num_rows:
        return not holds(_known(evaluate(selector, control)), statement.operator, statement.value)
    return _is_false_of_peers(statement, rows, ground.components)


def _known(figure: Scalar) -> Scalar:
    """Nothing seen before is zero of it."""
    return 0 if figure is None else figure


def _control_rows(rows: pa.Table, usual: Window) -> pa.Table | None:
    """The rows of the time before, where rows have a time and reach back so far."""
    if "time" not in rows.column_names or rows.num_rows == 0:
        return None
    inside = pc.and_(pc.greater_equal(rows["time"], usual.start), pc.less(rows["time"], usual.end))
    kept = rows.filter(inside)
    return kept if kept.num_rows else None


def _is_false_of_peers(statement: Statement, rows: pa.Table, components: Collection[str]) -> bool:
    column = next((c for c in SUBJECTS if statement.selector.held(c) == statement.about), None)
    if column is None:
        return False
    listed = {peer for peer in rows[column].unique().to_pylist() if peer is not None}
    anybody = statement.selector.without(OWN)
    true = [
        holds(_known(evaluate(anybody.about(column, peer), rows)), statement.operator, statement.value)
        for peer in sorted({*listed, *components} - {statement.about})
    ]
    return bool(true) and sum(true) <= PEERS * len(true)
