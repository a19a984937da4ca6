"""What an investigation knows between two steps, which checkpoints keep; and what it is carried out with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool

from watchkeeper.agents.cards import Card, Cards
from watchkeeper.agents.client import Client
from watchkeeper.agents.events import Event
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.telling import Clean
from watchkeeper.telemetry.sources import Sources

SPARE = 0.8
"""Share of money and seconds after which an agent gets no further turn: the report takes the rest."""
GraphKind = Literal["single", "specialists"]


class SpecialistNote(TypedDict):
    """What a specialist wrote down."""

    agent: str
    text: str


class Input(TypedDict):
    """What an investigation begins with; all else is in the dossier."""

    graph: GraphKind
    spent: dict[str, float]
    trouble: list[str]


class State(TypedDict, total=False):
    """Redacted, and plain enough for any checkpoint; each step replaces what it changes."""

    graph: GraphKind
    agent: str
    """The card of whoever is at work."""
    messages: list[BaseMessage]
    """The conversation of whoever is at work."""
    turns: int
    """Replies in this conversation."""
    tried: dict[str, int]
    """How often each tool was called with the same arguments in this conversation."""
    faults: int
    """Calls in a row that made no sense."""
    refused: int
    """All calls of the investigation that made no sense."""
    is_over: bool
    """Whether whoever is at work gets no further turn."""
    delegated: list[str]
    question: str
    notes: list[SpecialistNote]
    evidence: list[str]
    """What tools added to the ledger, as JSON."""
    reports: int
    claims_made: int
    """In all reports."""
    claims_struck: int
    """Of these, those that did not hold."""
    findings: str
    judged: str
    """The better of what was judged, as JSON."""
    failed: list[str]
    """What did not hold in the last report."""
    stopped: str
    """Why the model is not asked any more; empty while it is."""
    trouble: list[str]
    """What a reader of the diagnosis must know about how it came about."""
    spent: dict[str, float]
    diagnosis: str


@dataclass(frozen=True)
class Context:
    """What the steps work with."""

    dossier: Dossier
    ledger: Ledger
    sources: Sources
    client: Client
    cards: Cards
    tools: Mapping[str, BaseTool]
    room: int
    """Tokens that one request may have, tools and schemas among them."""
    briefing: Callable[[], str]
    tell: Callable[[Event], None]
    clean: Clean

    def can_afford(self, calls: int, tokens: int) -> bool:
        """Whether so many calls more, of so many tokens each, stay within all limits, with some time to spare."""
        spent, limits, output = self.client.spent, self.client.limits, self.client.terms.output_tokens
        return (
            spent.calls + calls <= limits.calls
            and spent.tokens + calls * (tokens + output) <= limits.tokens
            and spent.usd <= limits.usd * SPARE
            and spent.seconds <= limits.seconds * SPARE
        )

    def tools_of(self, card: Card) -> Sequence[BaseTool]:
        """The tools that an agent has."""
        return [self.tools[name] for name in card.tools if name in self.tools]
