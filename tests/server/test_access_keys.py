"""Tokens held in memory: how often the records are asked, and what counts while they cannot be."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from made_access import MadeKeys
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.server.access_keys import AGAIN_SECONDS, FRESH_SECONDS, TRUSTED_SECONDS, KeyRing

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Clock:
    """A time that passes when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


def asked(keys: MadeKeys, story: Callable[[KeyRing, Clock], Coroutine[None, None, None]]) -> None:
    """A story about a ring over these tokens."""
    clock = Clock()
    ring = KeyRing(keys, clock.now, clock.monotonic)
    with capture_logs():
        asyncio.run(story(ring, clock))
    ring.close()


@pytest.fixture
def keys() -> MadeKeys:
    return MadeKeys()


def test_a_known_token_is_looked_up_once_a_second(keys: MadeKeys) -> None:
    token = keys.create("ada", "read")

    async def story(ring: KeyRing, clock: Clock) -> None:
        for _ in range(50):
            assert await ring.token(token) is not None
        assert keys.looks == 1
        clock.seconds += FRESH_SECONDS
        await ring.token(token)
        assert keys.looks == 2

    asked(keys, story)
    assert set(keys.used) == {keys.held["ada"].digest}


def test_a_token_that_was_revoked_opens_nothing_after_a_second(keys: MadeKeys) -> None:
    token = keys.create("ada", "read")

    async def story(ring: KeyRing, clock: Clock) -> None:
        assert await ring.token(token) is not None
        keys.revoke("ada")
        clock.seconds += FRESH_SECONDS
        assert await ring.token(token) is None

    asked(keys, story)


def test_a_new_token_is_found_though_others_are_held(keys: MadeKeys) -> None:
    old = keys.create("old", "read")

    async def story(ring: KeyRing, clock: Clock) -> None:
        await ring.token(old)
        clock.seconds += AGAIN_SECONDS
        assert await ring.token(keys.create("new", "read")) is not None

    asked(keys, story)


def test_guesses_do_not_reach_the_records_one_by_one(keys: MadeKeys) -> None:
    async def story(ring: KeyRing, clock: Clock) -> None:
        for number in range(500):
            assert await ring.token(f"wk_{number:043d}") is None
            assert await ring.token("x" * number) is None

    asked(keys, story)
    assert keys.looks == 1


def test_a_token_ends_at_its_time_whatever_is_held(keys: MadeKeys) -> None:
    token = keys.create("ada", "read", ends_at=NOON + timedelta(seconds=0.5))

    async def story(ring: KeyRing, clock: Clock) -> None:
        assert await ring.token(token) is not None
        clock.seconds += 0.5
        assert await ring.token(token) is None

    asked(keys, story)


def test_while_the_records_cannot_be_read_what_was_known_counts_for_an_hour(keys: MadeKeys) -> None:
    token = keys.create("ada", "ingest")

    async def story(ring: KeyRing, clock: Clock) -> None:
        assert await ring.token(token) is not None
        keys.broken = "the disk is gone"
        clock.seconds += TRUSTED_SECONDS - 1
        assert await ring.token(token) is not None
        clock.seconds += 2
        with pytest.raises(RecordsUnavailable, match="tokens cannot be checked"):
            await ring.token(token)

    asked(keys, story)


def test_where_nothing_was_ever_known_nobody_gets_in(keys: MadeKeys) -> None:
    token = keys.create("ada", "ingest")
    keys.broken = "the disk is gone"

    async def story(ring: KeyRing, clock: Clock) -> None:
        with pytest.raises(RecordsUnavailable):
            await ring.token(token)

    asked(keys, story)
