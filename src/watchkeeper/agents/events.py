"""What an investigation tells while it goes on, as values with a schema: nothing of it is a model's free text."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from watchkeeper.domain import (
    Cost,
    DiagnosisStatus,
    EvidenceId,
    EvidenceStatus,
    FaultKind,
    IncidentId,
    Noun,
    ServiceName,
    Standing,
)

Line = Annotated[str, StringConstraints(max_length=400)]
"""A bounded line of text, redacted; whoever shows it escapes it."""


class Started(Noun):
    """An investigation begins, or goes on from where it was stopped."""

    kind: Literal["started"] = "started"
    incident: IncidentId
    graph: Literal["single", "specialists"]
    model: Line
    is_resumed: bool = False


class AskedFor(Noun):
    """The model wants a tool."""

    kind: Literal["asked"] = "asked"
    agent: Line
    tool: Line
    arguments: Line


class Found(Noun):
    """A tool added evidence."""

    kind: Literal["found"] = "found"
    evidence: EvidenceId
    question: Line
    status: EvidenceStatus
    rows: int = Field(ge=0)


class Delegated(Noun):
    """A specialist has a look."""

    kind: Literal["delegated"] = "delegated"
    specialist: Line


class Claimed(Noun):
    """The model names a possible cause; nobody has checked it yet."""

    kind: Literal["claimed"] = "claimed"
    component: Line
    fault: FaultKind
    claims: int = Field(ge=0)


class Checked(Noun):
    """Code asked again for what was claimed."""

    kind: Literal["checked"] = "checked"
    component: ServiceName | None
    """Of whom it speaks; None where the claim was struck."""
    claim: Line
    """The predicate, such as `e12: max(mean_ms) where service = "cart" > 300`."""
    standing: Standing | Literal["struck"]
    because: Line = ""
    """Why it was struck, with the true value."""


class Trouble(Noun):
    """Something went wrong; the investigation goes on, or ends with what it has."""

    kind: Literal["trouble"] = "trouble"
    text: Line


class Finished(Noun):
    """The investigation ended, and with what."""

    kind: Literal["finished"] = "finished"
    incident: IncidentId
    status: DiagnosisStatus
    cost: Cost


Event = Annotated[
    Started | AskedFor | Found | Delegated | Claimed | Checked | Trouble | Finished, Field(discriminator="kind")
]
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads and writes any of them: `EVENTS.validate_json`, `EVENTS.json_schema()`."""

LONGEST = 400


def line(text: str, longest: int = LONGEST) -> str:
    """Any text as one bounded line without control characters."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"
