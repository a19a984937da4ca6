"""Tokens in memory, and servers behind a gate over them: what tests of access begin with."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from watchkeeper.errors import QueryRejected, RecordsUnavailable
from watchkeeper.server.access import TokenGate
from watchkeeper.server.access_keys import KeyRing
from watchkeeper.server.access_limits import Buckets
from watchkeeper.server.access_sessions import Sessions
from watchkeeper.telemetry.live import Batch

GARBAGE = f"wk_{'x' * 43}"
SESSION_KEY = b"a key of the tests' own, 32 bytes"


@dataclass(frozen=True)
class MadeToken:
    name: str
    digest: str
    scopes: frozenset[str]
    ends_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.ends_at is None or now < self.ends_at


class MadeKeys:
    """Tokens in a dictionary, that fail when told to."""

    def __init__(self) -> None:
        self.held: dict[str, MadeToken] = {}
        self.used: list[str] = []
        self.signed_in: list[str] = []
        self.looks = 0
        self.broken: str | None = None

    def create(self, name: str, *scopes: str, ends_at: datetime | None = None) -> str:
        text = f"wk_{secrets.token_urlsafe(32)}"
        self.held[name] = MadeToken(name, hashlib.sha256(text.encode()).hexdigest(), frozenset(scopes), ends_at)
        return text

    def revoke(self, name: str) -> None:
        del self.held[name]

    def valid(self) -> Sequence[MadeToken]:
        self.looks += 1
        if self.broken:
            raise RecordsUnavailable(self.broken)
        return [replace(token) for token in self.held.values()]

    def note_used(self, digests: Iterable[str]) -> None:
        self.used += digests

    def note_sign_in(self, name: str) -> None:
        self.signed_in.append(name)


class Silence:
    """Telemetry that nothing can be asked of."""

    def __getattr__(self, question: str) -> object:
        raise QueryRejected(f"nothing is known here: {question}")


class NoTelemetry:
    """A store that keeps nothing of what is sent."""

    def __init__(self) -> None:
        self.reader: Any = Silence()

    def submit(self, batch: Batch) -> "Future[None]":
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def retain(self, now: datetime) -> None: ...


def gate_over(keys: MadeKeys, *, per_second: float = 1e6, burst: int = 10**6, sign_ins: int = 10**6) -> TokenGate:
    """A gate that looks a token up each time that one is shown, so that revoking one works at once."""
    ring = KeyRing(keys, fresh_seconds=0, again_seconds=0)
    tries = Buckets(per_second=sign_ins / 60, burst=sign_ins)
    return TokenGate(ring, Sessions(SESSION_KEY, hours=12), Buckets(per_second, burst), tries)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
