"""Who felt it, counted: requests where users come in, services and portions that carry the trouble, users, money."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from watchkeeper.domain import Affected, CaseFile, Portion
from watchkeeper.drafts.facts import Fact, Facts

PORTIONS = 6
FAILING_SHARE, SLOWER = 0.01, 1.2
"""From when on users are said to meet failures or slowness: 1 % of requests, p95 a fifth above the usual."""

Effect = Literal["down", "failing", "slow"]


@dataclass(frozen=True)
class Row:
    """One service or endpoint, what it answered in the incident."""

    service: Fact | None
    operation: Fact | None
    requests: Fact | None
    errors: Fact | None
    percent: Fact | None
    p95: Fact | None
    usual_p95: Fact | None
    times: Fact | None
    evidence: Fact | None
    is_slower: bool
    """Whether users would notice."""


@dataclass(frozen=True)
class ToldPortion:
    """The requests that share an attribute's value."""

    service: Fact | None
    attribute: Fact | None
    value: Fact | None
    requests: Fact | None
    errors: Fact | None
    percent: Fact | None
    usual_percent: Fact | None
    p95: Fact | None
    usual_p95: Fact | None
    evidence: Fact | None


@dataclass(frozen=True)
class ToldUsers:
    """How many people met trouble."""

    attribute: Fact | None
    seen: Fact | None
    affected: Fact | None
    percent: Fact | None
    met: Fact | None
    evidence: Fact | None


@dataclass(frozen=True)
class Impact:
    """All of it, over the stretch from the first symptom to the last look."""

    since: Fact | None
    uncertainty: Fact | None
    until: Fact | None
    lasted: Fact | None
    entry: Row | None
    """Where it is counted: once, at the service through which requests come in."""
    is_entry: bool
    """Whether that is known; otherwise it is the affected service with most requests."""
    effect: Effect | None
    """What users meet; None where nothing that was measured reaches them."""
    rows: tuple[Row, ...]
    portions: tuple[ToldPortion, ...]
    users: ToldUsers | None
    lost: Fact | None
    """Money, as an estimate."""


def impact_of(facts: Facts, case: CaseFile, number: int) -> Impact:
    """What the diagnosis says of who is affected."""
    scope, path = case.diagnoses[number].scope, ("case", "diagnoses", number, "scope")
    since = facts.at("moment", *path, "since")
    until = facts.at("moment", "case", "incident", "window", "end")
    lasted = facts.sum("duration", "time observed", "until - since", until=until, since=since)
    rows = tuple(_row(facts, case, number, place) for place in range(len(scope.affected)))
    at = _entry(case, number)
    entry = rows[at] if at is not None else None
    return Impact(
        since=since,
        uncertainty=facts.at("duration", *path, "onset_uncertainty_seconds"),
        until=until,
        lasted=lasted,
        entry=entry,
        is_entry=at is not None and scope.affected[at].service in _entry_names(case, number),
        effect=effect_of(case, number),
        rows=rows,
        portions=tuple(_portion(facts, case, number, place) for place in _told_portions(scope.portions)),
        users=_users(facts, case, number),
        lost=_lost(facts, case, at, number, entry),
    )


def entry_row(case: CaseFile, number: int) -> Affected | None:
    """The row at which impact is counted, or None where no requests were counted."""
    at = _entry(case, number)
    return case.diagnoses[number].scope.affected[at] if at is not None else None


def effect_of(case: CaseFile, number: int) -> Effect | None:
    """What users meet, where anything was measured that reaches them."""
    if any(m.is_unavailable and m.is_entry for m in case.diagnoses[number].scope.measured):
        return "down"
    row = entry_row(case, number)
    if row is None or not row.requests:
        return None
    if row.errors >= FAILING_SHARE * row.requests:
        return "failing"
    return "slow" if _is_slower(row) else None


def _is_slower(row: Affected) -> bool:
    return row.p95_ms is not None and row.usual_p95_ms is not None and row.p95_ms >= SLOWER * row.usual_p95_ms


def _entry_names(case: CaseFile, number: int) -> set[str]:
    """Where requests come in: as it was measured, else those who call and are not called."""
    measured = {m.service for m in case.diagnoses[number].scope.measured if m.is_entry}
    if measured:
        return measured
    calls = list(_calls(case))
    return {caller for caller, _ in calls} - {callee for _, callee in calls}


def _calls(case: CaseFile) -> Iterator[tuple[str, str]]:
    for item in case.evidence:
        columns = item.rows.columns
        if "caller" in columns and "callee" in columns and item.rows.total == len(item.rows.values):
            caller, callee = columns.index("caller"), columns.index("callee")
            yield from ((str(row[caller]), str(row[callee])) for row in item.rows.values)


def _entry(case: CaseFile, number: int) -> int | None:
    affected = case.diagnoses[number].scope.affected
    whole = [place for place, row in enumerate(affected) if row.operation is None]
    entries = [place for place in whole if affected[place].service in _entry_names(case, number)]
    return max(entries or whole, key=lambda place: affected[place].requests, default=None)


def _row(facts: Facts, case: CaseFile, number: int, place: int) -> Row:
    path = ("case", "diagnoses", number, "scope", "affected", place)
    cites = case.diagnoses[number].scope.affected[place].evidence
    requests = facts.at("count", *path, "requests", evidence=cites)
    errors = facts.at("count", *path, "errors", evidence=cites)
    p95 = facts.at("milliseconds", *path, "p95_ms", evidence=cites)
    usual = facts.at("milliseconds", *path, "usual_p95_ms", evidence=cites)
    name = f"affected[{place}]"
    return Row(
        service=facts.at("name", *path, "service"),
        operation=facts.at("name", *path, "operation"),
        requests=requests,
        errors=errors,
        percent=facts.sum("percent", f"{name}.failed", "100 * errors / requests", errors=errors, requests=requests),
        p95=p95,
        usual_p95=usual,
        times=facts.sum("number", f"{name}.times", "p95 / usual", p95=p95, usual=usual),
        evidence=facts.at("name", *path, "evidence"),
        is_slower=_is_slower(case.diagnoses[number].scope.affected[place]),
    )


def _told_portions(portions: Sequence[Portion]) -> list[int]:
    """Which are told: all requests of a service are in the other table already."""
    return [place for place, portion in enumerate(portions) if portion.attribute != "service.name"][:PORTIONS]


def _portion(facts: Facts, case: CaseFile, number: int, place: int) -> ToldPortion:
    path = ("case", "diagnoses", number, "scope", "portions", place)
    cites = case.diagnoses[number].scope.portions[place].evidence
    counts = {
        name: facts.at("count", *path, name, evidence=cites)
        for name in ("requests", "errors", "usual_requests", "usual_errors")
    }
    shown, name = "100 * errors / requests", f"portions[{place}]"
    return ToldPortion(
        service=facts.at("name", *path, "service"),
        attribute=facts.at("name", *path, "attribute"),
        value=facts.at("name", *path, "value"),
        requests=counts["requests"],
        errors=counts["errors"],
        percent=facts.sum("percent", f"{name}.failed", shown, errors=counts["errors"], requests=counts["requests"]),
        usual_percent=facts.sum(
            "percent", f"{name}.usually", shown, errors=counts["usual_errors"], requests=counts["usual_requests"]
        ),
        p95=facts.at("milliseconds", *path, "p95_ms", evidence=cites),
        usual_p95=facts.at("milliseconds", *path, "usual_p95_ms", evidence=cites),
        evidence=facts.at("name", *path, "evidence"),
    )


def _users(facts: Facts, case: CaseFile, number: int) -> ToldUsers | None:
    users, path = case.diagnoses[number].scope.users, ("case", "diagnoses", number, "scope", "users")
    if users is None:
        return None
    seen = facts.at("count", *path, "seen", evidence=users.evidence)
    affected = facts.at("count", *path, "affected", evidence=users.evidence)
    return ToldUsers(
        attribute=facts.at("name", *path, "attribute"),
        seen=seen,
        affected=affected,
        percent=facts.sum("percent", "users.affected", "100 * affected / seen", affected=affected, seen=seen),
        met=facts.at("sentence", *path, "met"),
        evidence=facts.at("name", *path, "evidence"),
    )


def _lost(facts: Facts, case: CaseFile, at: int | None, number: int, entry: Row | None) -> Fact | None:
    if at is None or entry is None:
        return None
    service = case.diagnoses[number].scope.affected[at].service
    each = facts.at("money", "catalogue", "services", service, "cost", "per_failed_request")
    currency = facts.at("word", "catalogue", "services", service, "cost", "currency")
    unit = currency.plain if currency else ""
    return facts.sum("money", "lost", "failed * each", unit, failed=entry.errors, each=each)
