"""A case as drafts: ticket, incident report, post-mortem, and updates for colleagues and for the public."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import CaseFile, Draft, DraftKind
from watchkeeper.drafts.facts import Facts
from watchkeeper.drafts.fields import fields_of, public_fields_of
from watchkeeper.drafts.filling import Filled, fill
from watchkeeper.drafts.people import people_in
from watchkeeper.drafts.policy import Policy
from watchkeeper.drafts.story import Story, tell


@dataclass(frozen=True)
class Composed:
    """A draft, the text as it was filled, and the facts that can be read again."""

    draft: Draft
    body: Filled
    title: Filled
    facts: Facts


def write_drafts(case: CaseFile, catalogue: Catalogue, now: datetime) -> tuple[Draft, ...]:
    """What can be sent out about a case, all of it proposed; empty for a case that was never diagnosed.

    Where nothing is wrong there is only an internal update; a public one only where something reaches users, a
    ticket only names the author of a change. The case should be redacted before: drafts quote it.
    """
    return tuple(composed.draft for composed in compose(case, catalogue, now))


def compose(case: CaseFile, catalogue: Catalogue, now: datetime, policy: Policy | None = None) -> Iterator[Composed]:
    """The same, each with where its numbers come from."""
    if case.latest is None:
        return
    facts = Facts(case, catalogue, now, policy)
    unnamed = Facts(case, catalogue, now, policy, withheld=people_in(case))
    story, blameless = tell(facts, case, catalogue), tell(unnamed, case, catalogue)
    if case.latest.status != "nothing-wrong":
        yield _internal("ticket", "ticket", story, facts)
        yield _internal("incident-report", "incident-report", blameless, unnamed)
        yield _internal("post-mortem", "post-mortem", blameless, unnamed)
    yield _internal("status-update", "internal-update", blameless, unnamed)
    if blameless.impact.effect is not None:
        yield _public(blameless, unnamed)


def as_files(drafts: Iterable[Draft]) -> dict[str, str]:
    """The drafts as files of a case's folder: for each its Markdown and, beside it, all of it as JSON in ASCII."""
    files: dict[str, str] = {}
    for draft in drafts:
        name = _free(name_of(draft), files)
        files[f"{name}.md"] = draft.text
        files[f"{name}.json"] = json.dumps(draft.model_dump(mode="json"), indent=2, ensure_ascii=True) + "\n"
    return files


def name_of(draft: Draft) -> str:
    """The draft's kind as a file is named; updates by whom they are for."""
    if draft.kind != "status-update":
        return draft.kind
    return "status-page" if draft.audience == "public" else "internal-update"


def _internal(kind: DraftKind, template: str, story: Story, facts: Facts) -> Composed:
    told = story.told()
    title, plain = fill("title", told), fill("title", told, "plain")
    body = fill(template, {**told, "title": title})
    draft = Draft(kind=kind, title=plain.text, text=f"{body.text.strip()}\n", facts=fields_of(story))
    return Composed(draft, body, plain, facts)


def _public(story: Story, facts: Facts) -> Composed:
    since, now = story.impact.since, story.head.now
    told: dict[str, object] = {
        **story.told(),
        # Seconds would tell more of the inside than readers outside need.
        "public_since": since.styled("minute") if since else None,
        "posted": now.styled("minute") if now else None,
    }
    title, plain = fill("public-title", told), fill("public-title", told, "plain")
    body = fill("status-page", {**told, "title": title})
    draft = Draft(
        kind="status-update",
        title=plain.text,
        text=f"{body.text.strip()}\n",
        audience="public",
        facts=public_fields_of(story),
    )
    return Composed(draft, body, plain, facts)


def _free(name: str, taken: dict[str, str]) -> str:
    places = (name, *(f"{name}-{number}" for number in range(2, 1000)))
    return next(place for place in places if f"{place}.md" not in taken)
