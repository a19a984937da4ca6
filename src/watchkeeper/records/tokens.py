"""Tokens: who may talk to the server, and what for; made once, shown once, kept as a digest."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from watchkeeper.errors import QueryRejected
from watchkeeper.records.schema import DeedRow, TokenRow
from watchkeeper.records.store import Records, utc_now
from watchkeeper.records.summaries import KeptToken

PREFIX = "wk_"
RANDOM_BYTES = 32
OWN = "this machine"
"""How the names of tokens begin that the server makes by itself, one for each home."""
BY_HAND = "the command line"
"""Whom the audit trail names for what is done with `watchkeeper token`."""
USED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a token was used last."""
RESERVED = ("watchkeeper", "watchkeeper serve", "alerts", BY_HAND)
RESERVED_BEGINS = (OWN, "policy:")
"""Names, and how names begin, that the audit trail has for what no person did: whoever bore one would pass for it."""

_NAME = re.compile(r"[^\W_][\w .:@/()-]{0,63}")


def digest_of(token: str) -> str:
    """What is kept of a token: it holds 256 random bits, so that a digest without salt cannot be searched."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    """Every token in the records; making and revoking one is in the audit trail.

    Tokens are found by their digest, which tells nothing about how much of a guess was right. Raises QueryRejected
    for what cannot be done, RecordsUnavailable.
    """

    def __init__(self, records: Records, clock: Callable[[], datetime] = utc_now) -> None:
        self._records, self._clock = records, clock

    def create(self, name: str, scopes: Collection[str], expires_at: datetime | None = None, by: str = BY_HAND) -> str:
        """Make a token and answer its text, which cannot be had again. The name of one that is over may be reused."""
        alike = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        if by == BY_HAND and (alike in RESERVED or alike.startswith(RESERVED_BEGINS)):
            own = ", ".join(f"`{each}`" for each in RESERVED)
            begins = " or ".join(f"`{each}`" for each in RESERVED_BEGINS)
            raise QueryRejected(f"names that begin with {begins}, and {own} are the server's own: choose another")
        if not _NAME.fullmatch(name):
            raise QueryRejected(
                "a token's name begins with a letter or digit and has at most 64 letters, digits, blanks or .:@/()-"
            )
        if not scopes:
            raise QueryRejected("a token needs a scope at least")
        now = self._clock()
        if expires_at is not None and expires_at <= now:
            raise QueryRejected("a token ends later than now")
        text = f"{PREFIX}{secrets.token_urlsafe(RANDOM_BYTES)}"
        kept = " ".join(sorted(scopes))
        with self._records.writing() as session:
            is_over = or_(TokenRow.revoked_at.is_not(None), TokenRow.expires_at <= now)
            session.execute(delete(TokenRow).where(TokenRow.name == name, is_over))
            if session.execute(select(TokenRow.id).filter_by(name=name)).first():
                raise _taken(name)
            session.add(TokenRow(name=name, digest=digest_of(text), scopes=kept, created_at=now, expires_at=expires_at))
            self._note(session, by, "made a token", name, kept)
            try:
                session.flush()
            except IntegrityError as error:
                raise _taken(name) from error
        return text

    def check(self, text: str) -> KeptToken | None:
        """Whose token that is, if it is one and still holds; that it was used is kept to the minute."""
        with self._records.reading() as session:
            row = session.execute(select(TokenRow).filter_by(digest=digest_of(text))).scalar_one_or_none()
            found = None if row is None else _kept(row)
        if found is None or not found.is_valid(self._clock()):
            return None
        self.note_used([found.digest])
        return found

    def valid(self) -> list[KeptToken]:
        """Every token that opens something now."""
        now = self._clock()
        return [token for token in self.list() if token.is_valid(now)]

    def list(self) -> "list[KeptToken]":
        """Every token that was made and whose name was not reused, by name."""
        with self._records.reading() as session:
            return [_kept(row) for row in session.execute(select(TokenRow).order_by(TokenRow.name)).scalars()]

    def revoke(self, name: str, by: str = BY_HAND) -> None:
        """End a token now; one that is revoked already stays so."""
        with self._records.writing() as session:
            row = session.execute(select(TokenRow).filter_by(name=name).with_for_update()).scalar_one_or_none()
            if row is None:
                raise QueryRejected(f"there is no token {name[:64]!r}; `watchkeeper token list` shows them")
            if row.revoked_at is None:
                row.revoked_at = self._clock()
                self._note(session, by, "revoked a token", name)

    def note_used(self, digests: Iterable[str]) -> None:
        """Keep that these were used just now; what was used less than a minute ago is not written again."""
        now, due = self._clock(), list(digests)
        stale = or_(TokenRow.used_at.is_(None), TokenRow.used_at <= now - USED_EVERY)
        wanted = (TokenRow.digest.in_(due), stale)
        with self._records.reading() as session:
            if not session.execute(select(TokenRow.id).where(*wanted)).first():
                return
        with self._records.writing() as session:
            session.execute(update(TokenRow).where(*wanted).values(used_at=now))

    def note_sign_in(self, name: str) -> None:
        """Put into the audit trail that somebody signed in with the token of that name."""
        with self._records.writing() as session:
            self._note(session, name, "signed in", "the pages")

    def any_made_by_hand(self) -> bool:
        """Whether a token holds that somebody made with `watchkeeper token create`."""
        return any(not token.name.startswith(OWN) for token in self.valid())

    def _note(self, session: Session, by: str, deed: str, subject: str, reason: str = "") -> None:
        session.add(DeedRow(at=self._clock(), by=by, deed=deed, incident_id=None, subject=subject, reason=reason))


def _kept(row: TokenRow) -> KeptToken:
    return KeptToken(
        name=row.name,
        digest=row.digest,
        scopes=frozenset(row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
    )


def _taken(name: str) -> QueryRejected:
    return QueryRejected(f"there is a token {name!r} already: revoke it first, or choose another name")
