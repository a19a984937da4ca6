"""Kinds of spans for data sets that did not publish them: who answers whom is told by parents and durations."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def kinds_of(
    traces: Sequence[str],
    ids: Sequence[str],
    parents: Sequence[str | None],
    services: Sequence[str],
    names: Sequence[str],
    durations: NDArray[np.int64],
) -> list[str]:
    """The kind of each span, from columns of shape (n,): ids, the parent's id or None at the root, and durations.

    Roots and spans with their parent in another service answer; their parents call. Where most answers outlast the
    call, nobody waits for them: those are producers and consumers.
    """
    row_of = {key: row for row, key in enumerate(zip(traces, ids, strict=True))}
    parent = [row_of.get((t, p), -1) for t, p in zip(traces, parents, strict=True)]  # type: ignore[arg-type]
    calls: dict[tuple[str, str], list[int]] = {}
    crossing = [row for row, p in enumerate(parent) if p >= 0 and services[p] != services[row]]
    for row in crossing:
        up = parent[row]
        counts = calls.setdefault((services[up], names[up]), [0, 0])
        counts[0] += 1
        counts[1] += int(durations[row] > durations[up])
    callers = {key: "producer" if 2 * late > total else "client" for key, (total, late) in calls.items()}
    kinds = [callers.get(key, "internal") for key in zip(services, names, strict=True)]
    for row, p in enumerate(parent):
        if parents[row] is None:
            kinds[row] = "server"
        elif p >= 0 and services[p] != services[row]:
            kinds[row] = "consumer" if callers[services[p], names[p]] == "producer" else "server"
    return kinds
