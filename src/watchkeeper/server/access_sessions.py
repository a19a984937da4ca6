"""Browsers that have signed in: a signed cookie that says with which token and until when, and forms that are ours."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from watchkeeper.server.access_keys import utc_now

FORM_SECONDS = 3600
"""For how long a sign-in form can be sent."""
MOST_ENDED = 10_000
"""Sessions that people ended themselves are remembered until they would have ended, at most so many."""
_NONCE_BYTES = 18
_SESSION = re.compile(r"(\d{1,12})\.([A-Za-z0-9_-]{24})\.([0-9a-f]{64})\.([0-9a-f]{64})")


@dataclass(frozen=True)
class Session:
    """One browser that has signed in."""

    id: str
    digest: str
    """Of the token with which: when that ends, so does this."""
    ends_at: datetime


class Sessions:
    """Makes and reads the cookies; the key is the home's own, so that they outlive a restart."""

    def __init__(self, key: bytes, hours: float, clock: Callable[[], datetime] = utc_now) -> None:
        self._key, self._lasts, self._clock = key, timedelta(hours=hours), clock
        self._mark = hashlib.sha256(key).hexdigest()[:8]
        self._ended: dict[str, datetime] = {}

    def begin(self, connection: HTTPConnection, digest: str) -> str:
        """The `Set-Cookie` of a new session of the token with that digest; never one that was there before."""
        ends = int((self._clock() + self._lasts).timestamp())
        what = f"{ends}.{_nonce()}.{digest}"
        value = f"{what}.{self._signed('session', what)}"
        return _cookie(self._name(connection, "session"), value, connection, int(self._lasts.total_seconds()))

    def session(self, connection: HTTPConnection) -> Session | None:
        """The session that a request shows: signed by us, not over, not ended; two of them are none."""
        found = _SESSION.fullmatch(_only(connection, self._name(connection, "session")))
        if found is None:
            return None
        ends, nonce, digest, mac = found.groups()
        if not hmac.compare_digest(mac, self._signed("session", f"{ends}.{nonce}.{digest}")):
            return None
        session = Session(nonce, digest, datetime.fromtimestamp(int(ends), tz=self._clock().tzinfo))
        return None if self._clock() >= session.ends_at or nonce in self._ended else session

    def end(self, connection: HTTPConnection) -> str:
        """End the session that a request shows, also where its cookie was copied; the `Set-Cookie` that clears it."""
        if (session := self.session(connection)) is not None:
            now = self._clock()
            self._ended = {id_: ends for id_, ends in self._ended.items() if ends > now}
            while len(self._ended) >= MOST_ENDED:
                self._ended.pop(next(iter(self._ended)))
            self._ended[session.id] = session.ends_at
        return _cookie(self._name(connection, "session"), "", connection, 0)

    def form(self, connection: HTTPConnection) -> tuple[str, str]:
        """What a new form carries, and the `Set-Cookie` without which it is not taken."""
        nonce = f"{int(self._clock().timestamp())}.{_nonce()}"
        cookie = _cookie(self._name(connection, "form"), nonce, connection, FORM_SECONDS)
        return self._signed("form", nonce), cookie

    def is_form(self, connection: HTTPConnection, carried: str) -> bool:
        """Whether a form is one that we gave to that browser, not too long ago."""
        nonce = _only(connection, self._name(connection, "form"))
        made, _, rest = nonce.partition(".")
        if not (made.isdecimal() and len(made) <= 12 and rest and carried.isascii()):
            return False
        is_young = 0 <= self._clock().timestamp() - int(made) + 1 <= FORM_SECONDS + 1
        return is_young and hmac.compare_digest(carried, self._signed("form", nonce))

    def _signed(self, purpose: str, what: str) -> str:
        return hmac.new(self._key, f"{purpose} {what}".encode(), hashlib.sha256).hexdigest()

    def _name(self, connection: HTTPConnection, purpose: str) -> str:
        # Cookies do not know ports: two servers on one machine would sign each other's browsers out.
        prefix = "__Host-" if is_https(connection) else ""
        return f"{prefix}watchkeeper_{purpose}_{self._mark}"


def is_https(connection: HTTPConnection) -> bool:
    """Whether it came over TLS, here or as a proxy on this machine says."""
    return str(connection.scope.get("scheme")) in ("https", "wss")


def _nonce() -> str:
    return secrets.token_urlsafe(_NONCE_BYTES)


def _cookie(name: str, value: str, connection: HTTPConnection, seconds: int) -> str:
    secure = "; Secure" if is_https(connection) else ""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def _only(connection: HTTPConnection, name: str) -> str:
    """The cookie of that name; nothing where there is none or more than one: another server planted it."""
    headers: Headers = connection.headers
    pairs = (pair.partition("=") for line in headers.getlist("cookie") for pair in line.split(";"))
    values = [value.strip() for key, _, value in pairs if key.strip() == name]
    return values[0] if len(values) == 1 else ""
