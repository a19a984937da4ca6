"""What an incident took of the error budgets that the catalogue promises, as sums that a reader can follow."""

from dataclasses import dataclass

from watchkeeper.catalogue import Catalogue, Objective
from watchkeeper.domain import Affected, CaseFile
from watchkeeper.drafts.facts import Fact, Facts
from watchkeeper.drafts.impact import Impact, Row


@dataclass(frozen=True)
class Spent:
    """One objective against one incident."""

    service: Fact | None
    name: Fact | None
    target: Fact | None
    days: Fact | None
    route: Fact | None
    is_route_counted: bool
    """Whether the row is the route's own; otherwise it is the whole service's."""
    latency: Fact | None
    row: Row
    allowance: Fact | None
    """Minutes of full outage that the window allows."""
    spent: Fact | None
    """Minutes of full outage that the failures add up to."""
    spent_percent: Fact | None
    allowed: Fact | None
    """Requests that may fail among those that were counted."""
    is_over: bool
    """Whether more failed than that."""


def spent_of(facts: Facts, catalogue: Catalogue, case: CaseFile, number: int, impact: Impact) -> tuple[Spent, ...]:
    """Each objective of each affected service of which requests were counted."""
    affected = case.diagnoses[number].scope.affected
    found = []
    for service in dict.fromkeys(row.service for row in affected):
        for place, objective in enumerate(catalogue.service(service).objectives):
            at, is_route = _row_for(service, objective, affected)
            if at is not None:
                found.append(_spent(facts, service, place, impact.rows[at], is_route, impact.lasted))
    return tuple(found)


def _row_for(service: str, objective: Objective, affected: tuple[Affected, ...]) -> tuple[int | None, bool]:
    own = [place for place, row in enumerate(affected) if row.service == service]
    for place in own:
        if objective.route is not None and affected[place].operation == objective.route:
            return place, True
    whole = next((place for place in own if affected[place].operation is None), None)
    return whole, False


def _spent(facts: Facts, service: str, place: int, row: Row, is_route: bool, lasted: Fact | None) -> Spent:
    path = ("catalogue", "services", service, "objectives", place)
    name = f"{service}.objectives[{place}]"
    target = facts.at("percent", *path, "target_percent")
    days = facts.at("days", *path, "window_days")
    allowance = facts.sum(
        "minutes", f"{name}.allowance", "days * 24 * 60 * (100 - target) / 100", days=days, target=target
    )
    spent = facts.sum(
        "minutes",
        f"{name}.spent",
        "lasted / 60 * failed / requests",
        lasted=lasted,
        failed=row.errors,
        requests=row.requests,
    )
    allowed = facts.sum(
        "number", f"{name}.allowed", "requests * (100 - target) / 100", requests=row.requests, target=target
    )
    return Spent(
        service=row.service,
        name=facts.at("sentence", *path, "name"),
        target=target,
        days=days,
        route=facts.at("name", *path, "route"),
        is_route_counted=is_route,
        latency=facts.at("milliseconds", *path, "latency_ms"),
        row=row,
        allowance=allowance,
        spent=spent,
        spent_percent=facts.sum(
            "percent", f"{name}.spent_percent", "100 * spent / allowance", spent=spent, allowance=allowance
        ),
        allowed=allowed,
        is_over=_is_more(row.errors, allowed),
    )


def _is_more(fact: Fact | None, than: Fact | None) -> bool:
    if fact is None or than is None:
        return False
    return isinstance(fact.value, int | float) and isinstance(than.value, int | float) and fact.value > than.value
