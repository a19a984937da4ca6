"""Whether the whole system was started anew: what it did before tells nothing of what is usual for it now."""

from datetime import datetime

import numpy as np

from watchkeeper.evidence.vitals import Vitals

QUIET_SECONDS = 20.0
NEEDED_SECONDS = 120.0
"""What has run for less is still compared with what was before: it has no past of its own."""
LEAST_SERVICES = 2


def began_anew(
    vitals: Vitals, quiet_seconds: float = QUIET_SECONDS, needed_seconds: float = NEEDED_SECONDS
) -> datetime | None:
    """When what reports at the end began to; None where it has run all along, or not for long enough to have a past.

    It was started anew if everybody had been silent for that long and every instance that reports since is another
    one: where telemetry was only held up, the same instances go on, and their past stays what it was.
    """
    if len(vitals.presence) < LEAST_SERVICES:
        return None
    anybody = np.flatnonzero(np.sum([rows > 0 for rows in vitals.presence.values()], axis=0))
    pauses = np.flatnonzero(np.diff(anybody) * vitals.grid.step_seconds > quiet_seconds)
    if pauses.size == 0:
        return None
    begin = int(anybody[pauses[-1] + 1])
    seen = [span for instances in vitals.instances.values() for span in instances.values() if span[1] >= begin]
    if not seen or min(first for first, _ in seen) < begin:
        return None
    if (vitals.grid.size - begin) * vitals.grid.step_seconds < needed_seconds:
        return None
    return vitals.grid.time_of(begin)
