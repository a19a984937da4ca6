"""HTTP requests as spans describe them, made into commands that are safe to paste: redacted, quoted, bounded."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from watchkeeper.redaction import redact

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
"""Methods that are meant to change nothing where they are sent."""
LONGEST = 2000
"""Characters of a path and of a query, encoded: a longer one would not be the same request if it were cut."""

# Percent signs stay where they encode something; `[]` are of marks, `{}` of routes.
_UNQUOTED = "/-._~:@+,=&%[]{}"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])")
_PERSONAL = re.compile(
    r"session|token|secret|passw|passphrase|apikey|e-?mail|phone|cookie|jwt|signature|customer|username|userid",
    re.IGNORECASE,
)
_PERSONAL_WORD = re.compile(
    r"account|address|auth|birth|card|code|iban|key|mail|name|nonce|otp|pass|pin|pwd|sid|sig|ssn|uid|user",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_OPAQUE = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[\w.~+=-]{24,}")
_PLACEHOLDER = re.compile(r"[{<:](?P<name>[^}>/]*)[}>]?")
_DECODINGS = 10
_HIDDEN = "[redacted:value]"
_MARK = re.compile(r"\[redacted:[a-z-]+\]")


@dataclass(frozen=True)
class RequestLine:
    """What is allowed of a request: method, path and query, and where it went, all as the span has them."""

    method: str
    path: str
    query: str = ""
    route: str = ""
    scheme: str = "http"
    address: str = ""
    port: str = ""


def request_line(attributes: Mapping[str, str | None]) -> RequestLine | None:
    """The request that a server span's attributes describe (in OpenTelemetry's stable or its older names).

    None where it is no HTTP request, has a method of its own making, or nothing that leads to a path.
    """

    def first(*keys: str) -> str:
        return next((value for key in keys if (value := attributes.get(key))), "")

    method = first("http.request.method", "http.method")
    target, _, older_query = first("http.target")[: 2 * LONGEST + 2].partition("?")
    path, route = first("url.path") or target, first("http.route")
    if method not in METHODS or "rpc.system" in attributes:
        return None
    path = next((each for each in (path, route) if each.startswith("/") and _fits(each)), "")
    if not path:
        return None
    query = first("url.query") or older_query
    return RequestLine(
        method=method,
        path=path,
        query=query.removeprefix("?") if _fits(query) else "",
        route=route if _fits(route) else "",
        scheme="https" if first("url.scheme", "http.scheme") == "https" else "http",
        address=first("server.address", "net.host.name"),
        port=first("server.port", "net.host.port"),
    )


def command_of(request: RequestLine, *, is_host_known: bool = False) -> str:
    """The request as a `curl` command in one line.

    Secrets and personal data become marks, parts of the path that tell people apart stay the route's placeholders.
    The host is `$HOST`, unless it is known to be the service's own: what a request says of it can be forged.
    """
    target = redact(_path(request) + _query(request))
    target = quote(_STRAY_PERCENT.sub("%25", target), safe=_UNQUOTED + "?")
    method = {"GET": "", "HEAD": "--head "}.get(request.method, f"--request {request.method} ")
    host = _host(request) if is_host_known else None
    place = shlex.quote(f"{request.scheme}://{host}{target}") if host else f'"$HOST"{shlex.quote(target)}'
    # Without --globoff, brackets and braces would make several requests of one.
    return f"curl --globoff {method}{place}"


def _fits(text: str) -> bool:
    return len(text) <= LONGEST and len(quote(text)) <= LONGEST


def _is_personal(name: str) -> bool:
    return bool(_PERSONAL.search(name) or any(_PERSONAL_WORD.fullmatch(word) for word in _WORD.findall(name)))


def _host(request: RequestLine) -> str | None:
    address, port = request.address, request.port
    if ":" in address and not address.startswith("["):
        address = f"[{address}]"
    if not _HOST.fullmatch(address):
        return None
    usual = {"http": "80", "https": "443"}[request.scheme]
    is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and port != usual
    return f"{address}:{port}" if is_port else address


def _path(request: RequestLine) -> str:
    """The path, never with two slashes at its start: that would be another host."""
    parts, names = request.path.lstrip("/").split("/"), request.route.lstrip("/").split("/")
    if len(names) != len(parts):
        names = [""] * len(parts)
    return "/" + "/".join(_segment(part, name) for part, name in zip(parts, names, strict=True))


def _segment(part: str, placeholder: str) -> str:
    named = _PLACEHOLDER.fullmatch(placeholder)
    if named and _is_personal(named["name"]):
        return placeholder
    return _without_secrets(part)


def _query(request: RequestLine) -> str:
    if not request.query:
        return ""
    return "?" + "&".join(_parameter(pair) for pair in request.query.split("&"))


def _parameter(pair: str) -> str:
    name, equals, value = pair.partition("=")
    is_secret = _is_personal(_decoded(name)) or _redacted(pair) is not None
    if equals and value and is_secret:
        return f"{_without_secrets(name)}={_HIDDEN}"
    return f"{_without_secrets(name)}{equals}{_without_secrets(value)}"


def _without_secrets(text: str) -> str:
    """The text as it is, or a mark in its place where its decoded form holds a secret."""
    mark = _redacted(text)
    if mark is not None:
        return mark
    plain = _decoded(text)
    return _HIDDEN if _OPAQUE.fullmatch(plain) and not _UUID.fullmatch(plain) else text


def _redacted(text: str) -> str | None:
    """What stands for a text whose decoded form, with pluses as they are or as spaces, holds a secret; else None."""
    for plain in (_decoded(text), _decoded(text.replace("+", " "))):
        clean = redact(plain)
        if clean != plain:
            return clean if _MARK.fullmatch(clean) else _HIDDEN
    return None


def _decoded(text: str) -> str:
    """What the text stands for, however often it was percent-encoded."""
    for _ in range(_DECODINGS):
        plainer = unquote(text, errors="replace")
        if plainer == text:
            break
        text = plainer
    return text
