"""How the page writes times, shares, figures and the words of others: short, plain, in UTC."""

import re
from datetime import UTC, datetime

from watchkeeper.domain import FaultKind, Scalar, Severity
from watchkeeper.drafts.escaping import plain, plain_block
from watchkeeper.redaction import redact

LINE, NAME, BLOCK = 600, 120, 40_000
"""Characters of a sentence, of a name, of a text of several lines."""

FAULTS: dict[FaultKind, str] = {
    "errors": "requests fail in it",
    "latency": "it became slow",
    "bad-change": "a change broke it",
    "crash": "it crashes and is started again",
    "pool-exhaustion": "it runs out of connections",
    "slow-dependency": "it waits for what it calls",
    "cpu": "it is short of CPU",
    "memory": "its memory keeps growing",
    "silence": "it stopped reporting",
    "surge": "it gets more requests than usual",
    "unknown": "what is wrong with it is not known",
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
SEVERITIES: dict[Severity, str] = {"P1": "critical", "P2": "major", "P3": "minor", "P4": "trend"}


def line(text: str | None, limit: int = LINE) -> str:
    """A text of somebody else's on one line, harmless and bounded."""
    return plain(text or "", limit)


def foreign(text: str | None, limit: int = LINE) -> str:
    """The same of a text that nobody has redacted yet, such as an alert's."""
    return redact(line(text, limit))


def block(text: str | None, limit: int = BLOCK) -> str:
    """A text of several lines, harmless and bounded."""
    return plain_block(text or "", limit)


def clock(time: datetime) -> str:
    """The time of the day, `12:44:35`."""
    return time.astimezone(UTC).strftime("%H:%M:%S")


def moment(time: datetime) -> str:
    """A time with its date, `2026-11-21 12:44:35 UTC`."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def stretch(start: datetime, end: datetime) -> str:
    """From when to when, the date once where it is the same."""
    same = start.astimezone(UTC).date() == end.astimezone(UTC).date()
    return f"{moment(start)[:19]} – {clock(end) if same else moment(end)[:19]} UTC"


def lasted(seconds: float) -> str:
    """A duration in the two units that matter, such as `1 min 25 s`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"


def share(part: float) -> str:
    """A share of one as percent: `76 %`, `0.4 %`."""
    percent = 100 * part
    return f"{percent:.0f} %" if percent == 0 or percent >= 10 else f"{percent:.1f} %"


def milliseconds(value: float | None) -> str:
    """A duration as people read it, or a dash."""
    if value is None:
        return "–"
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def counted(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def time_of(value: Scalar) -> datetime | None:
    """A value of a row as a time, where it is one: rows that were kept have their times as text."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value[:40]):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def cell(value: Scalar) -> str:
    """One value of a row."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    time = time_of(value)
    if time is not None:
        return clock(time)
    if isinstance(value, datetime):
        return clock(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else line(value, 300)
