"""Which path wants which scope; what is not in the table wants `admin`, so that a forgotten path is closed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from watchkeeper.server.callers import Scope

Wanted = Scope | Literal["open"]
"""`open`: whoever asks, with a token or without."""
READING = frozenset(("GET", "HEAD"))


@dataclass(frozen=True)
class Rule:
    """What a path wants of who reads there (GET, HEAD, a websocket's begin), and of who does anything else."""

    to_read: Wanted
    to_do: Wanted


_INGEST = Rule("ingest", "ingest")
_ASKED = Rule("read", "read")
_SEEN = Rule("read", "admin")
_OPERATED = Rule("read", "operate")

EXACT: Mapping[str, Rule] = {
    "/healthz": Rule("open", "admin"),
    "/readyz": Rule("open", "admin"),
    "/signin": Rule("open", "open"),
    "/signout": _ASKED,
    "/v1/traces": _INGEST,
    "/v1/metrics": _INGEST,
    "/v1/logs": _INGEST,
    "/v1/changes": _INGEST,
    "/v1/feedback": _INGEST,
    "/v1/events": _INGEST,
    "/v1/alerts": _SEEN,
    "/v1/incidents": _OPERATED,
    "/v1/parcels/again": Rule("operate", "operate"),
    "/v1/accuracy": _SEEN,
    "/v1/chat": Rule("operate", "operate"),
    "/v1/openapi.json": _SEEN,
    "/v1/tokens": Rule("admin", "admin"),
    "/metrics": _SEEN,
    "/": _SEEN,
    "/accuracy": _SEEN,
    "/incidents": _SEEN,
    "/favicon.ico": _SEEN,
}
BELOW: Mapping[str, Rule] = {
    "/v1/alerts/": _INGEST,
    "/v1/query/": _ASKED,
    "/v1/incidents/": _OPERATED,
    "/v1/tokens/": Rule("admin", "admin"),
    "/incidents/": _SEEN,
    "/_nicegui/": _SEEN,
    # The pages' own line: what it may do is decided by the page, which knows its caller.
    "/_nicegui_ws/": _ASKED,
}
"""Everything below these."""
CLOSED = Rule("admin", "admin")


def rule_for(path: str) -> Rule | None:
    """The rule of a path; None where nobody thought of it."""
    if path in EXACT:
        return EXACT[path]
    return next((rule for begins, rule in BELOW.items() if path.startswith(begins)), None)


def wanted(path: str, method: str) -> Wanted:
    """The scope that a request wants."""
    rule = rule_for(path) or CLOSED
    return rule.to_read if method in READING else rule.to_do


def is_page(path: str) -> bool:
    """Whether people look at that in a browser: the pages and what belongs to them."""
    return not path.startswith("/v1/") and path not in ("/healthz", "/readyz", "/metrics")


def is_telemetry(path: str) -> bool:
    """Whether bodies sent there may be large."""
    return rule_for(path) == _INGEST
