"""Each piece of evidence: what was asked of whom, in which window, what came back, and who points at it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.domain import CaseFile, Claim, Diagnosis, Evidence, EvidenceStatus
from watchkeeper.server.pages.incident.view import phrases
from watchkeeper.server.pages.incident.view.charts import Chart, Mark, chart_of

COLUMNS, ROWS = 24, 200
_MARKED = re.compile(r"\[(e\d+)\]")


@dataclass(frozen=True)
class Table:
    """Rows as text, bounded."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    """Which columns hold figures."""
    note: str
    """How many rows there were, where not all are here."""


@dataclass(frozen=True)
class Piece:
    """One piece of evidence."""

    id: str
    question: str
    source: str
    status: EvidenceStatus
    status_word: str
    window: str
    query: str
    failure: str
    link: str
    """A web address, or empty."""
    chart: Chart | None
    table: Table | None
    says: tuple[str, ...]
    """The claims that rest on it."""
    is_cited: bool
    """Whether the page points at it."""


@dataclass(frozen=True)
class Proof:
    """What the diagnosis rests on, and what else was asked."""

    cited: tuple[Piece, ...] = ()
    """What claims rest on, in their order."""
    failed: tuple[Piece, ...] = ()
    """Gaps: what could not be asked."""
    other: tuple[Piece, ...] = ()
    """What figures come from, and what else was asked."""

    @property
    def known(self) -> frozenset[str]:
        """The numbers that can be pointed at."""
        return frozenset(piece.id for piece in (*self.cited, *self.failed, *self.other))


def proof_of(case: CaseFile, marks: tuple[Mark, ...]) -> Proof:
    """All evidence of a case; what the latest diagnosis cites first, in the order of its claims."""
    latest = case.latest
    claims = list(_claims(latest)) if latest else []
    order = {number: rank for rank, number in enumerate(dict.fromkeys(_cited(case, latest)))}
    pieces = [_piece(each, claims, marks, each.id in order) for each in case.evidence]
    failed = tuple(piece for piece in pieces if piece.status == "failed")
    found = [piece for piece in pieces if piece.status != "failed"]
    found.sort(key=lambda piece: order.get(piece.id, len(order)))
    return Proof(
        cited=tuple(piece for piece in found if piece.says),
        failed=failed,
        other=tuple(piece for piece in found if not piece.says),
    )


def _claims(diagnosis: Diagnosis) -> Iterator[Claim]:
    for hypothesis in diagnosis.hypotheses:
        yield from (*hypothesis.claims, *hypothesis.against)


def _cited(case: CaseFile, diagnosis: Diagnosis | None) -> Iterator[str]:
    if diagnosis is None:
        return
    yield from (claim.evidence for claim in _claims(diagnosis))
    scope = diagnosis.scope
    numbers = [row.evidence for row in scope.affected] + [row.evidence for row in scope.portions]
    numbers += [scope.users.evidence if scope.users else None]
    numbers += [diagnosis.reproduction.evidence if diagnosis.reproduction else None]
    numbers += [figure.evidence for figure in diagnosis.figures]
    yield from (number for number in numbers if number)
    yield from _MARKED.findall(case.assignment.reason if case.assignment else "")


def _piece(item: Evidence, claims: Sequence[Claim], marks: tuple[Mark, ...], is_cited: bool) -> Piece:
    about = [claim for claim in claims if claim.evidence == item.id]
    return Piece(
        id=item.id,
        question=phrases.line(item.question, 300),
        source=phrases.line(item.source, phrases.NAME),
        status=item.status,
        status_word=_status(item),
        window=phrases.stretch(item.window.start, item.window.end),
        query=phrases.block(item.query),
        failure=phrases.line(item.failure),
        link=web_address(item.link),
        chart=chart_of(item, about, marks) if is_cited else None,
        table=_table(item) if item.rows.values else None,
        says=tuple(dict.fromkeys(phrases.line(claim.text) for claim in about)),
        is_cited=is_cited,
    )


def _status(item: Evidence) -> str:
    if item.status == "failed":
        return "could not be asked: a gap"
    return phrases.counted(item.rows.total, "row") if item.status == "found" else "nothing found"


def web_address(link: str | None) -> str:
    """The link where it is a web address of bounded length, else nothing."""
    is_web = link is not None and len(link) <= 2048 and re.fullmatch(r"https?://[^\s\x00-\x1f<>\"']+", link)
    return link if link is not None and is_web else ""


def _table(item: Evidence) -> Table:
    rows = item.rows
    shown = rows.values[:ROWS]
    note = f"{phrases.counted(len(shown), 'row')} of {rows.total:,}" if rows.total > len(shown) else ""
    numeric = tuple(
        all(isinstance(row[at], int | float) or row[at] is None for row in shown)
        for at in range(min(COLUMNS, len(rows.columns)))
    )
    return Table(
        columns=tuple(phrases.line(name, 60) for name in rows.columns[:COLUMNS]),
        rows=tuple(tuple(phrases.cell(value) for value in row[:COLUMNS]) for row in shown),
        numeric=numeric,
        note=note,
    )
