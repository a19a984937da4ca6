"""Where the records are: a SQLite file or a PostgreSQL database, and how it is called without its password."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from watchkeeper.errors import ConfigError

EXPECTED = "expected sqlite:///FILE or postgresql://USER@HOST/DATABASE"
POSTGRESQL = {"postgres", "postgresql", "postgresql+psycopg"}
SECRETS = ("password", "sslpassword")


@dataclass(frozen=True)
class Address:
    """What SQLAlchemy opens, and what people are told."""

    url: URL
    name: str
    """Without user and password."""

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of our own."""
        return self.url.get_backend_name() == "sqlite"

    def without_secrets(self, text: str) -> str:
        """A text about it, such as a driver's error, without what only the owner may know."""
        given = [self.url.password, *(self.url.query.get(name) for name in SECRETS)]
        for secret in given:
            if isinstance(secret, str) and secret:
                text = text.replace(secret, "***")
        return text


def address(where: str | Path) -> Address:
    """The address of a file or of a URL; raises ConfigError where it is neither SQLite's nor PostgreSQL's."""
    if isinstance(where, Path):
        return Address(URL.create("sqlite+pysqlite", database=str(where)), str(where))
    try:
        url = make_url(where.strip())
    except (ArgumentError, ValueError) as error:
        # Nothing of the text is repeated: it may hold a password.
        raise ConfigError(f"records.url: {EXPECTED}, which is no such address") from error
    if url.drivername in ("sqlite", "sqlite+pysqlite") and url.database not in (None, "", ":memory:"):
        return Address(url, str(url.database))
    if url.drivername in POSTGRESQL and url.database:
        host = url.query.get("host", url.host or "this machine")
        place = host if isinstance(host, str) else ", ".join(host)
        port = f" port {url.port}" if url.port else ""
        name = f"the PostgreSQL database {url.database} on {place}{port}"
        return Address(url.set(drivername="postgresql+psycopg"), name)
    raise ConfigError(f"records.url: {EXPECTED}, not an address that begins with {url.drivername!r}")
