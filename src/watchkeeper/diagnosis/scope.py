"""Who is affected: services with symptoms, and everybody who calls the cause."""

from watchkeeper.analysis.robust import location_scale
from watchkeeper.diagnosis.blame import parts_of, reachable
from watchkeeper.diagnosis.seen import Seen
from watchkeeper.domain import Affected


def affected(seen: Seen, cause: str | None) -> tuple[Affected, ...]:
    """Services with symptoms, and who calls the cause, with what they suffered; most failures, then slowest, first."""
    parts = parts_of(seen.vitals, seen.timing)
    edges = {(callee, caller) for caller, callee, _ in seen.vitals.calls}
    names = {s.service for s in seen.symptoms} | (reachable(cause, edges) if cause else set())
    found = []
    for name in sorted(names & set(seen.vitals.services)):
        red = seen.vitals.services[name]
        requests, errors = red.total(parts.incident)
        now, usual = (location_scale(red.p95_ms[part])[0] for part in (parts.incident, parts.usual))
        found.append(
            Affected(
                service=name,
                requests=int(requests),
                errors=int(errors),
                p95_ms=round(now, 1) if now == now else None,
                usual_p95_ms=round(usual, 1) if usual == usual else None,
                evidence=seen.vitals.evidence["services"],
            )
        )
    return tuple(sorted(found, key=lambda a: (-a.errors, -(a.p95_ms or 0) / (a.usual_p95_ms or 1), a.service)))
