"""Windows that somebody asks about, read strictly: ISO 8601 with a zone, not too long, not in the future."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.domain import Window
from watchkeeper.errors import QueryRejected

LONGEST, SHORTEST = timedelta(hours=24), timedelta(seconds=5)
AFTER = timedelta(hours=1)
"""How long after the incident's window may be asked about."""


@dataclass(frozen=True)
class Span:
    """The stretches of time that an investigation is about."""

    usual: Window
    incident: Window
    until: datetime | None = None
    """Nothing after this moment may be known; None: whatever is there."""

    def asked(self, start: str = "", end: str = "") -> Window:
        """The window that two texts name, the incident's where they are empty; raises QueryRejected saying why not."""
        if not start and not end:
            return self.incident
        begin = _time("start", start) if start else self.incident.start
        finish = _time("end", end) if end else self.incident.end
        if finish <= begin:
            raise QueryRejected(f"the window ends at {finish.isoformat()}, before it begins at {begin.isoformat()}")
        if finish - begin > LONGEST:
            raise QueryRejected("the window is longer than 24 h: ask about a shorter one")
        latest = self.incident.end + AFTER if self.until is None else min(self.until, self.incident.end + AFTER)
        if finish > self.incident.end + AFTER or begin >= latest:
            raise QueryRejected(f"nothing is known after {latest.isoformat()}: ask about an earlier window")
        finish = min(finish, latest)
        if finish - begin < SHORTEST:
            raise QueryRejected("the window is shorter than 5 s: ask about a longer one")
        return Window(start=begin, end=finish)

    def before(self, window: Window) -> Window:
        """What a window is compared with: the usual stretch, or as long a stretch before it where that is later."""
        if self.usual.end <= window.start:
            return self.usual
        return Window.before(window.start, self.usual.duration.total_seconds())

    def earlier(self, hours_ago: float | None, start: str, end: str) -> Window:
        """An earlier window to compare the incident with; raises QueryRejected where it is none, or not earlier."""
        if (hours_ago is None) == (not start):
            raise QueryRejected("give either hours_ago, or start and end of the earlier window")
        if hours_ago is None:
            then = self.asked(start, end or start)
        else:
            shift = timedelta(hours=hours_ago)
            then = Window(start=self.incident.start - shift, end=self.incident.end - shift)
        if then.end > self.incident.start:
            raise QueryRejected(f"the earlier window must end before {self.incident.start.isoformat()}")
        return then


def hull(*windows: Window) -> Window:
    """The shortest window that holds all of them."""
    return Window(start=min(w.start for w in windows), end=max(w.end for w in windows))


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise QueryRejected(f"{name} is {text[:40]!r}: expected ISO 8601 with a zone, such as 2026-05-04T14:00:00Z")
    return time
