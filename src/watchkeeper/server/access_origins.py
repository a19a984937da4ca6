"""Where a request of a browser comes from, and where it may be sent on to."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from watchkeeper.server.access_sessions import is_https

LONGEST_NEXT = 2000
HOME = "/"


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of our own sent it: by `Origin`, else by `Sec-Fetch-Site`; where neither is said, no."""
    origins = connection.headers.getlist("origin")
    if not origins:
        return connection.headers.getlist("sec-fetch-site") == ["same-origin"]
    try:
        parts = urlsplit(origins[0]) if len(origins) == 1 else None
    except ValueError:
        # Such as `http://[`: no page has that origin.
        return False
    if parts is None or parts.scheme not in (("https",) if is_https(connection) else ("http", "https")):
        return False
    return parts.netloc.lower() == connection.headers.get("host", "").lower()


def is_navigation(connection: HTTPConnection) -> bool:
    """Whether a person's browser asks for a page to show."""
    return connection.scope.get("method") in ("GET", "HEAD") and "text/html" in connection.headers.get("accept", "")


def comes_from_elsewhere(connection: HTTPConnection) -> bool:
    """Whether a link on another site led here: then browsers keep strict cookies back, though somebody is signed in."""
    return connection.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def local_path(text: str) -> str:
    """The text if it is a path of this server (with its query), else the first page; never another site."""
    if not text.startswith("/") or len(text) > LONGEST_NEXT or not text.isascii() or not text.isprintable():
        return HOME
    # Browsers read a backslash as a slash, and `//name` as another site.
    if "\\" in text or text.startswith("//"):
        return HOME
    try:
        parts = urlsplit(text)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or parts.path.startswith("//"):
        return HOME
    return HOME if parts.path in ("/signin", "/signout") or parts.path.startswith("/v1/") else text


def path_of(connection: HTTPConnection) -> str:
    """The path and query of a request as they were typed, where that is a path of a page."""
    raw = connection.scope.get("raw_path") or connection.scope["path"].encode()
    query = connection.scope.get("query_string", b"")
    return local_path((raw.split(b"?")[0] + (b"?" + query if query else b"")).decode("ascii", "replace"))


def client_of(connection: HTTPConnection) -> str:
    """The address that a request came from; of IPv6, the network, of which one person has 2^64 addresses."""
    host = connection.client.host if connection.client else ""
    return ":".join(host.split(":")[:4]) if host.count(":") > 1 else host
