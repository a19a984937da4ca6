"""Who is affected: people, services and endpoints, the portions that carry the trouble."""

from collections.abc import Sequence

from watchkeeper.server.pages.incident.pieces import cite
from watchkeeper.server.pages.incident.view.affected import Row
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import box, named, section, tell

_FIGURES = ("requests", "failed", "p95", "usually")


def draw(visit: Visit) -> None:
    """Nothing where nobody is known to be affected."""
    impact = visit.page.impact
    if not (impact.services or impact.portions or impact.users):
        return
    with section("Who is affected", "affected"), box("wk-stack"):
        if impact.users:
            with box():
                tell(impact.users, tag="span")
                if impact.users_evidence:
                    cite(impact.users_evidence, visit.page.proof.known)
        _table(visit, "services and endpoints", ("service", "endpoint"), impact.services)
        _table(visit, "what carries the trouble", ("service", "portion"), impact.portions)
        if impact.left_out:
            tell(f"{impact.left_out} more rows are in the case", "wk-small wk-muted")


def _table(visit: Visit, caption: str, names: tuple[str, str], rows: Sequence[Row]) -> None:
    if not rows:
        return
    with named(box("wk-table wk-impact"), role="region", aria_label=caption, tabindex="0"), box(tag="table"):
        tell(caption, "wk-unseen", "caption")
        with box(tag="thead"), box(tag="tr"):
            for column in (*names, *_FIGURES, ""):
                named(tell(column, tag="th"), scope="col")
        with box(tag="tbody"):
            for row in rows:
                _row(visit, row)


def _row(visit: Visit, row: Row) -> None:
    with box(tag="tr"):
        named(tell(row.name, "wk-strong", "th"), scope="row")
        tell(row.detail, "wk-detail", "td")
        for text in (row.requests, row.failed, row.p95, row.usual_p95):
            tell(text, tag="td")
        with box(tag="td"):
            if row.evidence:
                cite(row.evidence, visit.page.proof.known)
