"""Times as people type them, relative to a moment handed in: `since noon`, `in the last 20 minutes`, `at 3pm`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from watchkeeper.domain import Window

EARLIEST_YEAR, LATEST_YEAR = 1990, 2100
LONGEST = timedelta(days=366)
"""How far back an amount such as `900 days ago` reaches at most; beyond it is no time that anybody means."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NUMBERS = {
    "a": 1.0, "an": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "ten": 10.0,
    "fifteen": 15.0, "twenty": 20.0, "thirty": 30.0, "couple": 2.0, "few": 3.0, "half": 0.5,
}  # fmt: skip
_AMOUNT = (
    r"(?:(?P<n>\d{1,5}(?:\.\d)?|half an?|half|a couple of|couple of|a few|few|an?|one|two|three|four|five|six|ten"
    r"|fifteen|twenty|thirty)\s?)?(?P<unit>seconds?|secs?|s|minutes?|mins?|min|m|hours?|hrs?|h|days?|d|weeks?|w)\b"
)
_ZONE = r"(?P<zone>z|utc|gmt|[+-]\d{2}:?\d{2})?"
_CLOCK = rf"(?:(?P<hour>\d{{1,2}})(?::(?P<minute>\d{{2}}))?(?::(?P<second>\d{{2}}))?\s?(?P<half>am|pm)?\s?{_ZONE})"
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = rf"(?P<day>today|yesterday|\d{{4}}-\d{{2}}-\d{{2}}|{'|'.join(_DAYS)})"
_PARTS = {"noon": time(12), "midday": time(12), "midnight": time(0)}
_WORD = rf"(?P<word>{'|'.join(_PARTS)})"
_STRETCHES = {
    "this morning": (0, time(6), time(12)),
    "this afternoon": (0, time(12), time(18)),
    "this evening": (0, time(18), time(23, 59)),
    "tonight": (0, time(18), time(23, 59)),
    "last night": (1, time(18), time(23, 59)),
}


@dataclass(frozen=True)
class Told:
    """What a text says about time."""

    since: datetime | None = None
    until: datetime | None = None
    rest: str = ""
    """The text without what was understood as a time."""
    is_wrong: bool = False
    """Whether something was meant for a time and is none, such as `25:90`."""


@dataclass(frozen=True)
class _Clock:
    """Now, and the zone in which times without one are meant."""

    now: datetime
    zone: tzinfo


def told_times(text: str, now: datetime, zone: tzinfo = UTC) -> Told:
    """The stretch that a text speaks of, in UTC; the first that it names counts. Never raises."""
    text = _SINCE_AMOUNT.sub(r"in the last \1", text)
    low, clock = text.lower(), _Clock(now.astimezone(zone), zone)
    if (foreign := _OTHER_ZONE.search(text)) is not None:
        return Told(rest=_without(text, foreign), is_wrong=True)
    for pattern, read in _GRAMMAR:
        for match in pattern.finditer(low):
            try:
                found = read(match, clock)
            except (ValueError, OverflowError):
                return Told(rest=_without(text, match), is_wrong=True)
            if found is None:
                continue
            since, until = (t.astimezone(UTC) if t is not None else None for t in found)
            if since is not None and until is not None and until <= since:
                return Told(rest=_without(text, match), is_wrong=True)
            return Told(since, until, _without(text, match))
    meant = _NO_TIME.search(low)
    return Told(rest=text) if meant is None else Told(rest=_without(text, meant), is_wrong=True)


def earlier_stretch(text: str, window: Window, now: datetime, zone: tzinfo = UTC) -> tuple[Window | None, str]:
    """What `compare … with <text>` names, as long as the window that is compared, and the text without it.

    `yesterday` and `an hour ago` are the same stretch earlier by that much; a clock time is where it ends.
    """
    low, shift = text.lower(), None
    match = re.search(rf"{_AMOUNT}\s(?:ago|earlier|before)\b", low)
    if match is not None:
        shift = _amount(match)
    elif (match := re.search(r"\b(?:this time |the same time )?yesterday(?:'s)?\b(?!\sat\b)", low)) is not None:
        shift = timedelta(days=1)
    elif (match := re.search(r"\b(?:last|a|the previous) (?P<what>week|day|hour|month)(?:'s)?\b", low)) is not None:
        shift = {"week": 7, "day": 1, "month": 28}.get(match["what"], 0) * timedelta(days=1) or timedelta(hours=1)
    elif (match := re.search(r"\b(?:before|earlier|previously|usual|normal(?:ly)?)\b", low)) is not None:
        shift = window.duration
    if shift is not None and match is not None and timedelta(0) < shift <= LONGEST:
        rest = _without(text, match)
        return Window(start=window.start - shift, end=window.end - shift), rest
    told = told_times(text, now, zone)
    if told.since is None and told.until is None:
        return None, text
    end = told.until or (told.since or now) + window.duration
    start = told.since if told.since is not None and told.until is not None else end - window.duration
    return Window(start=start, end=end), told.rest


def _without(text: str, match: "re.Match[str]") -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


Found = tuple[datetime | None, datetime | None]
Read = Callable[["re.Match[str]", _Clock], Found | None]


def _amount(match: "re.Match[str]") -> timedelta:
    words = [word for word in (match["n"] or "one").split() if word not in ("of", "an", "a")] or ["one"]
    number = _NUMBERS[words[0]] if words[0] in _NUMBERS else float(words[0])
    return timedelta(seconds=number * _UNITS[match["unit"][0]])


def _last(match: "re.Match[str]", clock: _Clock) -> Found:
    length = _amount(match)
    if not timedelta(0) < length <= LONGEST:
        raise ValueError("expected an amount of time")
    return clock.now - length, None


def _ago(match: "re.Match[str]", clock: _Clock) -> Found:
    begin, _ = _last(match, clock)
    return (begin, None) if match["from"] else (None, begin)


def _stretch(match: "re.Match[str]", clock: _Clock) -> Found:
    days, start, end = _STRETCHES[match["stretch"]]
    day = clock.now.date() - timedelta(days=days)
    begin = _on(day, start, clock)
    return begin, (None if days == 0 else _on(day, end, clock) + timedelta(hours=6, minutes=1))


def _between(match: "re.Match[str]", clock: _Clock) -> Found:
    first, second = (re.fullmatch(_CLOCK, match[name].strip()) for name in ("first", "second"))
    if first is None or second is None:
        raise ValueError("expected two times of the day")
    begin, end = _at(first, clock), _at(second, clock)
    return begin, end + timedelta(days=1) if end <= begin else end


def _iso(match: "re.Match[str]", clock: _Clock) -> Found:
    found = datetime.fromisoformat(match["iso"].strip().replace(" ", "T", 1).upper())
    if not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise ValueError("expected a year that telemetry can be of")
    time_ = found if found.tzinfo is not None else found.replace(tzinfo=clock.zone)
    return (time_, None) if _is_begin(match["how"]) else (None, time_)


def _day(match: "re.Match[str]", clock: _Clock) -> Found:
    begin = _on(_date(match["day"], clock), time(0), clock)
    if _is_begin(match["how"]):
        return begin, None
    return begin, None if match["day"] == "today" else begin + timedelta(days=1)


def _moment(match: "re.Match[str]", clock: _Clock) -> Found | None:
    if match["word"] is None and not (match["how"] or match["minute"] or match["half"]):
        # A number by itself is no time of the day.
        return None
    found = _at(match, clock)
    return (found, None) if _is_begin(match["how"]) else (None, found)


def _is_begin(how: str | None) -> bool:
    return how is not None and how.strip() in ("since", "from", "after", "started at", "starting at", "starting")


def _at(match: "re.Match[str]", clock: _Clock) -> datetime:
    """The last time before now (on the day that is named, if one is) when clocks showed that."""
    groups = match.groupdict()
    zone = _zone(groups["zone"], clock) if "zone" in groups else clock.zone
    moment = _PARTS[groups["word"]] if groups.get("word") else _time(match)
    now = clock.now.astimezone(zone)
    day = groups.get("day")
    if day:
        return datetime.combine(_date(day, clock), moment, zone)
    found = datetime.combine(now.date(), moment, zone)
    return found if found <= now else found - timedelta(days=1)


def _time(match: "re.Match[str]") -> time:
    hour, half = int(match["hour"]), match["half"]
    if half and not 1 <= hour <= 12:
        raise ValueError("expected an hour from one to twelve")
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(0 if hour == 24 else hour, int(match["minute"] or 0), int(match["second"] or 0))


def _zone(text: str | None, clock: _Clock) -> tzinfo:
    if not text:
        return clock.zone
    if text in ("z", "utc", "gmt"):
        return UTC
    offset = datetime.strptime(text.replace(":", ""), "%z").tzinfo
    assert offset is not None, "%z always yields a zone"
    return offset


def _date(word: str, clock: _Clock) -> date:
    today = clock.now.date()
    if word in _DAYS:
        return today - timedelta(days=(today.weekday() - _DAYS.index(word)) % 7)
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    return date.fromisoformat(word)


def _on(day: date, moment: time, clock: _Clock) -> datetime:
    return datetime.combine(day, moment, clock.zone)


_OTHER_ZONE = re.compile(r"(?<=\d)\s?(?:[ap]m\s?)?\b(?:[A-Z]{1,3}[SDE]?T|CEST|PT|ET|CT)\b(?!:)")
"""A zone by its letters, which mean other hours in other places: only UTC, GMT, Z and offsets are understood."""
_SINCE_AMOUNT = re.compile(
    r"\b[Ss]ince\s(?:the last\s)?(\d{1,5}\s?(?:seconds?|secs?|minutes?|mins?|min|hours?|hrs?|days?|weeks?))\b(?!\sago)"
)
_NO_TIME = re.compile(r"\b(?:since|until|till)\s\d[\w.:-]*|\ba (?:while|moment|bit) ago\b|\brecently\b")
"""What is meant for a time, and is none that is understood."""
_HOW = r"(?P<how>since|from|after|starting at|started at|starting|at|around|about|until|till|before|by|on)?\s?"
_GRAMMAR: tuple[tuple["re.Pattern[str]", Read], ...] = (
    (re.compile(rf"\b{_HOW}(?P<iso>\d{{4}}-\d{{2}}-\d{{2}}[t ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d{{1,6}})?)?"
                r"(?:z|[+-]\d{2}:?\d{2})?)(?![\d:])"), _iso),
    (re.compile(r"\b(?:between|from)\s(?P<first>\d{1,2}(?::\d{2})?(?::\d{2})?\s?(?:am|pm)?(?:\s?(?:utc|z))?)\s"
                r"(?:and|to|until|till)\s(?P<second>\d{1,2}(?::\d{2})?(?::\d{2})?\s?(?:am|pm)?(?:\s?(?:utc|z))?)"
                r"(?!\d)"), _between),
    (re.compile(rf"\b(?:in |for |over |during |within )?(?:the )?(?:last|past)\s{_AMOUNT}"), _last),
    (re.compile(rf"\b(?P<from>since |from )?(?:about |around )?{_AMOUNT}\sago\b"), _ago),
    (re.compile(rf"\b(?:since |in |from )?(?P<stretch>{'|'.join(_STRETCHES)})\b"), _stretch),
    (re.compile(rf"\b{_HOW}{_DAY}(?:'s)?(?:\sat)?\s(?:{_WORD}|{_CLOCK})(?![\d:])"), _moment),
    (re.compile(rf"\b{_HOW}(?:{_WORD}|{_CLOCK})\s(?:on\s)?{_DAY}\b"), _moment),
    (re.compile(rf"\b{_HOW}{_DAY}\b"), _day),
    (re.compile(rf"\b{_HOW}(?:{_WORD}\b|{_CLOCK}(?![\w:.]))"), _moment),
)  # fmt: skip
"""What is tried in this order; the first that fits is the time."""
