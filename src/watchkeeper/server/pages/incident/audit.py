"""The audit trail: who did what, when and why."""

from watchkeeper.server.pages.incident.pieces import disclosure
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import section, table, tell


def draw(visit: Visit) -> None:
    """The deeds, the latest first."""
    trail = visit.page.trail
    with section("Audit trail", "trail"):
        if not trail:
            tell("Nobody has done anything about it yet.", "wk-muted")
            return
        rows = [(done.at, done.text, done.reason) for done in trail]
        if len(rows) > 5:
            disclosure(visit, "trail", f"{len(rows)} deeds", lambda: _table(rows))
        else:
            _table(rows)


def _table(rows: list[tuple[str, str, str]]) -> None:
    table("who did what, the latest first", ("when", "what", "why"), rows, "wk-trail")
