"""Who felt it: services and endpoints, the portions that carry the trouble, people."""

from dataclasses import dataclass

from watchkeeper.domain import Affected, Diagnosis, Portion
from watchkeeper.server.pages.incident.view import phrases

ROWS = 40


@dataclass(frozen=True)
class Row:
    """One service, endpoint or portion, in words."""

    name: str
    detail: str
    requests: str
    failed: str
    p95: str
    usual_p95: str
    evidence: str | None


@dataclass(frozen=True)
class Impact:
    """All of it."""

    services: tuple[Row, ...] = ()
    portions: tuple[Row, ...] = ()
    users: str = ""
    users_evidence: str | None = None
    left_out: int = 0


def impact_of(diagnosis: Diagnosis | None) -> Impact:
    """What a diagnosis says of who is affected."""
    if diagnosis is None:
        return Impact()
    scope = diagnosis.scope
    users = scope.users
    told = ""
    if users is not None:
        part = f" ({phrases.share(users.affected / users.seen)})" if users.seen and users.affected else ""
        told = f"{users.affected:,} of {phrases.counted(users.seen, 'user')}{part} met {phrases.line(users.met)}"
        told += f"; told apart by {phrases.line(users.attribute, phrases.NAME)}"
    return Impact(
        services=tuple(_service(row) for row in scope.affected[:ROWS]),
        portions=tuple(_portion(row) for row in scope.portions[:ROWS]),
        users=told,
        users_evidence=users.evidence if users else None,
        left_out=max(0, len(scope.affected) - ROWS) + max(0, len(scope.portions) - ROWS),
    )


def _service(row: Affected) -> Row:
    return Row(
        name=phrases.line(row.service, phrases.NAME),
        detail=phrases.line(row.operation or "all requests", phrases.NAME),
        requests=f"{row.requests:,}",
        failed=_failed(row.errors, row.requests),
        p95=phrases.milliseconds(row.p95_ms),
        usual_p95=phrases.milliseconds(row.usual_p95_ms),
        evidence=row.evidence,
    )


def _portion(row: Portion) -> Row:
    what = "all requests" if row.attribute == "service.name" else f"{row.attribute} = {row.value}"
    return Row(
        name=phrases.line(row.service, phrases.NAME),
        detail=phrases.line(what, 200),
        requests=f"{row.requests:,}",
        failed=_failed(row.errors, row.requests),
        p95=phrases.milliseconds(row.p95_ms),
        usual_p95=phrases.milliseconds(row.usual_p95_ms),
        evidence=row.evidence,
    )


def _failed(errors: int, requests: int) -> str:
    if not errors:
        return "none"
    return f"{errors:,} ({phrases.share(errors / requests)})" if requests else f"{errors:,}"
