"""A case's evidence as one page of Markdown: each question with its exact query, its rows, and what cites it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC

from watchkeeper.domain import CaseFile, Diagnosis, Evidence, EvidenceId, Scalar, Window
from watchkeeper.drafts import escaping
from watchkeeper.drafts.citations import Citation, citations_of, spelled

ROWS, COLUMNS = 40, 20
"""How much of an excerpt is shown; the case file has all of it."""
CELL, TEXT, QUERY = 60, 400, 100_000
"""Characters of a cell, of a statement, of a query."""
INTRODUCTION = """\
A mark such as `e1` in a draft leads to the section of that name here, and from there back to all that cites it.

- `first(mean_ms) where service = "cart"` reads a figure from the rows; also `count()`, `min`, `max`, `mean`, `sum`,
  `last`, `quantile_0.95`. Claims are asked of all rows, of which an excerpt is shown.
- `start()` and `end()` are those of the window; `between(a, b)` are seconds, `ratio(a, b)` is a divided by b.
"""


def evidence_page(case: CaseFile) -> str:
    """The page, `evidence.md` of the case's folder; the case should be redacted before: rows and queries are quoted."""
    cited = citations_of(case)
    parts = [f"# Evidence of {escaping.code_span(case.incident.id)}", INTRODUCTION.strip()]
    if case.latest is not None:
        parts.append(_headline(case.latest))
    parts.append(_contents(case.evidence, cited))
    readers = _readers(case.evidence)
    parts += [_section(item, cited.get(item.id, ()), readers.get(item.id, ())) for item in case.evidence]
    return "\n\n".join(part for part in parts if part) + "\n"


def _headline(diagnosis: Diagnosis) -> str:
    """The latest first sentence, and where each number in it and in the fix, the reasons and the notes comes from."""
    figures = [
        (_code(f.text, TEXT), _link(f.evidence) if f.evidence else "the diagnosis itself", _code(f.selector, TEXT))
        for f in diagnosis.figures
    ]
    text = f"## Where its numbers come from\n\n> {escaping.prose(diagnosis.headline)}"
    return f"{text}\n\n{_table(('figure', 'from', 'read by'), figures)}" if figures else text


def _contents(evidence: Sequence[Evidence], cited: dict[EvidenceId, tuple[Citation, ...]]) -> str:
    rows = [
        (_link(e.id), escaping.markdown(e.question, TEXT), _code(e.source), _answer(e), str(len(cited.get(e.id, ()))))
        for e in evidence
    ]
    listed = _table(("id", "question", "source", "answer", "cited"), rows) if rows else "Nothing was asked."
    return f"## What was asked\n\n{listed}"


def _readers(evidence: Iterable[Evidence]) -> dict[EvidenceId, tuple[EvidenceId, ...]]:
    """Which evidence was computed from each."""
    readers: dict[EvidenceId, tuple[EvidenceId, ...]] = {}
    for item in evidence:
        for of in item.reading.of if item.reading is not None else ():
            if of != item.id:
                readers[of] = (*readers.get(of, ()), item.id)
    return readers


def _section(item: Evidence, cited: Sequence[Citation], readers: Sequence[EvidenceId]) -> str:
    facts = [
        f"- **Source:** {_code(item.source)}",
        f"- **Window:** {_window(item.window)}",
        f"- **Answer:** {_answer(item)}",
    ]
    if item.link is not None:
        facts.append(f"- **Look there:** {escaping.address(item.link)}")
    if readers:
        facts.append(f"- **Also read by:** {', '.join(_link(reader) for reader in readers)}")
    head = [f"## {item.id}", escaping.markdown(item.question, TEXT), "\n".join(facts)]
    return "\n\n".join([*head, *_asked(item), *_rows(item), _citations(cited)])


def _asked(item: Evidence) -> Iterator[str]:
    """The exact query, then the analysis that made rows of the answer; computed evidence has only the second."""
    if item.asked is not None or item.reading is None:
        language = "sql" if item.query.lstrip().upper().startswith(("SELECT ", "WITH ")) else ""
        yield f"Asked:\n\n{escaping.code_block(item.query, language, QUERY)}"
    if item.reading is not None:
        of = ", ".join(_link(other) for other in item.reading.of) or "nothing else"
        name = _code(item.reading.name)
        what = f"Computed: {name} of {of}" if item.asked is None else f"Its answer was read as {name}"
        if item.reading.parameters == "{}":
            yield f"{what}."
        else:
            yield f"{what}, given:\n\n{escaping.code_block(item.reading.parameters, 'json', QUERY)}"


def _rows(item: Evidence) -> Iterator[str]:
    rows = item.rows
    if not rows.values:
        return
    values = [tuple(_cell(value) for value in row[:COLUMNS]) for row in rows.values[:ROWS]]
    shown = f"{len(values)} of {rows.total:,} rows" if len(values) < rows.total else "All rows"
    more = f", {COLUMNS} of {len(rows.columns)} columns" if len(rows.columns) > COLUMNS else ""
    yield f"{shown}{more}:"
    yield _table([_code(name) for name in rows.columns[:COLUMNS]], values)


def _citations(cited: Sequence[Citation]) -> str:
    if not cited:
        return "Nothing cites it."
    rows = [
        (
            escaping.markdown(each.said, TEXT),
            escaping.markdown(each.where, TEXT),
            _code(each.selector, TEXT) if each.is_code else escaping.markdown(each.selector, TEXT),
            _code(each.expected, TEXT) if each.expected else "the figure itself",
        )
        for each in cited
    ]
    return f"Cited by:\n\n{_table(('what it says', 'where', 'read by', 'holds where that is'), rows)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _answer(item: Evidence) -> str:
    if item.status == "failed":
        return f"failed: {escaping.markdown(item.failure or '', TEXT)}"
    if item.status == "empty":
        return "nothing there"
    return f"{item.rows.total:,} row{'' if item.rows.total == 1 else 's'}"


def _window(window: Window) -> str:
    start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
    until = f"{end:%H:%M:%S}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    return f"{start:%Y-%m-%d %H:%M:%S} to {until} UTC"


def _cell(value: Scalar) -> str:
    if value is None or value == "":
        return "–"
    return escaping.markdown(value, CELL) if isinstance(value, str) else spelled(value)


def _code(text: str, limit: int = CELL) -> str:
    return escaping.code_span(text, limit) or "–"


def _link(evidence: EvidenceId) -> str:
    return f"[{evidence}](#{evidence})"
