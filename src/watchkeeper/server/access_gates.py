"""Gates as servers need them: over the tokens in the records, or over one token that is handed in."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.server.access import TokenGate
from watchkeeper.server.access_keys import KeyRing, Keys
from watchkeeper.server.access_limits import Buckets
from watchkeeper.server.access_sessions import Sessions
from watchkeeper.settings import Access

KEY_BYTES = 32
SECONDS_A_MINUTE = 60


def gate_of(keys: Keys, session_key: bytes, limits: Access) -> TokenGate:
    """The gate of `watchkeeper serve`."""
    return TokenGate(
        KeyRing(keys),
        Sessions(session_key, limits.session_hours),
        Buckets(limits.requests_per_second, limits.burst),
        Buckets(limits.sign_ins_per_minute / SECONDS_A_MINUTE, limits.sign_ins_per_minute),
    )


def gate_for(token: str) -> TokenGate:
    """The gate of a private server: whoever shows that token may do everything, nobody else anything."""
    unlimited = Buckets(per_second=1e6, burst=10**6)
    sessions = Sessions(secrets.token_bytes(KEY_BYTES), hours=1)
    return TokenGate(KeyRing(_One(token)), sessions, unlimited, Buckets(per_second=1, burst=10))


def new_token() -> str:
    """A token that no records know, for `gate_for`."""
    return f"wk_{secrets.token_urlsafe(KEY_BYTES)}"


@dataclass(frozen=True)
class _Handed:
    """What is known of the one token."""

    digest: str
    name: str = "this process"
    scopes: frozenset[str] = frozenset(("admin",))

    def is_valid(self, now: datetime) -> bool:
        return True


class _One:
    """One token that always holds, and of whose use nothing is kept."""

    def __init__(self, token: str) -> None:
        self._held = _Handed(hashlib.sha256(token.encode()).hexdigest())

    def valid(self) -> Sequence[_Handed]:
        return [self._held]

    def note_used(self, digests: Iterable[str]) -> None:
        return None

    def note_sign_in(self, name: str) -> None:
        return None
