"""What the trouble means to people outside: the features of the catalogue that carry it, and nothing internal."""

from collections.abc import Iterator

from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import CaseFile, Portion
from watchkeeper.drafts.facts import Fact, Facts
from watchkeeper.drafts.impact import FAILING_SHARE, SLOWER, entry_row

FEATURES = 4
ROUTES = {"http.route", "operation", "span.name"}
"""Attributes whose values are routes, as the catalogue names them."""


def features_of(facts: Facts, catalogue: Catalogue, case: CaseFile, number: int) -> tuple[Fact, ...]:
    """The features whose routes carry the trouble; else those of the cause's service; else none is known."""
    found = list(_carrying(catalogue, case, number)) or list(_of_the_cause(catalogue, case, number))
    places: dict[str, tuple[str, str]] = {}
    for service, route in found:
        places.setdefault(catalogue.service(service).features[route], (service, route))
    named = (facts.at("sentence", "catalogue", "services", s, "features", r) for s, r in places.values())
    return tuple(fact for fact in named if fact is not None)[:FEATURES]


def _carrying(catalogue: Catalogue, case: CaseFile, number: int) -> Iterator[tuple[str, str]]:
    scope = case.diagnoses[number].scope
    routes = [(row.service, row.operation) for row in scope.affected if row.operation is not None and row.errors]
    routes += [(p.service, p.value) for p in scope.portions if p.attribute in ROUTES and _is_hurt(p)]
    for service, value in routes:
        for route in catalogue.service(service).features:
            if value in (route, route.partition(" ")[2]):
                yield service, route


def _of_the_cause(catalogue: Catalogue, case: CaseFile, number: int) -> Iterator[tuple[str, str]]:
    diagnosis = case.diagnoses[number]
    cause = diagnosis.hypotheses[0].component if diagnosis.status == "diagnosed" else case.incident.service
    row = entry_row(case, number)
    # All features of an entry service would say too much, unless the trouble is its own.
    if cause is not None and (row is None or row.service != cause or len(catalogue.service(cause).features) == 1):
        yield from ((cause, route) for route in catalogue.service(cause).features)


def _is_hurt(portion: Portion) -> bool:
    slower = portion.p95_ms is not None and portion.usual_p95_ms is not None
    return portion.errors >= FAILING_SHARE * max(portion.requests, 1) or (
        slower and (portion.p95_ms or 0.0) >= SLOWER * (portion.usual_p95_ms or 0.0)
    )
