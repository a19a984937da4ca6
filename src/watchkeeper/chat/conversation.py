"""What is remembered from one question to the next: little, bounded, and plain enough to be sent to and fro."""

from pydantic import AwareDatetime, Field

from watchkeeper.chat.intents import Intent, Kind
from watchkeeper.chat.replies import Reply
from watchkeeper.domain import Evidence, IncidentId, Noun, Rows, ServiceName

EVIDENCE = 40
"""Pieces of evidence that are remembered of answers without a case."""


class Conversation(Noun):
    """Whom, when and which case it was about last; it holds nothing that is trusted: what is shown is asked again."""

    service: ServiceName | None = Field(default=None, max_length=256)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    case_id: IncidentId | None = None
    kind: Kind | None = None
    """What was asked last."""
    pending: Intent | None = None
    """What was asked, where it could not be answered without asking back."""
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=EVIDENCE)
    """What answers without a case rest on, so that it can be shown; a case keeps its own."""

    def after(self, reply: Reply, gathered: tuple[Evidence, ...] = ()) -> "Conversation":
        """The conversation after one more answer; `gathered` is evidence that no case keeps."""
        intent = reply.intent
        asked_back = reply.asks_back is not None and intent.kind not in ("unclear", "help")
        return Conversation(
            service=intent.service or self.service,
            since=intent.since or self.since,
            until=intent.until or (None if intent.since else self.until),
            case_id=reply.case_id or self.case_id,
            kind=intent.kind if intent.kind not in ("unclear", "help") else self.kind,
            pending=intent if asked_back else None,
            evidence=() if reply.case_id or self.case_id else (*self.evidence, *map(_slim, gathered))[-EVIDENCE:],
        )


def _slim(entry: Evidence) -> Evidence:
    """The evidence without its rows, which are asked again when it is to be shown."""
    return entry.model_copy(update={"rows": Rows(columns=entry.rows.columns, total=entry.rows.total)})
