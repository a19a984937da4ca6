"""How a value is written for people: one style for each sort of number, time, name and text."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from watchkeeper.domain import Scalar
from watchkeeper.drafts import escaping

Style = Literal[
    "count",
    "number",
    "percent",
    "share",
    "milliseconds",
    "duration",
    "minutes",
    "days",
    "money",
    "moment",
    "minute",
    "clock",
    "date",
    "word",
    "name",
    "sentence",
    "address",
    "query",
    "command",
]
"""What sort of value it is; `share` is of 1, `percent` of 100, `duration` is in seconds."""

TIMES: set[Style] = {"moment", "minute", "clock", "date"}
NUMBERS = TIMES | {"count", "number", "percent", "share", "milliseconds", "duration", "minutes", "days", "money"}
"""The styles of figures and times; the others are names, or text that was filled where it was made."""


@dataclass(frozen=True)
class Written:
    """One value as Markdown and as plain text."""

    markdown: str
    plain: str


def write(value: Scalar, style: Style, unit: str = "", withheld: Sequence[str] = ()) -> Written:
    """The value in that style; `withheld` are names of people that free text must not show."""
    if isinstance(value, datetime):
        text = _CLOCKS[style](value.astimezone(UTC))
        return Written(text, text)
    if style in _FIGURES:
        # A figure's style is chosen where the figure's type is known.
        text = _FIGURES[style](float(value))  # type: ignore[arg-type]
        text = f"{text} {unit}" if unit else text
        return Written(text, text)
    return _text(str(value), style, withheld)


def _text(text: str, style: Style, withheld: Sequence[str]) -> Written:
    if style == "name":
        return Written(escaping.code_span(text, 300), escaping.plain(text, 300))
    for name in withheld:
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "(name withheld)", text, flags=re.IGNORECASE)
    if style == "address":
        return Written(escaping.address(text), escaping.plain(text))
    if style in ("query", "command"):
        return Written(escaping.code_block(text, "sh" if style == "command" else ""), escaping.plain_block(text))
    return Written(escaping.prose(text), escaping.plain(text))


def in_sum(value: Scalar, style: Style, unit: str = "", *, is_one_day: bool = False) -> str:
    """The value as it stands inside a sum: durations in seconds, times without a date that all of them share."""
    if isinstance(value, datetime):
        return write(value, "clock" if is_one_day else "moment").plain
    if style == "duration":
        return f"{_rounded(float(value or 0.0))} s"
    return write(value, style, unit).plain


def _rounded(value: float) -> str:
    """As many decimals as help: none from 1000 on, one from 1 on, else two digits that count."""
    if value == int(value):
        return f"{value:,.0f}"
    size = abs(value)
    places = 0 if size >= 1000 else 1 if size >= 1 else 2 if size >= 0.1 else 3
    text = f"{value:,.{places}f}"
    return "under 0.001" if float(text.replace(",", "")) == 0 else text


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if 10 <= value < 10_000 else f"{value:.1f} ms" if value < 10 else f"{value / 1000:,.1f} s"


def _duration(seconds: float) -> str:
    """Tenths only where there are few of the unit: nobody acts on half a second of a minute."""
    size, unit = (1, "s") if abs(seconds) < 120 else (60, "min") if abs(seconds) < 7200 else (3600, "h")
    count = seconds / size
    return f"{_rounded(round(count, 1 if abs(count) < 10 else None))} {unit}"


_FIGURES: dict[str, Callable[[float], str]] = {
    "count": lambda v: f"{v:,.0f}",
    "number": _rounded,
    "percent": lambda v: f"{_rounded(round(v, 1) if abs(v) >= 1 else v)}%",
    "share": lambda v: f"{100 * v:.0f}%",
    "milliseconds": _milliseconds,
    "duration": _duration,
    "minutes": lambda v: f"{_rounded(v)} min",
    "days": lambda v: f"{_rounded(v)} days",
    "money": lambda v: f"{v:,.2f}",
}

_CLOCKS: dict[str, Callable[[datetime], str]] = {
    "moment": lambda t: f"{t:%Y-%m-%d %H:%M:%S} UTC",
    "minute": lambda t: f"{t:%Y-%m-%d %H:%M} UTC",
    "clock": lambda t: f"{t:%H:%M:%S} UTC",
    "date": lambda t: f"{t:%Y-%m-%d}",
}
