"""Times as they are typed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from watchkeeper.chat.times import earlier_stretch, told_times
from watchkeeper.domain import Window

NOW = datetime(2026, 11, 21, 14, 10, tzinfo=UTC)
"""A Saturday."""


def at(hour: int, minute: int = 0, second: int = 0, day: int = 21) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("since noon", at(12), None),
        ("since midnight", at(0), None),
        ("since 14:05", at(14, 5), None),
        ("since 14:05:30", at(14, 5, 30), None),
        ("since 14:05 UTC", at(14, 5), None),
        ("since 15:05+02:00", at(13, 5), None),
        ("since 3 pm", at(15, day=20), None),
        ("at 3pm", None, at(15, day=20)),
        ("around 1 am", None, at(1)),
        ("at 14", None, at(14)),
        ("in the last 20 minutes", at(13, 50), None),
        ("in the last hour", at(13, 10), None),
        ("the past 2.5 hours", at(11, 40), None),
        ("last few minutes", at(14, 7), None),
        ("past couple of hours", at(12, 10), None),
        ("last half hour", at(13, 40), None),
        ("last 90s", at(14, 8, 30), None),
        ("20 minutes ago", None, at(13, 50)),
        ("half an hour ago", None, at(13, 40)),
        ("since an hour ago", at(13, 10), None),
        ("since 5 min", at(14, 5), None),
        ("yesterday", at(0, day=20), at(0)),
        ("since yesterday", at(0, day=20), None),
        ("yesterday at 3pm", None, at(15, day=20)),
        ("since 15:00 yesterday", at(15, day=20), None),
        ("today", at(0), None),
        ("since this morning", at(6), None),
        ("last night", at(18, day=20), at(6)),
        ("since monday", at(0, day=16), None),
        ("between 12:00 and 13:00", at(12), at(13)),
        ("from 9 to 10", at(9), at(10)),
        ("from 23:00 to 1:00", at(23, day=20), at(1)),
        ("2026-11-20", at(0, day=20), at(0)),
        ("since 2026-11-21T12:00:00Z", at(12), None),
        ("since 2026-11-21 12:00+01:00", at(11), None),
    ],
)
def test_a_time_is_read_relative_to_now(text: str, since: datetime | None, until: datetime | None) -> None:
    told = told_times(text, NOW)
    assert (told.since, told.until, told.is_wrong) == (since, until, False)


@pytest.mark.parametrize("text", ["", "hm", "show e12", "3 things", "payment at 12.5", "checkout v2", "in 5 minutes"])
def test_a_text_without_a_time_tells_none(text: str) -> None:
    told = told_times(text, NOW)
    assert (told.since, told.until, told.is_wrong, told.rest) == (None, None, False, text)


@pytest.mark.parametrize(
    "text",
    [
        *("at 25:90", "since 13pm", "since 2026-13-41T00:00Z", "since 9999-01-01T00:00Z", "last 99999 weeks"),
        *("since 12:40 CET", "at 7:45 EST", "since 1999", "since 12.44", "a while ago"),
    ],
)
def test_what_is_meant_for_a_time_and_is_none_is_told_apart(text: str) -> None:
    assert told_times(text, NOW).is_wrong


def test_times_without_a_zone_are_of_the_zone_that_is_handed_in() -> None:
    two_east = timezone(timedelta(hours=2))
    assert told_times("since noon", NOW, two_east).since == at(10)
    assert told_times("since noon", NOW, two_east).since.tzinfo is UTC  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("yesterday", at(13, 55, day=20), at(14, 10, day=20)),
        ("an hour ago", at(12, 55), at(13, 10)),
        ("2 days earlier", at(13, 55, day=19), at(14, 10, day=19)),
        ("last week", at(13, 55, day=14), at(14, 10, day=14)),
        ("before", at(13, 40), at(13, 55)),
        ("13:00", at(12, 45), at(13)),
        ("yesterday at 3pm", at(14, 45, day=20), at(15, day=20)),
    ],
)
def test_what_is_compared_with_is_as_long_and_earlier(text: str, start: datetime, end: datetime) -> None:
    found, _ = earlier_stretch(text, Window.before(NOW, 900), NOW)
    assert found == Window(start=start, end=end)


def test_no_earlier_stretch_is_made_up() -> None:
    assert earlier_stretch("with catalog", Window.before(NOW, 900), NOW) == (None, "with catalog")
