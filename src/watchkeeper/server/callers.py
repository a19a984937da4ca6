"""Who is asking: the name and the scopes of the token that was shown."""

from typing import Literal

from watchkeeper.domain import Noun

Scope = Literal["ingest", "read", "operate", "admin"]
"""Send telemetry and alerts · see · approve, judge, ask, move · make tokens."""
IMPLIED: dict[Scope, frozenset[Scope]] = {
    "ingest": frozenset(("ingest",)),
    "read": frozenset(("read",)),
    "operate": frozenset(("operate", "read")),
    "admin": frozenset(("admin", "operate", "read", "ingest")),
}
"""What else a scope allows."""


class Caller(Noun):
    """Whoever showed a token, or is signed in with one; requests carry it as `request.state.caller`."""

    name: str
    """The token's name: what the audit trail calls them."""
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether any of the scopes allows that."""
        return any(scope in IMPLIED[each] for each in self.scopes)
