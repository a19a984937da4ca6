"""What a diagnosis still waits for: alerts come before their evidence, and what is not there yet proves nothing."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from watchkeeper.diagnosis.blame import parts_of
from watchkeeper.diagnosis.seen import Seen
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.evidence.vitals import Vitals

SETTLED = timedelta(minutes=2)
"""So much of an incident shows what lasts and what was a blip."""
FEW_REQUESTS = 20
"""Requests since the onset from which on a component can be judged."""
NAMED = 3
"""Components without requests that are named."""


def awaited(seen: Seen, ranked: Sequence[str]) -> tuple[str, ...]:
    """What would make a diagnosis from spans surer and is not there yet; `ranked` are the causes considered."""
    return tuple(_awaited(seen, ranked))


def awaited_after(at: datetime, now: datetime, enough: timedelta) -> tuple[str, ...]:
    """The same where all that is known is since when somebody says that something is wrong."""
    return (more_of_it(enough),) if now - at < enough else ()


def awaited_of_metrics(at: datetime, last: datetime) -> tuple[str, ...]:
    """The same of coarse metrics whose last step begins at `last`."""
    if last <= at:
        return ("the next step of the metrics: the last one that there is began before the alarm",)
    return ()


def more_of_it(enough: timedelta) -> str:
    """That too little of an incident was seen."""
    minutes = {1: "a minute", 2: "two minutes", 3: "three minutes"}[round(enough.total_seconds() / 60)]
    return f"more of the incident: less than {minutes} of it could be seen"


def _awaited(seen: Seen, ranked: Sequence[str]) -> Iterator[str]:
    incident, vitals = seen.timing.incident, seen.vitals
    if incident.duration < SETTLED:
        yield more_of_it(SETTLED)
    part = parts_of(vitals, seen.timing).incident
    if _is_silent_since(vitals, part):
        yield "metrics: no point of them has arrived since it began"
    if _has_no_lines(seen):
        yield "log lines: none has arrived since it began"
    suspects = dict.fromkeys([*ranked, *(s.service for s in seen.symptoms)])
    quiet = [n for n in suspects if n in vitals.services and vitals.services[n].total(part)[0] < FEW_REQUESTS]
    for name in quiet[:NAMED]:
        yield f"requests to {quoted(name)}: too few came since it began to judge it by them"


def _is_silent_since(vitals: Vitals, part: slice) -> bool:
    """Whether resources were reported, and none since."""
    if not vitals.resources:
        return False
    return not any(np.isfinite(usage.values[part]).any() for usage in vitals.resources.values())


def _has_no_lines(seen: Seen) -> bool:
    """Whether lines were logged before, and none since."""
    rows = seen.saying.ledger.answer(seen.vitals.evidence["logs"])
    if rows is None or rows.num_rows == 0:
        return False
    last: datetime = max(rows["time"].to_pylist())
    return last < seen.timing.incident.start
