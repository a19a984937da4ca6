"""What happened when, in one list."""

from watchkeeper.server.pages.incident.view.course import Moment
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import box, named, section, tell

_MARKS = {
    "change": "◆",
    "onset": "▲",
    "signal": "●",
    "alert": "●",
    "diagnosis": "◉",
    "delivery": "→",
    "verdict": "✓",
    "deed": "·",
}


def draw(visit: Visit) -> None:
    """The course of the incident."""
    with section("What happened when", "timeline"):
        for day in visit.page.course:
            tell(f"{day.date}, UTC", "wk-h3 wk-day", "h3")
            with box("wk-course", "ol"):
                for moment in day.moments:
                    _moment(moment)


def _moment(moment: Moment) -> None:
    with box(f"wk-moment wk-moment-{moment.kind}{' wk-moment-cause' if moment.is_cause else ''}", "li"):
        named(tell(moment.clock, "wk-time wk-mono", "time"), datetime=moment.at.isoformat())
        named(tell(_MARKS[moment.kind], "wk-moment-mark", "span"), aria_hidden="true")
        with box("wk-moment-text"):
            tell(f"{moment.text} – blamed" if moment.is_cause else moment.text)
            for text in moment.detail:
                tell(text, "wk-small wk-muted")
