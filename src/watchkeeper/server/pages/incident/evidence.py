"""The evidence: what the diagnosis cites as charts or rows, each with its query; gaps; what else was asked."""

from nicegui import ui

from watchkeeper.server.pages.incident.charts import options_of, spoken
from watchkeeper.server.pages.incident.pieces import copyable, disclosure, outward, unfold
from watchkeeper.server.pages.incident.view.charts import Comparison
from watchkeeper.server.pages.incident.view.evidence import Piece, Table
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import badge, box, named, section, tell

A_PAGE, NARROW = 10, 5
"""Rows that a table shows at once; columns that half the width has room for."""


def draw(visit: Visit) -> None:
    """Nothing where nothing was asked yet."""
    proof = visit.page.proof
    if not proof.known:
        return
    with section("What it rests on", "evidence"), box("wk-stack"):
        for piece in proof.failed:
            _gap(visit, piece)
        with box("wk-pieces"):
            for piece in proof.cited:
                _cited(visit, piece)
        if proof.other:
            count = len(proof.other)
            more = " more" if proof.cited else ""
            said = f"1{more} question that was asked" if count == 1 else f"{count}{more} questions that were asked"

            def fill() -> None:
                for piece in proof.other:
                    _folded(visit, piece)

            # What is inside is made at once, so that a link to it finds it; its rows are not.
            with box("wk-more-of wk-others", "details") as made:
                tell(said, "wk-summary", "summary")
                with box("wk-inside wk-stack"):
                    fill()
            made.on(
                "toggle",
                lambda event: visit.opened.add("others") if event.args is True else visit.opened.discard("others"),
                js_handler="(event) => event.target === event.currentTarget && emit(event.target.open)",
            )
            if "others" in visit.opened:
                made.props["open"] = True


def _gap(visit: Visit, piece: Piece) -> None:
    with named(box("wk-card wk-piece wk-edge wk-p3", "article"), id=piece.id):
        _title(piece)
        tell(f"Could not be asked: {piece.failure}", "wk-strong")
        _origin(visit, piece)


def _cited(visit: Visit, piece: Piece) -> None:
    is_wide = piece.chart is None and piece.table is not None and len(piece.table.columns) > NARROW
    with named(box(f"wk-card wk-piece{' wk-piece-wide' if is_wide else ''}", "article"), id=piece.id):
        _title(piece)
        for text in piece.says[:4]:
            tell(text, "wk-says")
        if piece.chart is not None:
            _chart(piece)
        _origin(visit, piece)


def _folded(visit: Visit, piece: Piece) -> None:
    with named(box("wk-more-of wk-piece", "details"), id=piece.id) as made:
        with box("wk-summary wk-row", "summary"):
            _named(piece)
        inside = box("wk-inside wk-stack")

    def fill() -> None:
        if piece.chart is not None:
            _chart(piece)
        _rows(piece)
        _source(piece)

    unfold(visit, made, inside, f"piece {piece.id}", fill)


def _title(piece: Piece) -> None:
    with box("wk-row wk-piece-title"):
        _named(piece)


def _named(piece: Piece) -> None:
    tell(piece.id, "wk-cite", "span")
    tell(piece.question, "wk-strong wk-question", "span")
    tone = {"failed": "wk-p3", "empty": "wk-neutral", "found": "wk-neutral"}[piece.status]
    badge(f"{piece.source}: {piece.status_word}", tone)


def _chart(piece: Piece) -> None:
    assert piece.chart is not None, "asked for a piece that has one"
    options, height = options_of(piece.chart)
    with named(box("wk-figure-box", "figure"), role="img", aria_label=spoken(piece.chart)):
        with box("wk-row wk-small wk-muted", "figcaption"):
            unit = f" in {piece.chart.unit}" if piece.chart.unit and piece.chart.unit != "%" else ""
            tell(f"{piece.chart.measure}{unit}", tag="span")
            if isinstance(piece.chart, Comparison) and piece.chart.is_before_known:
                for word, css in (("now", "wk-swatch-now"), ("before", "wk-swatch-before")):
                    with box("wk-fact", "span"):
                        box(f"wk-swatch {css}", "span")
                        tell(word, tag="span")
            if any(bar.is_cited for bar in getattr(piece.chart, "bars", ())):
                with box("wk-fact", "span"):
                    box("wk-swatch wk-swatch-cited", "span")
                    tell("what the finding is about", tag="span")
            if piece.table and piece.table.note and not isinstance(piece.chart, Comparison):
                tell(f"an excerpt: {piece.table.note}", tag="span")
        ui.echart(options, renderer="svg").classes("wk-chart wk-evidence-chart").style(f"height: {height}px")


def _origin(visit: Visit, piece: Piece) -> None:
    """Rows and query: the rows are open where there is no chart of them."""
    if piece.chart is None and piece.table is not None:
        _rows(piece)
    with box("wk-row wk-origin"):
        if piece.chart is not None and piece.table is not None:
            disclosure(visit, f"rows {piece.id}", "rows", lambda: _rows(piece), "wk-small")
        disclosure(visit, f"query {piece.id}", "query", lambda: _source(piece), "wk-small")


def _source(piece: Piece) -> None:
    with box("wk-row wk-small wk-muted"):
        tell(f"asked of {piece.source}, {piece.window}", tag="span")
        if piece.link:
            outward("open it there", piece.link)
    copyable(piece.query, f"the query of {piece.id}")


def _rows(piece: Piece) -> None:
    if piece.table is None:
        tell("Nothing was found: that is an answer too." if piece.status == "empty" else "", "wk-muted wk-small")
        return
    _table(piece.table, f"rows of {piece.id}")


def _table(table: Table, name: str) -> None:
    columns = [
        {"name": f"c{at}", "label": label, "field": f"c{at}", "align": "right" if table.numeric[at] else "left"}
        for at, label in enumerate(table.columns)
    ]
    rows = [{"key": place, **{f"c{at}": cell for at, cell in enumerate(row)}} for place, row in enumerate(table.rows)]
    made = ui.table(rows=rows, columns=columns, row_key="key", pagination=A_PAGE if len(rows) > A_PAGE else None)
    named(made, aria_label=name).props("flat dense").classes("wk-rows")
    if table.note:
        tell(f"{table.note} are kept with the case; ask again for all of them.", "wk-small wk-muted")
