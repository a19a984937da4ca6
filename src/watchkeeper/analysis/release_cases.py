"""The release test's case from what a diagnosis has at hand: requests by service, by call and by version, changes."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from watchkeeper.analysis.release_candidates import Candidates, reach_of, undoings_of
from watchkeeper.analysis.release_onsets import Onsets
from watchkeeper.analysis.release_series import Kind, Panel, Row, rows_of_red, without_shared
from watchkeeper.analysis.releases import Case
from watchkeeper.analysis.rollout import Arm
from watchkeeper.analysis.series import Grid, Key, Red, added
from watchkeeper.domain import Change


@dataclass(frozen=True)
class Noticed:
    """A symptom of one service: its failures or its durations, and since when."""

    service: str
    kind: Kind
    """`share` for failures, `level` for durations."""
    at: datetime
    uncertainty_seconds: float
    """Half a 90 % interval."""
    is_called: bool = False
    """Whether its callers show it, and not its own telemetry."""


@dataclass(frozen=True)
class Requests:
    """Requests on one grid."""

    grid: Grid
    services: Mapping[str, Red]
    """By service, as it saw them itself."""
    calls: Mapping[Key, Red]
    """By (caller, callee, operation), as the caller saw them."""
    versions: Mapping[Key, Red]
    """By (service, version)."""


def case_from(
    requests: Requests,
    changes: Sequence[Change],
    noticed: Iterable[Noticed],
    touches: Mapping[str, Set[str]] | None = None,
    harmless: Set[str] = frozenset(),
    record_seconds: float | None = None,
) -> Case:
    """Failures and durations of every service, as it and as its callers saw them, less what all services share.

    Symptoms that no series shows are left out, so verdicts are in the order of those that are: `Case.onsets`. A
    release's arms are its version's requests against those of all other versions of its service. `record_seconds` is
    for how long changes have been on record; None: since the first request or change that is known.
    """
    keyed = _rows(requests)
    panel = without_shared(Panel.of(requests.grid, [row for _, row in keyed]))
    place = {key: number for number, (key, _) in enumerate(keyed)}
    shown = [(place[key], each) for each in noticed if (key := (each.service, each.kind, each.is_called)) in place]
    step = requests.grid.step_seconds
    candidates = Candidates.of(changes, touches, harmless)
    return Case(
        panel=panel,
        candidates=candidates,
        onsets=Onsets(
            series=np.array([number for number, _ in shown], dtype=np.int64),
            step=np.array([requests.grid.position_of(each.at) for _, each in shown], dtype=np.float64),
            uncertainty=np.array([each.uncertainty_seconds / step for _, each in shown], dtype=np.float64),
        ),
        reach=reach_of(candidates.touches, panel.services, {(caller, callee) for caller, callee, *_ in requests.calls}),
        arms=_arms(requests, changes, place),
        undoings=undoings_of(changes),
        record_seconds=_record(requests, candidates) if record_seconds is None else record_seconds,
    )


def _record(requests: Requests, candidates: Candidates) -> float:
    """Seconds since the first request or change that is known: before it, changes were hardly recorded either."""
    grid = requests.grid
    seen = [int(at[0]) for red in requests.services.values() if (at := np.flatnonzero(red.requests > 0)).size]
    first = grid.time_of(min(seen, default=0)).timestamp()
    end = grid.time_of(grid.size).timestamp()
    return max(end - min(first, float(candidates.began.min(initial=first))), grid.step_seconds)


Place = tuple[str, Kind, bool]
"""Service, kind of row, and whether it is as its callers saw it."""


def _rows(requests: Requests) -> list[tuple[Place, Row]]:
    by_callee: dict[str, list[Red]] = {}
    for key in sorted(requests.calls):
        by_callee.setdefault(key[1], []).append(requests.calls[key])
    views = [(name, requests.services[name], False) for name in sorted(requests.services)]
    views += [(name, added(by_callee[name]), True) for name in sorted(by_callee)]
    rows = [
        (row, is_called)
        for name, red, is_called in views
        for row in rows_of_red(name, red, f"{name}, as called" if is_called else name)
    ]
    return [((row.service, row.kind, is_called), row) for row, is_called in rows]


def _arms(requests: Requests, changes: Sequence[Change], place: Mapping[Place, int]) -> list[Arm]:
    """New against old wherever some steps saw both."""
    arms = []
    for number, change in enumerate(changes):
        new = requests.versions.get((change.service, change.version or ""))
        old = [red for (s, v), red in sorted(requests.versions.items()) if s == change.service and v != change.version]
        if new is None or not change.version or not old:
            continue
        rest = added(old)
        if ((new.requests > 0) & (rest.requests > 0)).sum() < 2:
            continue
        sides = zip(rows_of_red(change.service, new), rows_of_red(change.service, rest), strict=True)
        for treated, control in sides:
            series = place.get((change.service, treated.kind, False))
            if series is not None:
                arms.append(Arm(number, series, treated, control))
    return arms
