"""The causes that were considered, ranked; what speaks for and against each; what did not hold."""

from watchkeeper.server.pages.incident.pieces import cite, disclosure
from watchkeeper.server.pages.incident.view.causes import Cause, Point
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import box, named, section, tell

FIRST = 1
"""So many causes are told in full; the others say why not, and more when they are opened."""


def draw(visit: Visit) -> None:
    """Nothing where no cause was considered."""
    causes = visit.page.causes
    if not (causes.ranked or causes.struck):
        return
    with section("Why", "why"), box("wk-causes"):
        for cause in causes.ranked:
            _cause(visit, cause)
        if causes.something_else is not None:
            with box("wk-cause wk-cause-rest"):
                _share(causes.something_else)
                tell("something else", "wk-muted")
        if causes.left_out:
            tell(f"{causes.left_out} more that are hardly likely", "wk-small wk-muted")
        for text in causes.explanation:
            tell(text, "wk-explained", "p")
        _struck(visit)


def _cause(visit: Visit, cause: Cause) -> None:
    with named(box("wk-cause", "article"), aria_label=f"cause {cause.rank}: {cause.component}"):
        _share(cause.probability)
        with box("wk-cause-body"):
            with box("wk-row wk-cause-head"):
                tell(cause.component, "wk-strong", "span")
                tell(cause.change or cause.fault, tag="span")
                if cause.change:
                    tell(cause.fault, "wk-muted", "span")
                if cause.onset:
                    tell(f"from {cause.onset}", "wk-small wk-muted", "span")
                if cause.by:
                    tell(cause.by, "wk-small wk-muted", "span")
            if cause.why_not:
                tell(f"Why not: {cause.why_not}", "wk-small")
            if cause.rank <= FIRST:
                _points(visit, cause)
            else:
                count = len(cause.points) + len(cause.against)
                disclosure(
                    visit, f"cause {cause.component}", f"{count} findings", lambda: _points(visit, cause), "wk-small"
                )


def _share(probability: float) -> None:
    with box("wk-share"):
        tell(f"{probability:.0%}", "wk-share-value")
        with named(box("wk-gauge"), aria_hidden="true"):
            box().style(f"width: {probability:.0%}")


def _points(visit: Visit, cause: Cause) -> None:
    with box("wk-points", "ul"):
        for point in cause.points:
            _point(visit, point, "+", "for")
        for point in cause.against:
            _point(visit, point, "−", "against")
    if cause.settled_by:
        tell(f"To settle it: {cause.settled_by}", "wk-small wk-muted")


def _point(visit: Visit, point: Point, sign: str, word: str) -> None:
    with box(f"wk-point wk-point-{word}", "li"):
        named(tell(sign, "wk-sign", "span"), title=f"speaks {word} it", aria_label=f"speaks {word} it:")
        with box(tag="span"):
            tell(point.text, tag="span")
            cite(point.evidence, visit.page.proof.known)


def _struck(visit: Visit) -> None:
    struck = visit.page.causes.struck
    if not struck:
        return

    def fill() -> None:
        with box("wk-points", "ul"):
            for each in struck:
                with box("wk-point", "li"):
                    tell("×", "wk-sign", "span")
                    with box(tag="span"):
                        tell(each.text, "wk-struck", "span")
                        tell(f" {each.because}", tag="span")
                        cite(each.evidence, visit.page.proof.known)

    said = "1 claim" if len(struck) == 1 else f"{len(struck)} claims"
    disclosure(visit, "struck", f"{said} did not hold when checked", fill, "wk-small")
