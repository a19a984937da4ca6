"""Which portions of a service's requests carry its trouble, and which services suffer as a whole."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from watchkeeper.analysis.contrasts import (
    Contrast,
    Demand,
    Figures,
    Sides,
    in_errors,
    in_latency,
    of_whole_in_errors,
    of_whole_in_latency,
)
from watchkeeper.domain import EvidenceId, Portion

WHOLE = "service.name"
"""The attribute under which a `PortionQuery` answer holds all requests of a service."""
OTHER = "(other)"
"""The value under which it holds those beyond its cap."""

_NAMED_FIRST = ("operation", "service.version", "service.instance.id")
_SAID_BY_OPERATION = ("http.route", "http.request.method")

Key = tuple[str, str, str]
"""Service, attribute, value."""


@dataclass(frozen=True)
class Carrier:
    """Requests of one service that share an attribute's value and suffer more than its others, or all of them."""

    service: str
    attribute: str
    """`service.name` where it is the service as a whole."""
    value: str
    sides: Sides
    contrast: Contrast

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the service's requests."""
        return self.attribute == WHOLE

    def as_portion(self, evidence: EvidenceId | None = None) -> Portion:
        """The same as the noun."""
        now, usual = self.sides.now, self.sides.usual
        return Portion(
            service=self.service,
            attribute=self.attribute,
            value=self.value,
            requests=now.requests,
            errors=now.errors,
            p95_ms=now.p95_ms,
            usual_requests=usual.requests,
            usual_errors=usual.errors,
            usual_p95_ms=usual.p95_ms,
            evidence=evidence,
        )


def read_portions(table: pa.Table) -> dict[Key, Sides]:
    """The rows of a `PortionQuery` answer, both parts of a portion together."""
    parts: dict[Key, dict[str, Figures]] = {}
    for row in table.to_pylist():
        key = (row["service_name"], row["attribute"], row["value"])
        parts.setdefault(key, {})[row["part"]] = _figures(row)
    return {key: Sides(p.get("incident", Figures()), p.get("usual", Figures())) for key, p in parts.items()}


def carriers(table: pa.Table, demand: Demand | None = None) -> list[Carrier]:
    """The portions that suffer significantly and much more than the rest of their service, the clearest first.

    Not told apart: a portion that has (nearly) all of the service's requests, whatever lies beyond the cap, and
    attributes that no successful request has, as those are consequences. Of portions with the very same figures one
    is named: operations, then versions, then instances before other attributes.
    """
    how, portions = demand or Demand(), read_portions(table)
    wholes = {service: sides for (service, attribute, _), sides in portions.items() if attribute == WHOLE}
    consequences = _consequences(portions)
    tested = {
        key: sides
        for key, sides in portions.items()
        if key[1] != WHOLE
        and key[2] != OTHER
        and key[:2] not in consequences
        and _can_be_told_apart(sides, wholes[key[0]], how)
    }
    tests = max(1, 2 * len(tested))
    found = []
    for key, sides in tested.items():
        whole = wholes[key[0]]
        contrasts = (in_errors(sides, whole, how, tests), in_latency(sides, whole, how, tests))
        found += _clearest(key, sides, contrasts)
    return _ranked(_told_once(found))


def wholes_hit(table: pa.Table, demand: Demand | None = None) -> list[Carrier]:
    """The services that as a whole fail more or take longer than usual, the clearest first.

    One that is not among the `carriers` suffers evenly: all of it.
    """
    how = demand or Demand()
    wholes = {key: sides for key, sides in read_portions(table).items() if key[1] == WHOLE}
    tests = max(1, 2 * len(wholes))
    found = []
    for key, sides in wholes.items():
        found += _clearest(key, sides, (of_whole_in_errors(sides, how, tests), of_whole_in_latency(sides, how, tests)))
    return _ranked(found)


def _figures(row: dict[str, float | int | str | None]) -> Figures:
    n, log_mean, log_sd = int(row["requests"] or 0), float(row["mean_log_ms"] or 0), float(row["sd_log_ms"] or 0)
    p95 = row["p95_ms"]
    return Figures(
        requests=n,
        errors=int(row["errors"] or 0),
        spent_ms=n * float(row["mean_ms"] or 0),
        logs=n * log_mean,
        squares=max(n - 1, 0) * log_sd**2 + n * log_mean**2,
        p95_ms=None if p95 is None else float(p95),
    )


def _consequences(portions: dict[Key, Sides]) -> set[tuple[str, str]]:
    """Services' attributes that requests have only when they fail."""
    succeeded: dict[tuple[str, str], int] = {}
    for (service, attribute, _), sides in portions.items():
        good = sides.now.requests - sides.now.errors + sides.usual.requests - sides.usual.errors
        succeeded[service, attribute] = succeeded.get((service, attribute), 0) + good
    return {key for key, good in succeeded.items() if good == 0}


def _can_be_told_apart(part: Sides, whole: Sides, how: Demand) -> bool:
    rest = whole.now.requests - part.now.requests
    return part.now.requests >= how.requests and rest >= max(how.requests, how.rest_share * whole.now.requests)


def _clearest(key: Key, sides: Sides, contrasts: Iterable[Contrast | None]) -> list[Carrier]:
    known = [contrast for contrast in contrasts if contrast is not None]
    return [Carrier(*key, sides, max(known, key=lambda c: c.strength))] if known else []


def _told_once(found: list[Carrier]) -> list[Carrier]:
    by_operation = {(c.service, c.contrast.measure) for c in found if c.attribute == "operation"}
    first: dict[tuple[object, ...], Carrier] = {}
    for carrier in sorted(found, key=_name_order):
        is_said = (carrier.service, carrier.contrast.measure) in by_operation
        if carrier.attribute in _SAID_BY_OPERATION and is_said:
            continue
        now, usual = carrier.sides.now, carrier.sides.usual
        figures = (now.requests, now.errors, round(now.spent_ms, 3), usual.requests, usual.errors)
        first.setdefault((carrier.service, *figures), carrier)
    return list(first.values())


def _name_order(carrier: Carrier) -> tuple[int, str, str, str]:
    known = carrier.attribute in _NAMED_FIRST
    place = _NAMED_FIRST.index(carrier.attribute) if known else len(_NAMED_FIRST)
    return place, carrier.attribute, carrier.service, carrier.value


def _ranked(found: Iterable[Carrier]) -> list[Carrier]:
    return sorted(found, key=lambda c: (-c.contrast.strength, c.service, _name_order(c)))
