"""Who is affected, counted: the portions of requests that carry the trouble, and the people who met it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

from watchkeeper.analysis.contrasts import Sides
from watchkeeper.analysis.portions import Carrier, carriers, read_portions, wholes_hit
from watchkeeper.domain import EvidenceId, Portion, Reading, Users, Window
from watchkeeper.evidence.answers import NO_ROWS, Answers, Readings
from watchkeeper.redaction import is_secret, redact
from watchkeeper.telemetry.sources import Answer, Cancel, PortionQuery, Query, SlowLimit, Traces, UserQuery

PORTIONS, COMBINATIONS = 12, 3
"""Portions that a scope names, and combinations of attributes that are asked about."""
_SLOW = 1.5
"""How many times its operation's usual p95 a slow request takes, and an operation's p95 where it got slow."""
_SLOW_MS, _REQUESTS, _LIMITS = 5.0, 10, 200
FAILED = "a request that failed"
FAILED_OR_SLOW = "a request that failed, or took half as long again as the usual p95 of its operation"

Q = TypeVar("Q", bound=Query)


class Asks(Protocol):
    """How questions are put so that their evidence is kept: `Ledger.ask`."""

    def __call__(
        self, question: str, source: str, method: Callable[[Q, Cancel | None], Answer], query: Q, /
    ) -> tuple[EvidenceId, pa.Table | None]:
        """The number of the evidence, and the answer's rows, None where the source failed."""


@dataclass(frozen=True)
class Reach:
    """Who is affected; empty and None where there is nobody, or nothing to tell by, or the source failed."""

    portions: tuple[Portion, ...] = ()
    """The clearest first. Those with the attribute `service.name` are all requests of a service that suffers evenly."""
    users: Users | None = None
    carriers: tuple[Carrier, ...] = ()
    """The same portions, with how much worse than the rest they are."""
    evidence: dict[str, EvidenceId] = field(default_factory=dict)
    """Which evidence holds `portions`, `users`."""


def take_scope(
    sources: Traces,
    ask: Asks,
    services: Sequence[str],
    usual: Window,
    incident: Window,
    doors: Sequence[str] = (),
    together: Iterable[tuple[str, str]] = (),
) -> Reach:
    """Ask which requests and how many people are affected. Never raises for a source that is down.

    `services` are those that show trouble, none means all; `doors` are those where people's requests arrive, by which
    people are counted (the services, where none is named). `together` are services with attributes, as in
    `cloud.region, service.version`, whose values are counted in combination, as a drill-down found that they matter.
    """
    asked = tuple(sorted({*services, *doors})) if services else ()
    start, gap_end = min(usual.start, incident.start), min(usual.end, incident.start)
    e_portions, table = ask(
        "Which requests carry the trouble, by version, operation, host, region and whatever else they have in common?",
        "traces",
        sources.portions,
        PortionQuery(
            window=Window(start=start, end=incident.end), services=asked, split=incident.start, usual_end=gap_end
        ),
    )
    found = () if table is None else _hit(table)
    combined = _combined(sources, ask, together, Window(start=start, end=incident.end), incident, gap_end)
    limits = () if table is None else _slow_limits(table, found, tuple(doors) or asked)
    e_users, people = ask(
        "How many different people sent requests, and how many of them met trouble?",
        "traces",
        sources.users,
        UserQuery(window=incident, services=tuple(doors) or asked, slow_limits=limits),
    )
    both = [*combined, *((carrier, e_portions) for carrier in found)]
    shown = [(c, number) for c, number in both if not is_secret(c.attribute, c.value)][:PORTIONS]
    return Reach(
        portions=tuple(carrier.as_portion(number) for carrier, number in shown),
        users=None if people is None else _users(people, FAILED_OR_SLOW if limits else FAILED, e_users),
        carriers=tuple(carrier for carrier, _ in shown),
        evidence={"portions": e_portions, "users": e_users, **{f"portions {n}": n for _, n in combined}},
    )


def _combined(
    sources: Traces,
    ask: Asks,
    together: Iterable[tuple[str, str]],
    window: Window,
    incident: Window,
    usual_end: datetime,
) -> list[tuple[Carrier, EvidenceId]]:
    """The combinations of values that carry the trouble, and the evidence in which they are counted."""
    found = []
    for service, attribute in list(dict.fromkeys(together))[:COMBINATIONS]:
        query = PortionQuery(
            window=window, services=(service,), keys=(attribute,), split=incident.start, usual_end=usual_end
        )
        number, table = ask(
            f"Which requests to {service} carry the trouble, by {attribute} together?",
            "traces", sources.portions, query,
        )  # fmt: skip
        found += [(carrier, number) for carrier in (() if table is None else carriers(table))]
    return found


def _hit(table: pa.Table) -> tuple[Carrier, ...]:
    """Portions that carry the trouble, and the services that suffer without any such portion."""
    found = carriers(table)
    uneven = {carrier.service for carrier in found}
    found += [whole for whole in wholes_hit(table) if whole.service not in uneven]
    return tuple(sorted(found, key=lambda c: (-c.contrast.strength, c.service)))


def _slow_limits(table: pa.Table, hit: Iterable[Carrier], doors: Sequence[str]) -> tuple[SlowLimit, ...]:
    """From when on a request is slow, of operations that got slow, where their service or a portion of it did."""
    slower = {carrier.service for carrier in hit if carrier.contrast.measure == "latency"}
    found: list[tuple[int, SlowLimit]] = []
    for (service, attribute, value), sides in read_portions(table).items():
        now, usual = sides.now.p95_ms, sides.usual.p95_ms
        known = attribute == "operation" and service in slower and (not doors or service in doors)
        if not known or not now or not usual or min(sides.usual.requests, sides.now.requests) < _REQUESTS:
            continue
        if redact(value) == value and now >= _SLOW * usual and now - usual >= _SLOW_MS:
            limit = SlowLimit(service=service, operation=value, slow_ms=_SLOW * usual)
            found.append((sides.now.requests, limit))
    found.sort(key=lambda pair: (-pair[0], pair[1].service, pair[1].operation))
    return tuple(limit for _, limit in found[:_LIMITS])


def _users(table: pa.Table, met: str, evidence: EvidenceId) -> Users | None:
    """By the first attribute that at least half as many requests carry as carry the most common one."""
    rows = [row for row in table.to_pylist() if row["seen"]]
    most = max((row["requests"] for row in rows), default=0)
    for row in rows:
        if 2 * row["requests"] >= most:
            return Users(
                attribute=row["attribute"], seen=row["seen"], affected=row["affected"], met=met, evidence=evidence
            )
    return None


_FIGURES = ("requests", "errors", "error_ratio", "mean_ms", "p95_ms")
_SCHEMA = pa.schema(
    [pa.field(name, pa.string()) for name in ("service", "attribute", "value")]
    + [
        pa.field(f"{name}{side}", pa.int64() if name in ("requests", "errors") else pa.float64())
        for name in _FIGURES
        for side in ("_before", "")
    ]
    + [pa.field("times_as_bad", pa.float64()), pa.field("share_of_trouble", pa.float64())]
)


def portion_rows(table: pa.Table) -> pa.Table:
    """A `PortionQuery` answer with both parts side by side: what carries trouble first, then by failures and time."""
    named = {(c.service, c.attribute, c.value): c for c in [*wholes_hit(table), *carriers(table)]}
    rows = []
    for key, sides in read_portions(table).items():
        if is_secret(key[1], key[2]):
            continue
        carrier = named.get(key)
        contrast = carrier.contrast if carrier else None
        strength = contrast.strength if contrast else 0.0
        told = (contrast.lift, contrast.carried) if contrast else (None, None)
        order = (-strength, -sides.now.errors, -sides.now.spent_ms, key)
        rows.append((order, (*key, *_side_by_side(sides), *told)))
    rows.sort(key=lambda pair: pair[0])
    return pa.Table.from_pylist([dict(zip(_SCHEMA.names, row, strict=True)) for _, row in rows], schema=_SCHEMA)


def _side_by_side(sides: Sides) -> Iterable[int | float | None]:
    for name in _FIGURES:
        for figures in (sides.usual, sides.now):
            value = figures.error_share if name == "error_ratio" else getattr(figures, name)
            yield None if value is None or not np.isfinite(value) else value


def portions_in(answers: Answers, reading: Reading) -> pa.Table:
    """The portions of requests, before and now."""
    table = answers.answer(reading.of[0])
    return NO_ROWS if table is None else portion_rows(table)


READINGS: Readings = {"portions": portions_in}
"""By the name that evidence carries."""
