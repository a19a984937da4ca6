"""The drafts: what each says, who decided about it, and what became of what was sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.domain import Draft, KeptParcel, ParcelState
from watchkeeper.records.summaries import NumberedDraft
from watchkeeper.server.pages.incident.view import phrases
from watchkeeper.server.pages.incident.view.evidence import web_address

_STATES: dict[ParcelState, str] = {
    "waiting": "waiting to be sent",
    "sending": "being sent",
    "delivered": "delivered",
    "uncertain": "may or may not have arrived",
    "failed": "not taken",
}


@dataclass(frozen=True)
class Sent:
    """One delivery."""

    key: str
    where: str
    state: ParcelState
    says: str
    error: str
    link: str
    can_be_sent_again: bool


@dataclass(frozen=True)
class Paper:
    """One draft."""

    number: int
    digest: str
    """Of the words that are shown."""
    kind: str
    title: str
    text: str
    audience: str
    state: str
    decided: str
    """Who decided, or that nobody has."""
    is_proposed: bool
    sent: tuple[Sent, ...]


@dataclass(frozen=True)
class Papers:
    """All drafts, and deliveries that belong to none."""

    drafts: tuple[Paper, ...] = ()
    others: tuple[Sent, ...] = ()


def papers_of(drafts: Sequence[NumberedDraft], parcels: Sequence[KeptParcel]) -> Papers:
    """The drafts in their order, each with its deliveries."""
    numbers = {each.number for each in drafts}
    return Papers(
        drafts=tuple(_paper(each, [p for p in parcels if p.parcel.draft == each.number]) for each in drafts),
        others=tuple(_sent(each) for each in parcels if each.parcel.draft not in numbers),
    )


def kind_of(draft: Draft) -> str:
    """What a draft is called."""
    if draft.kind == "status-update":
        return "status page" if draft.audience == "public" else "internal update"
    return draft.kind.replace("-", " ")


def _paper(numbered: NumberedDraft, parcels: Sequence[KeptParcel]) -> Paper:
    draft = numbered.draft
    return Paper(
        number=numbered.number,
        digest=numbered.digest,
        kind=kind_of(draft),
        title=phrases.line(draft.title, 300),
        text=phrases.block(draft.text),
        audience=draft.audience,
        state=draft.state,
        decided=_decided(draft),
        is_proposed=draft.state == "proposed",
        sent=tuple(_sent(each) for each in parcels),
    )


def _decided(draft: Draft) -> str:
    edited = f"edited by {phrases.line(draft.edited_by, phrases.NAME)}" if draft.edited_by else ""
    if draft.state == "rejected":
        told = f"rejected: {phrases.line(draft.rejected_because)}"
    elif draft.approved_by:
        told = f"approved by {phrases.line(draft.approved_by, phrases.NAME)}"
    else:
        told = "waits for a decision"
    return f"{told}; {edited}" if edited else told


def _sent(kept: KeptParcel) -> Sent:
    receipt = kept.receipt
    reference = phrases.line(receipt.reference, phrases.NAME) if receipt and receipt.reference else ""
    state = _STATES[kept.state]
    tries = (
        f", tried {phrases.counted(kept.attempts, 'time')}" if kept.attempts > 1 and kept.state != "delivered" else ""
    )
    found = " (was there before)" if receipt and receipt.was_there else ""
    return Sent(
        key=kept.parcel.key,
        where=f"{kept.parcel.kind} to {phrases.line(kept.parcel.target, phrases.NAME)}",
        state=kept.state,
        says=f"{state}{f' as {reference}' if reference else ''}{found}{tries}",
        error=phrases.foreign(kept.error),
        link=web_address(receipt.link) if receipt else "",
        can_be_sent_again=kept.state in ("uncertain", "failed"),
    )
