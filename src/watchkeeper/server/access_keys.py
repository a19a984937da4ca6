"""Whose token that is: the valid ones are held in memory for a second, so that guessing costs the records nothing."""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol, TypeVar, get_args

import structlog

from watchkeeper.errors import RecordsUnavailable
from watchkeeper.server.callers import Caller, Scope

FRESH_SECONDS = 1.0
"""A token that was revoked opens nothing any more after so long."""
AGAIN_SECONDS = 0.1
"""A token that is not known is looked for in the records if that was not done so recently."""
PATIENCE_SECONDS = 2.0
"""So long a request waits for the records; then what was known last counts."""
TRUSTED_SECONDS = 3600.0
"""For so long what was known last counts while the records cannot be read: telemetry is not lost with them."""
_FORM = re.compile(r"wk_[A-Za-z0-9_-]{43}")

T = TypeVar("T")
_log = structlog.get_logger()


class HeldToken(Protocol):
    """What is known of a token."""

    @property
    def name(self) -> str:
        """Whose it is."""

    @property
    def digest(self) -> str:
        """SHA-256 of its text, in hexadecimal digits."""

    @property
    def scopes(self) -> frozenset[str]:
        """What it is good for."""

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything at that time."""


class Keys(Protocol):
    """Where tokens are kept, `records.tokens.Tokens`; every method blocks, and may raise RecordsUnavailable."""

    def valid(self) -> Sequence[HeldToken]:
        """Every token that opens something."""

    def note_used(self, digests: Iterable[str]) -> None:
        """Keep that these were used just now."""

    def note_sign_in(self, name: str) -> None:
        """Keep that somebody signed in."""


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class KeyRing:
    """The valid tokens by their digest, read anew from the records when they are asked for and that is a second ago."""

    def __init__(
        self,
        keys: Keys,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        fresh_seconds: float = FRESH_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        self._keys, self._clock, self._monotonic = keys, clock, monotonic
        self._fresh_seconds, self._again_seconds = fresh_seconds, again_seconds
        self._workers = ThreadPoolExecutor(1, "watchkeeper-access")
        self._held: Mapping[str, HeldToken] = {}
        self._read_at = self._tried_at = self._begun_at = float("-inf")
        self._used: set[str] = set()
        self._reading: asyncio.Future[Mapping[str, HeldToken]] | None = None

    async def token(self, text: str) -> HeldToken | None:
        """What is known of a token, if it is one and holds; raises RecordsUnavailable where that cannot be told."""
        if not _FORM.fullmatch(text):
            return None
        return await self.by_digest(hashlib.sha256(text.encode("ascii")).hexdigest())

    async def by_digest(self, digest: str) -> HeldToken | None:
        """The same, of a token whose digest is known from a session."""
        if self._age(self._tried_at) >= self._fresh_seconds:
            await self._read()
        if digest not in self._held and self._age(self._tried_at) >= self._again_seconds:
            await self._read()
        if self._age(self._read_at) > TRUSTED_SECONDS:
            raise RecordsUnavailable("tokens cannot be checked: the records cannot be read")
        held = self._held.get(digest)
        if held is None or not held.is_valid(self._clock()):
            return None
        self._used.add(digest)
        return held

    def note_sign_in(self, name: str) -> None:
        """Have it kept, in time, that somebody signed in."""
        self._workers.submit(_tolerated, self._keys.note_sign_in, name)

    def close(self) -> None:
        """Let go of its thread."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _age(self, since: float) -> float:
        return self._monotonic() - since

    async def _read(self) -> None:
        """Read once for all who wait for it, and for nobody longer than they have patience."""
        if self._reading is None:
            used, self._used = self._used, set()
            self._begun_at = self._monotonic()
            self._reading = asyncio.get_running_loop().run_in_executor(self._workers, self._looked_up, used)
            self._reading.add_done_callback(self._done)
        left = PATIENCE_SECONDS - self._age(self._begun_at)
        await asyncio.wait({self._reading}, timeout=max(left, 0.0))

    def _looked_up(self, used: set[str]) -> Mapping[str, HeldToken]:
        held = {token.digest: token for token in self._keys.valid()}
        if used:
            _tolerated(self._keys.note_used, used)
        return held

    def _done(self, reading: "asyncio.Future[Mapping[str, HeldToken]]") -> None:
        self._reading = None
        self._tried_at = self._monotonic()
        if reading.cancelled():
            return
        error = reading.exception()
        if error is None:
            self._held, self._read_at = reading.result(), self._tried_at
        else:
            _log.error("tokens could not be read; those known last count", reason=str(error))


def _tolerated(work: Callable[[T], None], what: T) -> None:
    """Do what may be left undone: a trail that cannot be written does not shut people out."""
    try:
        work(what)
    except RecordsUnavailable as error:
        _log.error("the use of a token could not be kept", reason=str(error))


def caller_of(token: HeldToken) -> Caller:
    """Whoever showed it; scopes of a newer version open nothing here."""
    return Caller(name=token.name, scopes=frozenset(scope for scope in get_args(Scope) if scope in token.scopes))
