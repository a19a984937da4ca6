"""Why having found nothing does not mean that nothing is wrong, and what must be said beside what was found."""

import difflib
from collections.abc import Iterable, Sequence

from watchkeeper.analysis.symptoms import Sensitivity, Symptom
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.diagnosis.verify import Writer
from watchkeeper.domain import Diagnosis, Measured, Scalar, Signal
from watchkeeper.evidence.prose import given
from watchkeeper.evidence.vitals import Vitals

ENOUGH_REQUESTS, BAD_SHARE, BAD_RATIO = 30, 0.02, 2.0
"""From so many requests on, such a share of failures or such a multiple of the usual p95 is never called healthy."""
ALIKE = 0.5
"""How much a name must be like another to be meant, 0 to 1."""


def too_little(signal: Signal, vitals: Vitals, gaps: tuple[str, ...], how: Sensitivity, writer: Writer) -> str | None:
    """Why what can be seen is too little to say that nothing is wrong; None where it is enough."""
    if gaps:
        return "no symptom is to be seen in what answered, and not everything did"
    if not vitals.names:
        return "there is no telemetry of any service in this window"
    if signal.service is not None and signal.service not in vitals.presence:
        near = difflib.get_close_matches(signal.service, vitals.names, n=1, cutoff=ALIKE)
        meant = f" (did you mean {near[0]}?)" if near else f", only of {', '.join(vitals.names[:8])}"
        return f"there is no telemetry of {signal.service} in this window{meant}"
    if not vitals.services:
        return "there are no spans in this window, so errors and latency cannot be seen; the rest is as usual"
    needed = how.past_seconds + how.recent_seconds
    rows = [vitals.presence[signal.service]] if signal.service else list(vitals.presence.values())
    seconds = max(float((row > 0).sum()) for row in rows) * vitals.grid.step_seconds
    if seconds >= needed:
        return None
    told = f"there are only {given('seconds', 's')} of telemetry in this window, {given('needed', 's')} are needed"
    return writer.write(f"{told} to compare", {"seconds": seconds, "needed": needed})


def yet_bad(measured: Iterable[Measured], writer: Writer) -> str | None:
    """What is plainly bad where requests enter, though it passes no test against the past; None where nothing is."""
    for each in measured:
        if not each.is_entry or each.requests < ENOUGH_REQUESTS:
            continue
        fields: dict[str, Scalar] = {"requests": each.requests, "errors": each.errors}
        if each.errors > BAD_SHARE * each.requests:
            told = f"{given('errors', 'count')} of {given('requests', 'count')} requests to {quoted(each.name)} failed"
        elif each.p95_ms and each.usual_p95_ms and each.p95_ms >= BAD_RATIO * each.usual_p95_ms:
            fields |= {"now": each.p95_ms, "usual": each.usual_p95_ms}
            told = f"p95 of {quoted(each.name)} is {given('now', 'ms')}, usually {given('usual', 'ms')}"
        else:
            continue
        return writer.write(f"no symptom passes the tests against the past, yet {told}", fields)
    return None


def aside(signal: Signal, symptoms: Sequence[Symptom], found: Diagnosis) -> tuple[str, ...]:
    """What to say where the service that was asked about is not the one that is blamed."""
    if signal.kind != "question" or signal.service is None or not found.hypotheses:
        return ()
    if signal.service == found.hypotheses[0].component:
        return ()
    if signal.service in {s.service for s in symptoms}:
        return (f"{signal.service}, which was asked about, is affected; what is blamed lies elsewhere",)
    return (f"{signal.service}, which was asked about, shows no symptom of its own; this is what is wrong elsewhere",)
