"""Who is affected: services with symptoms, and those who call the cause and were served worse."""

from watchkeeper.diagnosis.blame import reachable
from watchkeeper.diagnosis.measured import Served
from watchkeeper.diagnosis.seen import Seen
from watchkeeper.domain import Affected

WORSE_ERRORS, WORSE_P95 = 0.01, 1.2
"""By how much a share of failures, or as what multiple of the usual the p95, is worse."""


def affected(seen: Seen, cause: str | None) -> tuple[Affected, ...]:
    """Services with symptoms, and who calls the cause and suffers; most failures, then slowest, first."""
    edges = {(callee, caller) for caller, callee, _ in seen.vitals.calls}
    showing = {s.service for s in seen.symptoms}
    callers = reachable(cause, edges) if cause else set()
    found = [_affected(name, seen.served) for name in sorted((showing | callers) & set(seen.vitals.services))]
    kept = [each for each in found if each.service in showing or each.service == cause or _is_worse(each, seen.served)]
    return tuple(sorted(kept, key=lambda a: (-a.errors, -(a.p95_ms or 0) / (a.usual_p95_ms or 1), a.service)))


def _affected(name: str, served: Served) -> Affected:
    now = served.since.rows.get((name, ""), {})
    usual = served.usual.rows.get((name, ""), {}) if served.usual is not None else {}
    return Affected(
        service=name,
        requests=int(now.get("requests", 0)),
        errors=int(now.get("errors", 0)),
        p95_ms=now.get("p95_ms"),
        usual_p95_ms=usual.get("p95_ms"),
        evidence=served.since.evidence,
    )


def _is_worse(each: Affected, served: Served) -> bool:
    usual = served.usual.rows.get((each.service, ""), {}) if served.usual is not None else {}
    before = usual.get("errors", 0) / usual["requests"] if usual.get("requests") else 0.0
    if each.requests and each.errors / each.requests > before + WORSE_ERRORS:
        return True
    return each.p95_ms is not None and each.usual_p95_ms is not None and each.p95_ms >= WORSE_P95 * each.usual_p95_ms
