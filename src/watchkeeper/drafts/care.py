"""Who takes care of it, where that is written down, and when the next word is due."""

from dataclasses import dataclass

from watchkeeper.domain import CaseFile
from watchkeeper.drafts.facts import Fact, Facts
from watchkeeper.drafts.heading import severity_of
from watchkeeper.drafts.policy import UNJUDGED


@dataclass(frozen=True)
class Care:
    """The assignment, and what the catalogue says of the service that is to be mended."""

    is_routed: bool
    team: Fact | None
    owner: Fact | None
    route: Fact | None
    actions: tuple[Fact, ...]
    channels: tuple[Fact, ...]
    next_update: Fact | None
    review_by: Fact | None
    repository: Fact | None
    runbooks: tuple[Fact, ...]


def care_of(facts: Facts, case: CaseFile, number: int) -> Care:
    """What routing decided; all of it is empty where it did not yet."""
    now, lasting = facts.at("moment", "now"), severity_of(case) or UNJUDGED
    minutes = facts.at("minutes", "policy", "update_minutes", lasting)
    hours = facts.at("number", "policy", "review_hours", lasting)
    assignment, service = ("case", "assignment"), ("catalogue", "services", _home(case, number))
    return Care(
        is_routed=case.assignment is not None,
        team=facts.at("name", *assignment, "team"),
        owner=facts.at("name", *assignment, "owner"),
        route=facts.at("name", *assignment, "route"),
        actions=facts.each("word", *assignment, "actions"),
        channels=facts.each("name", *assignment, "channels"),
        next_update=facts.sum("minute", "next update", "now + 60 * minutes", now=now, minutes=minutes),
        review_by=facts.sum("minute", "review by", "now + 3600 * hours", now=now, hours=hours),
        repository=facts.at("address", *service, "repository"),
        runbooks=facts.each("address", *service, "runbooks"),
    )


def _home(case: CaseFile, number: int) -> str:
    """The service that is to be mended, else the one in which the trouble shows."""
    hypotheses = case.diagnoses[number].hypotheses
    return hypotheses[0].component if hypotheses else case.incident.service or ""
