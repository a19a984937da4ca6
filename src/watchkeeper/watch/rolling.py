"""The vitals of the last stretch of time, kept from look to look: each look asks only for what is new."""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from watchkeeper.analysis.resources import ResourceKind, Usage
from watchkeeper.analysis.series import Floats, Grid
from watchkeeper.domain import Window
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.vitals import Vitals, grid_of, take_vitals
from watchkeeper.telemetry.sources import Sources
from watchkeeper.watch.splicing import Splice, spliced

LATE_SECONDS = 30.0
"""Telemetry that comes later than this is not seen before everything is asked anew."""
ANEW_SECONDS = 600.0
"""How often everything is asked anew."""
MARGIN_STEPS = 1
"""Steps that are asked for but not used: a call at the edge of a window may have lost one of its two sides."""


@dataclass(frozen=True)
class _Kept:
    vitals: Vitals
    whole_at: datetime
    """The end of the last stretch that was asked for as a whole."""


class RollingVitals:
    """What `take_vitals` says of the last `lookback_seconds`, at a fraction of the cost where looks follow closely.

    Steps younger than `LATE_SECONDS` are asked for again at each look, everything is every `ANEW_SECONDS`, when a
    source failed, when nobody had reported in the last of the known steps (a pipeline that was held up brings them
    later), and where time went backwards.
    """

    def __init__(self, sources: Sources, lookback_seconds: float) -> None:
        self._sources, self._lookback = sources, lookback_seconds
        self._kept: _Kept | None = None

    def until(self, end: datetime) -> Vitals:
        """The vitals of the stretch that ends at that moment. Never raises for a source that is down."""
        window = Window.before(end, self._lookback)
        grid, kept = grid_of(window), self._kept
        fresh = None if kept is None else _fresh(kept, grid)
        if kept is None or fresh is None:
            vitals, is_whole, whole_at = *_asked(self._sources, window), end
        else:
            new, is_whole = _asked(self._sources, Window(start=fresh.time_of(-MARGIN_STEPS), end=window.end))
            vitals, whole_at = _extended(kept.vitals, new, grid, fresh), kept.whole_at
        self._kept = _Kept(vitals, whole_at) if is_whole else None
        return vitals


def _asked(sources: Sources, window: Window) -> tuple[Vitals, bool]:
    """The vitals of a window, and whether every source answered."""
    ledger = Ledger()
    vitals = take_vitals(sources, window, ledger)
    return vitals, all(entry.status != "failed" for entry in ledger.evidence)


def _fresh(kept: _Kept, grid: Grid) -> Grid | None:
    """The steps of a grid that must be asked for; None where that is all of them."""
    old = kept.vitals.grid
    ended = old.time_of(old.size)
    since = (grid.time_of(grid.size) - ended).total_seconds()
    again = int(np.ceil(LATE_SECONDS / old.step_seconds))
    new = round(since / old.step_seconds)
    if old.step_seconds != grid.step_seconds or not 0 <= new < grid.size - again - MARGIN_STEPS:
        return None
    if (grid.time_of(grid.size) - kept.whole_at).total_seconds() >= ANEW_SECONDS:
        return None
    known = kept.vitals.presence.values()
    if not any(rows[-again - 1 :].any() for rows in known):
        return None
    size = again + new
    return Grid(grid.time_of(grid.size - size), grid.step_seconds, size)


def _extended(old: Vitals, new: Vitals, grid: Grid, fresh: Grid) -> Vitals:
    """The old vitals on the later grid, with the fresh steps from the new ones."""
    gone = round(old.grid.position_of(grid.start))
    at = Splice(gone, grid.size, fresh.size)
    uninstrumented = (old.uninstrumented | new.uninstrumented) - _instrumented(old) - _instrumented(new)
    return Vitals(
        grid=grid,
        services=spliced(old.services, new.services, at),
        operations=spliced(old.operations, new.operations, at),
        calls=spliced(old.calls, new.calls, at),
        answered=spliced(old.answered, new.answered, at),
        uninstrumented=frozenset(uninstrumented),
        resources=_usages(old.resources, new.resources, at),
        presence=_presence(old.presence, new.presence, at),
        instances=_instances(old, new, at),
        evidence=new.evidence,
    )


def _usages(
    old: dict[tuple[str, ResourceKind], Usage], new: dict[tuple[str, ResourceKind], Usage], at: Splice
) -> dict[tuple[str, ResourceKind], Usage]:
    found: dict[tuple[str, ResourceKind], Usage] = {}
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        # Two metrics of one kind may take turns in being the larger: they are not one series.
        if before is not None and after is not None and before.metric != after.metric:
            after = None if np.nanmax(before.values) >= np.nanmax(after.values) else after
        known = after or before
        assert known is not None
        same = before if before is not None and before.metric == known.metric else None
        values = at.of(None if same is None else same.values, None if after is None else after.values, np.nan)
        if np.isfinite(values).any():
            found[key] = replace(known, values=values)
    return dict(sorted(found.items()))


def _presence(old: dict[str, Floats], new: dict[str, Floats], at: Splice) -> dict[str, Floats]:
    found = {name: at.of(old.get(name), new.get(name), 0.0) for name in sorted(old.keys() | new.keys())}
    return {name: rows for name, rows in found.items() if rows.any()}


def _instances(old: Vitals, new: Vitals, at: Splice) -> dict[str, dict[str, tuple[int, int]]]:
    """First and last steps on the later grid; what reported only before it is left out."""
    out: dict[str, dict[str, tuple[int, int]]] = {}
    ahead = at.size - new.grid.size
    for vitals, moved in ((old, -at.gone), (new, ahead)):
        for service, instances in vitals.instances.items():
            for name, (first, last) in instances.items():
                first, last = max(0, first + moved), last + moved
                if last >= 0:
                    known = out.setdefault(service, {}).get(name, (first, last))
                    out[service][name] = min(first, known[0]), max(last, known[1])
    return out


def _instrumented(vitals: Vitals) -> set[str]:
    return {callee for _, callee, _ in vitals.calls} - vitals.uninstrumented
