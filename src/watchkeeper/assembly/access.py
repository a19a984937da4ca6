"""The keys of this machine: the token that its own commands show, and the key that sessions are signed with."""

import fcntl
import hashlib
import ipaddress
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from watchkeeper.errors import ConfigError
from watchkeeper.settings import Settings

if TYPE_CHECKING:
    # SQLAlchemy is slow to import: only what opens the records does so.
    from watchkeeper.records.tokens import Tokens

TOKEN_VARIABLE = "WATCHKEEPER_TOKEN"
SESSION_KEY = "session-key"
KEY_BYTES = 32
LONGEST_TOKEN = 256
_OWNER_ONLY, _OTHERS = 0o600, 0o077


@contextmanager
def open_tokens(settings: Settings) -> "Iterator[Tokens]":
    """The tokens in the records of these settings; raises RecordsUnavailable, ConfigError."""
    from watchkeeper.records.store import Records
    from watchkeeper.records.tokens import Tokens

    with Records.open(settings.records_place) as records:
        yield Tokens(records)


def token_for(settings: Settings, url: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The token to show at that address: $WATCHKEEPER_TOKEN, else this home's own where the address is this machine's.

    The home's token opens everything: it is never sent to another machine. Raises ConfigError where its file is
    there and cannot be read.
    """
    environment = os.environ if environment is None else environment
    if given := environment.get(TOKEN_VARIABLE, "").strip():
        return given
    if url.rstrip("/") != settings.server_url and not _is_this_machine(url):
        return None
    return _read(settings.token_path)


def headers_for(settings: Settings, url: str) -> dict[str, str]:
    """The same as headers of a request; none where there is no token."""
    token = token_for(settings, url)
    return {"authorization": f"Bearer {token}"} if token else {}


def ensure_own_token(settings: Settings, tokens: "Tokens") -> bool:
    """See to it that this home has an admin token that holds, in a file that only its owner reads.

    Whether one was made: then an earlier one of this home is revoked. Raises ConfigError where the file cannot be
    written, RecordsUnavailable.
    """
    from watchkeeper.records.tokens import OWN

    name = _own_name(OWN, settings)
    path = settings.token_path
    with _alone(path.with_name(f"{path.name}.lock")):
        kept = None if _is_exposed(path) else _read(path)
        if kept is not None and tokens.check(kept) is not None:
            return False
        if any(token.name == name for token in tokens.valid()):
            tokens.revoke(name, by="watchkeeper serve")
        _write(path, tokens.create(name, ("admin",), by="watchkeeper serve").encode())
    return True


def session_key(settings: Settings) -> bytes:
    """The key that sessions are signed with, the same after a restart; raises ConfigError where it cannot be kept."""
    path = settings.home / SESSION_KEY
    with _alone(path.with_name(f"{path.name}.lock")):
        with suppress(FileNotFoundError):
            if len(kept := _bytes_of(path)) >= KEY_BYTES and not _is_exposed(path):
                return kept
        made = secrets.token_bytes(KEY_BYTES)
        _write(path, made)
    return made


def _own_name(own: str, settings: Settings) -> str:
    """A name that says more where several machines share the records: which of them, and which home there."""
    if not settings.records.url.startswith("postgres"):
        return own
    home = hashlib.sha256(str(settings.home).encode()).hexdigest()[:6]
    host = "".join(c for c in socket.gethostname() if c.isalnum() or c in "-.")
    return f"{own} ({host[:16]} {home})"


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url if "//" in url else f"http://{url}").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read(path: Path) -> str | None:
    try:
        text = _bytes_of(path)[:LONGEST_TOKEN].decode("ascii").strip()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} holds no token: move it away, the next start of the server makes one") from error
    return text or None


def _is_exposed(path: Path) -> bool:
    """Whether others may read a secret: after a copy or a backup, say. Then whoever did may still know it."""
    with suppress(OSError):
        return bool(path.stat().st_mode & _OTHERS)
    return False


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): ask its owner, or set {TOKEN_VARIABLE}"
        ) from error


def _write(path: Path, content: bytes) -> None:
    """Put a secret into a file that nobody else can read at any moment, whole or not at all."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise ConfigError(f"{path} cannot be written ({error.strerror}): expected a folder of one's own") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Only one process at a time gets past this, for as long as it takes to look and to write."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}): expected a folder of one's own") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
