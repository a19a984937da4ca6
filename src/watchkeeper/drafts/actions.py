"""What is to be done afterwards: what to mend, and what would have caught it or shown it sooner, each with a date."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import CaseFile
from watchkeeper.drafts.facts import Fact, Facts
from watchkeeper.drafts.heading import severity_of
from watchkeeper.drafts.policy import UNJUDGED
from watchkeeper.drafts.response import Response

GAPS = 3
"""How many gaps in the telemetry get an action item each."""
PREVENTED = ("bad-change", "slow-dependency", "crash", "memory", "pool-exhaustion", "surge", "cpu")
"""Kinds of fault with a known way to catch them before they hurt."""


@dataclass(frozen=True)
class Action:
    """One thing to do; templates word it by its key."""

    key: str
    due: Fact | None
    service: Fact | None
    team: Fact | None
    change: Fact | None = None
    dependency: Fact | None = None
    detail: Fact | None = None


def actions_of(
    facts: Facts, catalogue: Catalogue, case: CaseFile, number: int, response: Response
) -> tuple[Action, ...]:
    """What to mend, and what would have caught it or shown it sooner."""
    diagnosis = case.diagnoses[number]
    top = diagnosis.hypotheses[0] if diagnosis.status == "diagnosed" else None
    path = ("case", "diagnoses", number, "hypotheses", 0)
    blank = Action("", None, _service(facts, case, number), None)
    if top is not None:
        blank = replace(
            blank,
            service=facts.at("name", *path, "component"),
            team=facts.at("name", "catalogue", "services", top.component, "team"),
            change=facts.at("name", *path, "change", "id") if top.change is not None else None,
            dependency=facts.at("name", *path, "dependency"),
        )
    repair, prevention = _due(facts, case, "repair"), _due(facts, case, "prevention")
    found = [replace(blank, key=top.kind if top is not None else "settle", due=repair)]
    found += [replace(blank, key=key, due=prevention) for key in _preventions(case, catalogue, number, response)]
    for gap in facts.each("sentence", "case", "diagnoses", number, "gaps")[:GAPS]:
        found.append(replace(blank, key="gap", due=prevention, detail=gap))
    return tuple(found)


def _preventions(case: CaseFile, catalogue: Catalogue, number: int, response: Response) -> Iterator[str]:
    diagnosis = case.diagnoses[number]
    top = diagnosis.hypotheses[0] if diagnosis.status == "diagnosed" else None
    name = top.component if top is not None else case.incident.service
    if top is not None and top.kind in PREVENTED:
        yield f"{top.kind}-prevention"
    if not response.by_rule:
        yield "alert-rule"
    if response.delay is not None and not response.is_noticed_in_time:
        yield "detection"
    if top is not None and top.kind not in ("silence", "unknown"):
        yield "staging"
    if name is not None and not catalogue.service(name).objectives:
        yield "objective"
    if name is not None and not catalogue.service(name).runbooks:
        yield "runbook"
    if diagnosis.scope.users is None and diagnosis.scope.affected:
        yield "users"


def _service(facts: Facts, case: CaseFile, number: int) -> Fact | None:
    if case.incident.service is not None:
        return facts.at("name", "case", "incident", "service")
    if case.diagnoses[number].scope.affected:
        return facts.at("name", "case", "diagnoses", number, "scope", "affected", 0, "service")
    return None


def _due(facts: Facts, case: CaseFile, what: str) -> Fact | None:
    days = facts.at("days", "policy", f"{what}_days", severity_of(case) or UNJUDGED)
    return facts.sum("date", f"{what} due", "now + 86400 * days", now=facts.at("moment", "now"), days=days)
